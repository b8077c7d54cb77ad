"""Files and folders that are either whole or absent."""

import hashlib
import os
import re
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from shutil import rmtree

LEFTOVER = re.compile(r"\..*\.cali-([0-9a-f]{8})-(\d+)-[0-9a-f]+")  # .NAME.cali-MACHINE-PROCESS-RANDOM
LONGEST_NAME = 100  # bytes of the name in a temporary one; a longer name is hashed
FORGOTTEN_S = 7 * 24 * 3600  # age of what another machine left, or a system that does not tell which processes live


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file so that it is either whole or absent, whatever happens in between; a link's target is replaced."""
    path = _made_parent(path)
    temporary = _temporary(path)
    try:
        try:
            with open(temporary, "xb") as file:
                file.write(data)
        except OSError as error:  # a full disk tells no name
            raise OSError(error.errno, error.strerror, str(path)) from error
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to fill that replaces `path` when the block ends well and vanishes when it does not."""
    path = _made_parent(path)
    temporary = _temporary(path)
    temporary.mkdir()
    try:
        yield temporary
        if path.exists():
            rmtree(path)
        os.replace(temporary, path)
    except BaseException:
        rmtree(temporary, ignore_errors=True)
        raise


def _made_parent(path: Path) -> Path:
    """The path that a link leads to, its folder made and rid of what killed runs left."""
    real = Path(os.path.realpath(path)) if path.is_symlink() else path
    real.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(real.parent.absolute())
    return real


@cache
def remove_leftovers(folder: Path) -> None:
    """Remove temporary files and folders whose process is dead, once a process and folder."""
    try:
        with os.scandir(folder) as entries:
            left = [(entry, match) for entry in entries if (match := LEFTOVER.fullmatch(entry.name))]
    except OSError:  # a folder that may be written, not read
        return
    for entry, match in left:
        if not _in_use(Path(entry.path), match[1], int(match[2])):
            rmtree(entry.path, ignore_errors=True) if entry.is_dir() else Path(entry.path).unlink(missing_ok=True)


def _in_use(path: Path, machine: str, process: int) -> bool:
    if machine == _machine() and os.name == "posix":
        return _alive(process)
    try:
        return time.time() - path.stat().st_mtime < FORGOTTEN_S
    except OSError:
        return False


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _temporary(path: Path) -> Path:
    name = path.name if len(os.fsencode(path.name)) <= LONGEST_NAME else _hash(path.name)
    return path.with_name(f".{name}.cali-{_machine()}-{os.getpid()}-{secrets.token_hex(4)}")


def _machine() -> str:
    return _hash(socket.gethostname())


def _hash(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:8]
