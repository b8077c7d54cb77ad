"""What a process of the command line gets ready before its command runs: on any terminal, machine and installation."""

import os
import sys
import traceback
from pathlib import Path

from pipeline.core.errors import UserError
from pipeline.core.printable import printable
from pipeline.core.state import state_folder, write_log

PACKAGE = Path(__file__).resolve().parents[1]


def prepare(arguments: list[str]) -> list[str]:
    """The command line's arguments with ~ expanded; streams and caches are made to work wherever this runs."""
    _print_anything()
    _cache_somewhere()
    return [expanded(argument) for argument in arguments]


def expanded(argument: str) -> str:
    """An argument ("~/photos") or an option's value ("--out=~/photos") with ~ as the user's folder."""
    option, given, value = argument.partition("=")
    if option.startswith("--") and given:
        return f"{option}={os.path.expanduser(value)}"
    return os.path.expanduser(argument)


def _print_anything() -> None:
    """Characters that a terminal lacks are written as codes, not an error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _cache_somewhere() -> None:
    """Compiled loops lie beside their source, or, in a read-only installation, with this program's state."""
    if not os.access(PACKAGE, os.W_OK):
        os.environ.setdefault("NUMBA_CACHE_DIR", str(state_folder() / "numba"))


def check_data_link(root: str | None) -> None:
    """Raises UserError where DVC runs this in `root` and will not keep what it makes: data/ leads out of git's folder.

    Without git DVC follows the link.
    """
    data = Path(root or "", "data")
    git = next((folder for folder in data.absolute().parents if (folder / ".git").exists()), None)
    if root and git and data.is_symlink() and not data.resolve().is_relative_to(git.resolve()):
        raise UserError(
            "data is a link out of the git repository, where DVC keeps nothing; make it a folder: photos may lie "
            "anywhere (crop.photos), and so may what DVC keeps (dvc cache dir PATH; dvc config cache.type symlink)"
        )


def one_line(text: str) -> str:
    """A message that a terminal can show, whatever names are in it; the lines of a list stay lines."""
    return "\n".join(printable(line) for line in text.split("\n"))


def report(error: Exception) -> str:
    """One line about what nobody foresaw, its trace in a log file."""
    trace = f"{' '.join(map(printable, sys.argv[1:]))}\n{''.join(traceback.format_exception(error))}"
    first = (str(error).splitlines() or [""])[0]
    what = f"{type(error).__name__}: {first}" if first else type(error).__name__
    log = printable(write_log(trace))
    return f"{printable(what)}. This is a fault of the program: please report it with the file {log}"
