"""How long work shows that it goes on. Imported where it is used, so that no stage depends on how it looks."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pipeline.core.console import console

Item = TypeVar("Item")
LINE = 120  # characters, at most, of a line of progress where there is no terminal


def tracked(items: Iterable[Item], label: str, total: int) -> Iterator[Item]:
    """The items, a bar on the terminal meanwhile; nothing where there is none."""
    with _bar(TimeRemainingColumn()) as bar:
        yield from bar.track(items, total, description=label)


@contextmanager
def counted(label: str, total: int, done: int) -> Iterator[Callable[[int, str], None]]:
    """Tell (steps done, a remark) as training goes on: a bar on the terminal, elsewhere a line each time."""
    remark = TextColumn("{task.fields[remark]}", table_column=None)
    with _bar(TimeRemainingColumn(), remark) as bar:
        task = bar.add_task(label, total=total, completed=done, remark="")

        def show(step: int, text: str) -> None:
            bar.update(task, completed=step, remark=_cut(text, console.width - len(label) - 50))
            if not console.is_terminal:
                console.print(_cut(f"{label}: step {step}/{total}, {text}", LINE))

        yield show


def _bar(*columns: TextColumn | TimeRemainingColumn) -> Progress:
    parts = (TextColumn("{task.description}", markup=False), BarColumn(24), MofNCompleteColumn(), *columns)
    return Progress(*parts, console=console, transient=True, disable=not console.is_terminal)


def _cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else f"{text[: max(1, characters - 1)]}…"
