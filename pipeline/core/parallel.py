"""A function over many items, in processes, in order, with a progress bar."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NoReturn, TypeVar

import cv2

from pipeline.core.batching import side_by_side
from pipeline.core.errors import WorkFailed
from pipeline.core.printable import printable

Item = TypeVar("Item")
Result = TypeVar("Result")
SUSPECTS = 8  # items a job that are done one by one after a process was killed


def map_images(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    jobs: int,
    label: str,
    at_once: int = 1,
    killed: Callable[[Item], Result] | None = None,
) -> list[Result]:
    """Apply a function to every item in `jobs` processes, in order, with a progress bar.

    With `at_once` above 1 this process works on so many items side by side instead, and their nets are asked together.

    The function must be picklable, deal with its own files and return little: what it returns is
    all that is kept in memory.
    An item whose process is killed, also when it is alone, gives `killed(item)`; the rest goes on. Without `killed`
    it raises WorkFailed.
    """
    if at_once > 1:
        groups = [items[i : i + at_once] for i in range(0, len(items), at_once)]
        results: Iterable[Result] = (result for group in groups for result in side_by_side(function, group))
    elif jobs == 1:
        results = map(partial(_single_threaded, function), items)
    else:
        there = partial(_in_folder, Path.cwd(), partial(_single_threaded, function))
        results = _in_processes(there, items, jobs, killed or partial(_stop, label))
    from pipeline.core.progress import tracked  # not at the top: no result depends on how it looks

    return list(tracked(results, label, len(items)))


def _single_threaded(function: Callable[[Item], Result], item: Item) -> Result:
    cv2.setNumThreads(1)
    return function(item)


def _in_folder(folder: Path, function: Callable[[Item], Result], item: Item) -> Result:
    """A process that an earlier call left may still sit in that call's folder."""
    os.chdir(folder)
    return function(item)


def _in_processes(
    function: Callable[[Item], Result], items: Sequence[Item], jobs: int, killed: Callable[[Item], Result]
) -> Iterator[Result]:
    """In order. After a killed process the items that may have killed it are done one by one, then all go on."""
    import joblib  # here: one process does without, and starts faster
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    done = 0
    while done < len(items):
        try:
            parallel = joblib.Parallel(n_jobs=jobs, return_as="generator")
            for result in parallel(joblib.delayed(function)(item) for item in items[done:]):
                done += 1
                yield result
        except TerminatedWorkerError:
            suspects = items[done : done + SUSPECTS * jobs]
            done += len(suspects)
            yield from _one_by_one(function, suspects, killed)


def _one_by_one(
    function: Callable[[Item], Result], items: Sequence[Item], killed: Callable[[Item], Result]
) -> Iterator[Result]:
    from joblib.externals.loky.process_executor import ProcessPoolExecutor, TerminatedWorkerError

    pool = ProcessPoolExecutor(1)
    for item in items:
        try:
            yield pool.submit(function, item).result()
        except TerminatedWorkerError:
            pool.shutdown()
            pool = ProcessPoolExecutor(1)
            yield killed(item)
    pool.shutdown()


def _stop(label: str, item: object) -> NoReturn:
    name = printable(str(item[0] if isinstance(item, tuple) else item))
    raise WorkFailed(f"{label}: the process that worked on {name} was killed (out of memory? give fewer --jobs)")
