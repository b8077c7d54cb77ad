"""A function over many items, in processes, in order, with a progress bar."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TypeVar

import cv2
import joblib
from rich.progress import track

from pipeline.core.batching import side_by_side
from pipeline.core.console import console

Item = TypeVar("Item")


Result = TypeVar("Result")


def map_images(
    function: Callable[[Item], Result], items: Sequence[Item], jobs: int, label: str, at_once: int = 1
) -> list[Result]:
    """Apply a function to every item in `jobs` processes, in order, with a progress bar.

    With `at_once` above 1 this process works on so many items side by side instead, and their nets are asked together.

    The function must be picklable, deal with its own files and return little: what it returns is
    all that is kept in memory.
    """
    if at_once > 1:
        groups = [items[i : i + at_once] for i in range(0, len(items), at_once)]
        results: Iterable[Result] = (result for group in groups for result in side_by_side(function, group))
    elif jobs == 1:
        results = map(partial(_single_threaded, function), items)
    else:
        parallel = joblib.Parallel(n_jobs=jobs, return_as="generator")
        results = parallel(joblib.delayed(_single_threaded)(function, item) for item in items)
    return list(track(results, label, total=len(items), console=console, transient=True))


def _single_threaded(function: Callable[[Item], Result], item: Item) -> Result:
    cv2.setNumThreads(1)
    return function(item)
