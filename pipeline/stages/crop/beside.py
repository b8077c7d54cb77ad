"""Files that belong to a photo by their name: found exactly, never by pattern."""

import unicodedata
from functools import lru_cache
from pathlib import Path


def beside(folder: Path, stem: str) -> list[Path]:
    """Files of a folder whose name without its last suffix is `stem`, composed or decomposed, in order."""
    try:
        changed = folder.stat().st_mtime_ns
    except OSError:
        return []
    return [folder / name for name in _stems(folder, changed).get(normal(stem), ())]


def normal(name: str) -> str:
    """A name as file systems that decompose or compose Unicode both have it."""
    return unicodedata.normalize("NFC", name)


@lru_cache(maxsize=64)
def _stems(folder: Path, changed: int) -> dict[str, list[str]]:
    """Names of a folder's files by stem; `changed` is when the folder was, so that no old list is taken."""
    stems: dict[str, list[str]] = {}
    for path in sorted(folder.iterdir()):
        stems.setdefault(normal(path.stem), []).append(path.name)
    return stems
