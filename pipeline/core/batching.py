"""Pictures worked on side by side, so that a net is asked for many of them at once: what a GPU wants.

Each picture has a thread. A thread that asks a net waits until every other has asked, too, or has ended; then the net
runs once for all. Which pictures form a batch so depends on the pictures alone, never on how fast a thread was.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Item = TypeVar("Item")
Result = TypeVar("Result")
Net = Callable[[NDArray[Any]], NDArray[np.float32]]  # (N, ...) -> (N, H, W)


@dataclass
class Asked:
    """One picture that waits for a net."""

    place: int
    net: Net
    picture: NDArray[Any]
    drawn: "Future[NDArray[np.float32]]"


class Group:
    """The pictures worked on at the same time."""

    def __init__(self, count: int) -> None:
        self.busy, self.waiting, self.lock = count, list[Asked](), threading.Lock()

    def ask(self, place: int, net: Net, picture: NDArray[Any]) -> NDArray[np.float32]:
        """The net's drawing of one picture, in one batch with the others that ask."""
        asked = Asked(place, net, picture, Future())
        with self.lock:
            self.waiting.append(asked)
            self._run_when_all_wait()
        return asked.drawn.result()

    def leave(self) -> None:
        """A picture is done, or has failed."""
        with self.lock:
            self.busy -= 1
            self._run_when_all_wait()

    def _run_when_all_wait(self) -> None:
        if not self.waiting or len(self.waiting) < self.busy:
            return
        asked, self.waiting = sorted(self.waiting, key=lambda a: a.place), []
        for kind in dict.fromkeys((a.net, a.picture.shape) for a in asked):
            alike = [a for a in asked if (a.net, a.picture.shape) == kind]
            try:
                drawn = kind[0](np.stack([a.picture for a in alike]))
            except Exception as error:
                for a in alike:
                    a.drawn.set_exception(error)
            else:
                for a, sketch in zip(alike, drawn, strict=True):
                    a.drawn.set_result(sketch)


_own: ContextVar[tuple[Group, int] | None] = ContextVar("group", default=None)


def ask(net: Net, picture: NDArray[Any]) -> NDArray[np.float32]:
    """The net's drawing of one picture (H, W[, C]): with those of its group, where it is in one."""
    mine = _own.get()
    return net(picture[None])[0] if mine is None else mine[0].ask(mine[1], net, picture)


def side_by_side(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """The function of all items at the same time, in order; their nets are asked together."""
    group = Group(len(items))

    def work(place: int) -> Result:
        _own.set((group, place))
        try:
            return function(items[place])
        finally:
            group.leave()

    with ThreadPoolExecutor(len(items)) as pool:
        return list(pool.map(work, range(len(items))))
