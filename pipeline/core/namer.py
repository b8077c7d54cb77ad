"""The one namer of results."""

import hashlib
import os
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from pipeline.core.finder import Source
from pipeline.core.printable import printable

LONGEST_BYTES = 255  # of a file name, on every file system in use


def name_results(sources: Sequence[Source], endings: Sequence[str]) -> list[str]:
    """One name a source, in order; a result's file is the name and one of `endings` (".photo.png").

    The rule: a result bears its source's stem; where another source could bear that too (in any case, composed or
    decomposed), its suffix as well, then its folders, then a hash of its path.
    So a name follows from the source and from those that share its stem, whatever else is there. Names are Unicode
    NFC, bytes that are no UTF-8 are written %FF, and no file name is longer than LONGEST_BYTES in UTF-8: a longer one
    is cut and bears the hash.
    """
    room = LONGEST_BYTES - max(len(ending.encode()) for ending in endings)
    candidates = [list(dict.fromkeys(_candidates(source, room))) for source in sources]
    claims = Counter(claim for names in candidates for claim in {c for n in names for c in _files(n, endings)})
    return [next(n for n in names if all(claims[f] == 1 for f in _files(n, endings))) for names in candidates]


def _files(name: str, endings: Sequence[str]) -> set[str]:
    """The result files of a name, alike for file systems that ignore case and composition."""
    return {unicodedata.normalize("NFC", unicodedata.normalize("NFC", name + end).casefold()) for end in endings}


def _candidates(source: Source, room: int) -> Iterator[str]:
    """Names for a source, the plainest first; the last is of no other source."""
    digest = hashlib.sha256(os.fsencode(os.path.normpath(source.path))).hexdigest()
    path = PurePosixPath(unicodedata.normalize("NFC", printable(source.name)))
    stem = path.stem
    suffixed = f"{stem}-{path.suffix[1:]}" if path.suffix else stem
    placed = "-".join([*path.parts[:-1], suffixed])
    for name in (stem, suffixed, placed):
        yield _bounded(name, room, digest[:8])
    for length in (8, 64):
        yield _bounded(f"{suffixed}-{digest[:length]}", room, digest[:length])


def _bounded(name: str, room: int, mark: str) -> str:
    """The name where it fits into `room` bytes, else its beginning and the mark."""
    if len(name.encode()) <= room:
        return name
    return f"{name.encode()[: room - len(mark) - 1].decode(errors='ignore')}-{mark}"
