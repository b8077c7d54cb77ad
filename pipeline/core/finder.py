"""The one finder of pictures: which files of the named files and folders are meant, and what was left out and why.

found = find_pictures([folder], include=params.include, results=data)
found.sources    -> what to work on, in order: Source(path, name); name is relative to the folder that was named
found.left_out   -> what was left out: LeftOut(path, kind)
found.report()   -> the same as lines for the user: counts by kind, the first names
"""

import fnmatch
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.core.errors import UserError
from pipeline.core.printable import printable

# what image_io reads
SUFFIXES = frozenset(
    [".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif", ".svg"]
)
RAW = frozenset([".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2", ".pef", ".srw", ".raw"])
CONVERT_FIRST = RAW | {".heic", ".heif", ".hif", ".jxl", ".jp2", ".psd", ".xcf", ".kra", ".pdf"}
SYSTEM_NAMES = frozenset(["__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "@eadir"])
SUMMARY = "summary.json"  # what every command on pictures writes into its folder of results
NAMED = 3  # first names of a kind that a report tells

HIDDEN = "hidden or of the system"
NO_PICTURE = "no pictures"
CONVERT = "of a kind to convert to JPEG or PNG first"
OWN = "results of this program"
TWICE = "links to what was found already"
BROKEN = "broken links"
LOCKED = "not to be read"
SPECIAL = "no files"


@dataclass(frozen=True)
class Source:
    """One picture to work on."""

    path: Path
    name: str  # relative to the named folder, "/" between; of a file that was named itself its own name


@dataclass(frozen=True)
class LeftOut:
    """One file or folder that was not taken."""

    path: Path
    kind: str


@dataclass(frozen=True)
class Found:
    """What lies there, in the order of the names given and, in folders, of their own."""

    sources: tuple[Source, ...]
    left_out: tuple[LeftOut, ...]

    def report(self) -> list[str]:
        """One line a kind of what was left out: how many, the first names."""
        kinds = dict.fromkeys(left.kind for left in self.left_out)
        return [_line(kind, [left.path for left in self.left_out if left.kind == kind]) for kind in kinds]


def _line(kind: str, paths: list[Path]) -> str:
    names = ", ".join(printable(path.name or path) for path in paths[:NAMED])
    return f"left out, {kind}: {len(paths)} ({names}{', …' if len(paths) > NAMED else ''})"


def find_pictures(named: Sequence[Path], include: Sequence[str] = ("**/*",), results: Path | None = None) -> Found:
    """Pictures among the named files and below the named folders.

    A file that is named itself is taken whatever its name. Below a folder: files with a suffix of SUFFIXES that match
    a glob of `include` (relative to the folder; ** is any depth), but nothing hidden, nothing below `results` and no
    folder that holds results of this program. Links to folders are followed once.
    Raises UserError where a name does not exist or nothing is found.
    """
    sources: dict[str, Source] = {}
    left_out: list[LeftOut] = []
    for path in named:
        if os.path.isdir(path):
            taken, left = _below(path, include, results)
        elif os.path.lexists(path):
            taken, left = [Source(path, path.name)], []
        else:
            raise UserError(f"{printable(path)}: no such file or folder")
        left_out += left
        for source in taken:
            sources.setdefault(os.path.abspath(source.path), source)
    found = Found(tuple(sources.values()), tuple(left_out))
    if not found.sources:
        where = ", ".join(printable(path) for path in named)
        raise UserError("; ".join([f"no images ({' '.join(sorted(SUFFIXES))}) in {where}", *found.report()]))
    return found


def _below(root: Path, include: Sequence[str], results: Path | None) -> tuple[list[Source], list[LeftOut]]:
    folder = _Folder(root, results)
    files = [
        Source(file, name)
        for name, file in folder.files()
        if any(_matches(name.split("/"), pattern.split("/")) for pattern in include)
    ]
    taken = [source for source in files if not _unwanted(source.path)]
    left = [LeftOut(source.path, kind) for source in files if (kind := _unwanted(source.path))]
    return taken, left + folder.left_out


def _unwanted(file: Path) -> str | None:
    """Why a file below a folder is not taken; None where it is."""
    suffix = file.suffix.lower()
    if suffix not in SUFFIXES:
        return CONVERT if suffix in CONVERT_FIRST else NO_PICTURE
    if not os.path.exists(file):
        return BROKEN
    return None if os.path.isfile(file) else SPECIAL


def _matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether the parts of a relative path match those of a glob; ** stands for any number of folders."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_matches(parts[i:], pattern[1:]) for i in range(len(parts) + 1))
    return bool(parts) and fnmatch.fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def is_hidden(name: str) -> bool:
    """Whether a name is a dotfile or one that systems leave behind."""
    return name.startswith(".") or name.lower() in SYSTEM_NAMES


class _Folder:
    """Walk of one folder: real folders first, then what links lead to, so that a link never renames what it shows."""

    def __init__(self, root: Path, results: Path | None) -> None:
        self.root = root
        self.results = os.path.realpath(results) if results else None
        self.seen: set[str] = set()
        self.left_out: list[LeftOut] = []

    def files(self) -> list[tuple[str, Path]]:
        """(relative name, path) of all files that are not hidden, sorted by name."""
        found, waiting = [], [("", self.root)]
        while waiting:
            links: list[tuple[str, Path]] = []
            for prefix, folder in waiting:
                found += list(self._walk(prefix, folder, links))
            waiting = sorted(links)
        return sorted(found, key=lambda pair: pair[0].split("/"))

    def _walk(self, prefix: str, folder: Path, links: list[tuple[str, Path]]) -> Iterator[tuple[str, Path]]:
        stack = [(prefix, folder)]
        while stack:
            prefix, folder = stack.pop()
            if not self._enters(folder):
                continue
            for entry in self._entries(folder):
                name, path = f"{prefix}{entry.name}", folder / entry.name
                if is_hidden(entry.name):
                    self.left_out.append(LeftOut(path, HIDDEN))
                elif entry.is_dir(follow_symlinks=False):
                    stack.append((f"{name}/", path))
                elif os.path.isdir(path):
                    links.append((f"{name}/", path))
                else:
                    yield name, path

    def _enters(self, folder: Path) -> bool:
        real = os.path.realpath(folder)
        own = folder != self.root and (real == self.results or holds_results(folder))
        if own or real in self.seen:
            self.left_out.append(LeftOut(folder, OWN if own else TWICE))
            return False
        self.seen.add(real)
        return True

    def _entries(self, folder: Path) -> Iterable[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except OSError:
            self.left_out.append(LeftOut(folder, LOCKED))
            return ()


def holds_results(folder: Path) -> bool:
    """Whether a command of this program wrote its summary into a folder."""
    try:
        return b'"made_by": "cali-sketch"' in (folder / SUMMARY).read_bytes()[:200]
    except OSError:
        return False
