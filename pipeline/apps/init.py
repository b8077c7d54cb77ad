"""Command `init`: a folder in which `dvc repro` works with the installed package, no clone of the repository needed."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from pipeline.core.errors import UserError
from pipeline.core.files import new_folder, write_bytes
from pipeline.core.workspace import INSTALLED, PACKAGE, SHIPPED

USERS = ("params.yaml", ".gitignore", ".dvcignore", "data/.gitignore")  # kept where they are there
OURS = ("dvc.yaml", "profiles/*.yaml")
CODE = Path("code")
CODE_PACKAGES = (PACKAGE, PACKAGE.parent / "models")
CODE_STAGE = """\
# Laid out by `cali-sketch init`. The code that stages depend on is the installed package's: stage code copies it to
# code/ at every `dvc repro`, so that another version of the package runs again what it would make otherwise.
stages:
  code:
    cmd: python -m pipeline code
    always_changed: true
    outs:
      - code
"""


def run(folder: Path, force: bool) -> None:
    """Lay out a workspace in `folder` and say what to run there.

    With `force` dvc.yaml, profiles and weights are replaced by the installed package's; params.yaml stays.
    Raises UserError where there is a workspace already, or where git or DVC fail.
    """
    there = [name for name in ("dvc.yaml", "params.yaml") if (folder / name).exists()]
    if there and not force:
        raise UserError(
            f"{folder}: has a {there[0]} already; another folder, or --force: dvc.yaml, profiles/ and the weights as "
            "installed, params.yaml as it is"
        )
    lay_out(folder)
    in_git = _set_up_versions(folder)
    print(f"{folder}: laid out; next:\n  cd {folder}\n  dvc repro")
    if in_git:
        print("Before experiments (dvc exp run): git add . && git commit -m start")
    binaries = Path(sys.executable).parent
    if any((found := shutil.which(name)) is None or Path(found).parent != binaries for name in ("python", "dvc")):
        print(f"Before all that: put {binaries} first on the PATH, as activating its environment does")


def lay_out(folder: Path) -> None:
    """The files of a workspace, without git and DVC."""
    sources = [path for pattern in (*USERS, *OURS) for path in SHIPPED.glob(pattern)]
    sources += [path for path in (SHIPPED / "data" / "weights").rglob("*") if path.is_file()]
    for source in sources:
        name = source.relative_to(SHIPPED).as_posix()
        if not (name in USERS and (folder / name).exists()):
            content = source.read_bytes()
            write_bytes(folder / name, dvc_yaml(content.decode()).encode() if name == "dvc.yaml" else content)


def dvc_yaml(text: str) -> str:
    """The repository's dvc.yaml for a folder without the code: its code deps below code/, which a stage fills."""
    moved = re.sub(r"^(\s*- )(pipeline|models)/", rf"\1{CODE}/\2/", text, flags=re.MULTILINE)
    return moved.replace("stages:\n", CODE_STAGE, 1)


def copy_code(folder: Path) -> None:
    """Stage code: the files that the running package is made of, below `folder`/code."""
    with new_folder(folder / CODE) as to:
        for package in CODE_PACKAGES:
            left_out = shutil.ignore_patterns("__pycache__", INSTALLED.name)
            shutil.copytree(package, to / package.name, ignore=left_out)


def _set_up_versions(folder: Path) -> bool:
    """git, where it is installed, and DVC in the folder; what is set up already stays. Returns whether git is there."""
    in_git = shutil.which("git") is not None
    if in_git and not _in_repository(folder):
        _must(folder, "git", "init", "-q")
    if not (folder / ".dvc").exists():
        how = "--no-scm" if not in_git else "" if (folder / ".git").exists() else "--subdir"
        _must(folder, sys.executable, "-m", "dvc", "init", "-q", *([how] if how else []))
    return in_git


def _in_repository(folder: Path) -> bool:
    return subprocess.run(["git", "rev-parse", "--git-dir"], cwd=folder, capture_output=True).returncode == 0


def _must(folder: Path, *command: str) -> None:
    """Raises UserError with what the command said where it fails."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        raise UserError(f"{folder}: {' '.join(command)}: {done.stderr.strip()[-1000:]}")
