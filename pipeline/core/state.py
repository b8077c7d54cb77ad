"""Where this program keeps what is no result: caches and logs, never in the user's folders."""

import os
import tempfile
import time
from pathlib import Path


def state_folder() -> Path:
    """$CALI_SKETCH_CACHE, else a folder of the user's, made if missing; a temporary one where that cannot be written.

    The temporary one is the same for all processes of a user.
    """
    asked = os.environ.get("CALI_SKETCH_CACHE")
    for folder in ([Path(asked).expanduser()] if asked else []) + _usual():
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    return Path(tempfile.mkdtemp(prefix="cali-sketch-"))


def _usual() -> list[Path]:
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    try:
        home = [Path.home() / ".cache" / "cali-sketch"]
    except RuntimeError:  # no HOME, and a user without an entry
        home = []
    return [*home, Path(tempfile.gettempdir()) / f"cali-sketch-{user}"]


def write_log(text: str) -> Path:
    """Append what only a developer reads to this process's log file; returns its path."""
    path = state_folder() / "logs" / f"{time.strftime('%Y-%m-%d')}-{os.getpid()}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}\n{text}\n")
    return path
