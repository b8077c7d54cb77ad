"""The one way in which commands work on pictures of a user's own: found, named, worked on, told."""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.core.console import console
from pipeline.core.errors import UserError
from pipeline.core.finder import OWN, SUMMARY, Found, LeftOut, find_pictures, holds_results
from pipeline.core.namer import name_results
from pipeline.core.outcome import Task, attempt, conclude, killed
from pipeline.core.parallel import map_images
from pipeline.core.printable import printable

One = Callable[[Task], tuple[list[Path], list[str]]]  # writes a picture's results: their files, what was done to it


def work(
    command: str,
    named: Sequence[Path],
    out: Path | None,
    endings: Sequence[str],
    one: One,
    jobs: int = 1,
    settings: Mapping[str, Any] | None = None,
) -> int:
    """`one` of every picture among the named files and folders; returns the exit code, 0 or 1.

    `endings`: of all files that `one` writes. OUT/summary.json tells what became of each picture.
    Raises UserError where the work cannot begin.
    """
    folder = _folder(command, out)
    found, names = _without_results(find_pictures(named, results=folder), folder, endings)
    tasks = [Task(source.path, name, folder) for source, name in zip(found.sources, names, strict=True)]
    outcomes = map_images(partial(attempt, one), tasks, jobs, command, killed=killed)
    return conclude(command, folder, outcomes, found, settings or {}, console.print)


def _folder(command: str, out: Path | None) -> Path:
    """The folder of results, made. Raises UserError where it cannot be written or holds somebody else's summary."""
    if out is None:
        raise UserError(f"{command}: name a folder for the results, --out DIR")
    name = printable(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out {name}: no folder can be made there ({error.strerror})") from error
    if not os.access(out, os.W_OK):
        raise UserError(f"--out {name}: may not be written")
    if (out / SUMMARY).exists() and not holds_results(out):
        raise UserError(f"--out {name}: holds a {SUMMARY} that is not of this program; name another folder")
    return out


def _without_results(found: Found, out: Path, endings: Sequence[str]) -> tuple[Found, list[str]]:
    """Without files that another picture's results would replace: those are results of an earlier run."""
    names = name_results(found.sources, endings)
    made = {os.path.abspath(out / f"{name}{ending}") for name in names for ending in endings}
    sources = tuple(source for source in found.sources if os.path.abspath(source.path) not in made)
    if len(sources) == len(names):
        return found, names
    own = (LeftOut(source.path, OWN) for source in found.sources if os.path.abspath(source.path) in made)
    return Found(sources, (*found.left_out, *own)), name_results(sources, endings)
