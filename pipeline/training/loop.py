"""`fit`: counts, logs, saves, decays, stops. It knows no network."""

import csv
import io
import math
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from pipeline.core.console import console
from pipeline.core.errors import Stopped, UserError
from pipeline.core.files import write_bytes
from pipeline.training.checkpoint import Resume
from pipeline.training.data import Batch

Row = dict[str, float]


@dataclass(frozen=True)
class ScheduleParams:
    """How long a stage trains and how often it tells."""

    steps: int  # N1, N2, N3 of Algorithm 1: at most
    plateau_patience_steps: int  # stop when `plateau_term` has not got better for so long; 0: never
    plateau_term: str
    log_every_steps: int
    save_every_steps: int
    sample_every_steps: int


class Trainer(Protocol):
    """What `fit` drives."""

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """One update; the unweighted terms as scalars on the device."""
        ...

    def set_progress(self, share: float) -> float:
        """Told the share of the schedule done before each step; returns the learning rate it set."""
        ...

    def state(self) -> dict[str, Tensor]: ...

    def load_state(self, tensors: Mapping[str, Tensor]) -> None: ...


def fit(
    trainer: Trainer,
    batches: Callable[[int], Batch],
    schedule: ScheduleParams,
    resume: Resume,
    sample: Callable[[int], None],
    label: str,
    mean: Callable[[Tensor], Tensor] | None = None,
) -> list[Row]:
    """Train until the schedule or the plateau ends it; returns the history, one row per log interval.

    `mean`: over the processes that train together, so that all log and decide alike; None where there is one.

    Raises UserError when a term is not finite (the last good state stays), Stopped on SIGTERM.
    """
    step, history, sums = _restore(trainer, resume, label)
    with _progress(label, schedule.steps, step) as show, _termination() as asked:
        started, counted = time.monotonic(), 0
        while step < schedule.steps and not plateaued(history, schedule):
            lr = trainer.set_progress(step / schedule.steps)
            batch = batches(step)
            terms = trainer.step(batch)
            sums = {key: sums[key].to(value) + value if sums else value for key, value in terms.items()}
            step, counted = step + 1, counted + len(batch["photo"])
            logged = step % schedule.log_every_steps == 0 or step == schedule.steps
            stop = asked() if mean is None else logged and bool(mean(_flag(sums, asked())) > 0)
            saved = step % schedule.save_every_steps == 0 or stop
            if mean and (logged or saved):
                sums = {key: mean(value) for key, value in sums.items()}
            if logged:
                history.append(_row(step, sums, lr, history))
                sums = {}
                show(step, history[-1], counted / (time.monotonic() - started))
            if step % schedule.sample_every_steps == 0 or step == schedule.steps:
                sample(step)
            if saved:
                sums_so_far = {f"sums/{key}": value for key, value in sums.items()}
                resume.save(sums_so_far | trainer.state(), {"step": step, "history": history})
            if stop and step < schedule.steps:
                raise Stopped(f"{label}: stopped at step {step} of {schedule.steps}; run it again to go on")
    return history


def _flag(sums: Mapping[str, Tensor], value: bool) -> Tensor:
    """On the device of the terms."""
    return torch.full_like(next(iter(sums.values())), float(value))


def _restore(trainer: Trainer, resume: Resume, label: str) -> tuple[int, list[Row], dict[str, Tensor]]:
    saved = resume.load()
    if saved is None:
        return 0, [], {}
    tensors, about = saved
    sums = {key.removeprefix("sums/"): tensors.pop(key) for key in list(tensors) if key.startswith("sums/")}
    trainer.load_state(tensors)
    elsewhere = about["made_on"] != resume.made_on
    note = f", saved on {about['made_on']}: not to the same bytes as one run" if elsewhere else ""
    console.print(f"{label}: going on from step {about['step']}{note}")
    return about["step"], about["history"], sums


def _row(step: int, sums: dict[str, Tensor], lr: float, history: Sequence[Row]) -> Row:
    count = step - (int(history[-1]["step"]) if history else 0)
    row = {"step": float(step)} | {key: value.item() / count for key, value in sums.items()} | {"lr": lr}
    bad = [key for key, value in row.items() if not math.isfinite(value)]
    if bad:
        raise UserError(
            f"training: {bad[0]} is not finite near step {step}; lower the learning rate; the last state stays"
        )
    return row


def plateaued(history: Sequence[Row], schedule: ScheduleParams) -> bool:
    """Whether the watched term, smoothed over a quarter of the patience, was best longer ago than the patience.

    Raises UserError where there is no such term.
    """
    patience = schedule.plateau_patience_steps // schedule.log_every_steps
    if patience and history and schedule.plateau_term not in history[0]:
        known = sorted(set(history[0]) - {"step", "lr"})
        raise UserError(f"training: no term '{schedule.plateau_term}' (plateau_term) has a weight; there are {known}")
    if patience == 0 or len(history) <= patience:
        return False
    values = [row[schedule.plateau_term] for row in history]
    window = max(1, patience // 4)
    smooth = [sum(values[max(0, i + 1 - window) : i + 1]) / min(window, i + 1) for i in range(len(values))]
    best = min(range(len(smooth)), key=smooth.__getitem__)
    return len(smooth) - 1 - best >= patience


@contextmanager
def _progress(label: str, total: int, done: int) -> Iterator[Callable[[int, Row, float], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeRemainingColumn(), TextColumn("{task.fields[terms]}"), console=console) as bar:
        task = bar.add_task(label, total=total, completed=done, terms="")
        tenth = done * 10 // total

        def show(step: int, row: Row, rate: float) -> None:
            terms = " ".join(f"{key} {value:.3g}" for key, value in row.items() if key not in ("step", "lr"))
            bar.update(task, completed=step, terms=f"{rate:.1f} images/s {terms}")
            nonlocal tenth
            if not console.is_terminal and step * 10 // total > tenth:
                tenth = step * 10 // total
                console.print(f"{label}: step {step}/{total}, {rate:.2f} images/s, {terms}")

        yield show


@contextmanager
def _termination() -> Iterator[Callable[[], bool]]:
    """Turn SIGTERM and Ctrl-C into a question asked between steps."""
    received: list[int] = []
    previous = {
        sig: signal.signal(sig, lambda number, _: received.append(number)) for sig in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield lambda: bool(received)
    finally:
        for sig, handler in previous.items():
            signal.signal(sig, handler)


def write_history(path: Path, history: Sequence[Row]) -> None:
    """history.csv: step, every term (mean since the row before), D accuracy, learning rate."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(history[0]) if history else ["step"], lineterminator="\n")
    writer.writeheader()
    writer.writerows([{key: f"{value:.8g}" for key, value in row.items()} for row in history])
    write_bytes(path, text.getvalue().encode())
