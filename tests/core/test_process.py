"""The command line on terminals, machines and installations as people have them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.core.errors import UserError
from pipeline.core.process import check_data_link, expanded

ROOT = Path(__file__).parents[2]


def python(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, env=os.environ | {"PYTHONPATH": str(ROOT)} | environment)


FAULTY = """
import sys
from pipeline import cli
def broken(folder: str) -> None:
    {statement}
cli.app.command()(broken)
cli.main()
"""


def broken(statement: str, tmp_path: Path, **environment: str) -> tuple[int, str]:
    code = FAULTY.format(statement=statement)
    done = python(code, "broken", "[/b]", CALI_SKETCH_CACHE=str(tmp_path), **environment)
    return done.returncode, done.stderr.decode(errors="strict")


def test_what_nobody_foresaw_is_one_line_and_a_log(tmp_path: Path) -> None:
    code, told = broken("raise LookupError('[/b] is\\nnot here')", tmp_path)
    assert code == 1
    assert told.startswith(
        "error: LookupError: [/b] is. This is a fault of the program: please report it with the file"
    )
    assert len(told.splitlines()) == 1
    log = Path(told.split("the file ")[1].strip()).read_text()
    assert "Traceback" in log
    assert "broken [/b]" in log


def test_exit_codes(tmp_path: Path) -> None:
    assert broken("from pipeline.core.errors import UserError as E; raise E('x')", tmp_path) == (2, "error: x\n")
    assert broken("from pipeline.core.errors import WorkFailed as E; raise E('x')", tmp_path) == (1, "error: x\n")
    assert broken("from pipeline.core.errors import Stopped as E; raise E('x')", tmp_path) == (0, "x\n")
    assert broken("raise OSError(28, 'No space left', 'a')", tmp_path) == (1, "error: a: No space left\n")
    assert python("from pipeline.cli import main; main()", "generate", "--nope").returncode == 2
    assert b"Exit codes: 0" in python("from pipeline.cli import main; main()", "--help").stdout


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "utf-8"])
def test_names_are_printed_on_every_terminal(tmp_path: Path, encoding: str) -> None:
    statement = "from pipeline.core.errors import UserError as E; raise E('微信 \\udcff \\x1b[31m …')"
    code, told = broken(statement, tmp_path, PYTHONIOENCODING=encoding)
    assert code == 2
    assert "%FF \\x1b[31m" in told


def test_no_terminal_and_no_streams(tmp_path: Path) -> None:
    code = "import sys; sys.stdout = sys.stderr = None\nfrom pipeline.core.process import prepare; prepare([])"
    assert python(code).returncode == 0


def test_compiled_loops_have_a_place_in_a_read_only_installation(tmp_path: Path) -> None:
    """Neither the package nor HOME can be written: the loops are cached with temporary files."""
    code = """
import os, sys
from pathlib import Path
from pipeline.core import process, state
really = os.access
os.access = lambda path, mode: False if str(path).startswith(str(process.PACKAGE)) else really(path, mode)
process.prepare([])
print(os.environ["NUMBA_CACHE_DIR"])
"""
    (tmp_path / "file").touch()
    home = {"HOME": str(tmp_path / "file"), "TMPDIR": str(tmp_path)}
    environment = {
        name: value for name, value in os.environ.items() if name not in ("CALI_SKETCH_CACHE", "NUMBA_CACHE_DIR")
    }
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=environment | {"PYTHONPATH": str(ROOT)} | home)
    assert done.stdout.strip() == str(tmp_path / f"cali-sketch-{os.getuid()}" / "numba"), done.stderr


def test_the_users_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("USERPROFILE", "/home/me")
    assert expanded("~/photos") == "/home/me/photos"
    assert expanded("--out=~/photos") == "/home/me/photos".join(("--out=", ""))
    assert expanded("a~b") == "a~b"
    assert expanded("x=~/y") == "x=~/y"


def test_a_link_for_data_is_followed_or_refused_at_the_start(tmp_path: Path) -> None:
    """DVC runs a stage, and only then says that data/ is outside of git's folder."""
    root, away = tmp_path / "clone", tmp_path / "large disk"
    root.mkdir()
    away.mkdir()
    (root / "data").symlink_to(away)
    check_data_link(str(root))  # no git: DVC follows it
    (root / ".git").mkdir()
    check_data_link(None)  # no DVC
    with pytest.raises(UserError, match="data is a link out of the git repository"):
        check_data_link(str(root))
    done = python("from pipeline.cli import main; main()", "demo", DVC_ROOT=str(root))
    assert (done.returncode, done.stderr[:22]) == (2, b"error: data is a link ")
    (root / "data").unlink()
    (root / "disk").mkdir()
    (root / "data").symlink_to("disk")
    check_data_link(str(root))
