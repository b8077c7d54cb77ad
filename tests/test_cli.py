"""The command line as a whole."""

import subprocess
import sys

import pytest

SLOW_TO_IMPORT = {"numpy", "torch", "cv2", "scipy", "numba", "skimage", "matplotlib", "lightning_fabric", "rich"}


@pytest.mark.parametrize("arguments", [["--help"], ["weights", "--help"], ["sketch", "--help"]])
def test_help_imports_nothing_slow(arguments: list[str]) -> None:
    code = f"import sys; sys.argv[1:] = {arguments}\ntry:\n    from pipeline.cli import main; main()\nfinally:\n    "
    code += "print('imported:', *{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said, imported = done.stdout.rsplit("imported:", 1)
    assert "Usage: " in said
    assert not SLOW_TO_IMPORT & set(imported.split())


def test_what_a_user_types_is_no_markup() -> None:
    done = subprocess.run([sys.executable, "-m", "pipeline", "[/b]"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "'[/b]'" in done.stderr
