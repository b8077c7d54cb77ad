"""`make repro` where git is and where it is not."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def download(tmp_path: Path) -> Path:
    """A ZIP download: no .git; its environment's commands only write down what they were asked."""
    shutil.copy2(ROOT / "Makefile", tmp_path)
    for name in ("requirements.lock", "pyproject.toml"):
        (tmp_path / name).touch()
    binaries = tmp_path / ".venv/bin"
    binaries.mkdir(parents=True)
    for name in ("dvc", "cali-sketch"):
        (binaries / name).write_text(f'#!/bin/sh\necho {name} "$@" >> asked\n')
        (binaries / name).chmod(0o755)
    (tmp_path / ".venv/.installed").touch()
    return tmp_path


def asked(folder: Path) -> list[str]:
    subprocess.run(["make", "-s", "repro", "VENV=.venv"], cwd=folder, check=True, capture_output=True)
    return (folder / "asked").read_text().splitlines()


def test_dvc_is_told_that_there_is_no_git(download: Path) -> None:
    assert asked(download) == ["dvc config --local core.no_scm true", "dvc repro", "cali-sketch summary"]


def test_dvc_in_a_clone_is_left_as_it_is(download: Path) -> None:
    (download / ".git").mkdir()
    assert asked(download) == ["dvc repro", "cali-sketch summary"]
