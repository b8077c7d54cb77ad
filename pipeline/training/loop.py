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
from typing import Annotated, Protocol

import torch
from torch import Tensor

from pipeline.core.allowed import Name, Range
from pipeline.core.console import console
from pipeline.core.errors import Stopped, UserError
from pipeline.core.files import write_bytes
from pipeline.core.params import require
from pipeline.training.checkpoint import Resume, prefixed
from pipeline.training.data import Batch

Steps = Annotated[int, Range(least=1, most=10**9)]
Row = dict[str, float]
VALIDATED = "val_"  # how the columns begin that are measured on people who are not trained on


@dataclass(frozen=True)
class ScheduleParams:
    """How long a stage trains, how often it tells, and when it has learnt enough."""

    steps: Steps  # N1, N2, N3 of Algorithm 1: at most
    plateau_patience_steps: Annotated[int, Range(least=0, most=10**9)]  # stop when no better for so long; 0: never
    plateau_measure: Name  # of `validate`, on people who are not trained on; less is better
    log_every_steps: Steps
    save_every_steps: Steps
    validate_every_steps: Steps  # measured, and shown on a sample sheet

    def __post_init__(self) -> None:
        waits = self.plateau_patience_steps
        require(
            not waits or waits >= self.validate_every_steps,
            "plateau_patience_steps 0, or at least validate_every_steps",
        )


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
    validate: Callable[[int], Row],
    label: str,
    mean: Callable[[Tensor], Tensor] | None = None,
) -> list[Row]:
    """Train until the schedule or the plateau ends it; the history: one row per log interval.

    `validate`: measures the nets after so many steps; its figures join the row of that step, or of the next.
    `mean`: over the processes that train together, so that all log and decide alike; None where there is one.
    Raises UserError when a term is not finite (the last good state stays), Stopped on SIGTERM.
    """
    from pipeline.core.progress import counted  # not at the top: no result depends on how it looks

    step, history, sums, measured = _restore(trainer, resume, label)
    with counted(label, schedule.steps, step) as show, _termination() as asked:
        started, seen = time.monotonic(), 0
        while step < schedule.steps and not plateaued(history, schedule):
            lr = trainer.set_progress(step / schedule.steps)
            batch = batches(step)
            sums = _added(sums, trainer.step(batch))
            step, seen, due = step + 1, seen + len(next(iter(batch.values()))), _due(step + 1, schedule)
            stop = asked() if mean is None else due.log and bool(mean(_flag(sums, asked())) > 0)
            saved = due.save or stop
            if mean and (due.log or saved):
                sums = {key: mean(value) for key, value in sums.items()}
            measured = validate(step) if due.validate else measured
            if due.log:
                history.append(_row(step, sums, lr, history) | measured)
                sums, measured = {}, Row()
                show(step, _remark(history[-1], seen / (time.monotonic() - started)))
            if saved:
                about = {"step": step, "history": history, "measured": measured}
                resume.save(prefixed("sums/", sums) | trainer.state(), about)
            if stop and step < schedule.steps:
                raise Stopped(f"{label}: stopped at step {step} of {schedule.steps}; run it again to go on")
    return history


def _added(sums: Mapping[str, Tensor], terms: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key: sums[key].to(value) + value if sums else value for key, value in terms.items()}


@dataclass(frozen=True)
class Due:
    """What is to be done after a step."""

    log: bool
    save: bool
    validate: bool


def _due(step: int, schedule: ScheduleParams) -> Due:
    last = step == schedule.steps
    return Due(
        last or step % schedule.log_every_steps == 0,
        step % schedule.save_every_steps == 0,
        last or step % schedule.validate_every_steps == 0,
    )


def _remark(row: Row, rate: float) -> str:
    """Images a second, then the terms, those measured on val first."""
    told = sorted((key for key in row if key not in ("step", "lr")), key=lambda key: not key.startswith(VALIDATED))
    return f"{rate:.1f} images/s, {' '.join(f'{key} {row[key]:.3g}' for key in told)}"


def _flag(sums: Mapping[str, Tensor], value: bool) -> Tensor:
    """On the device of the terms."""
    return torch.full_like(next(iter(sums.values())), float(value))


def _restore(trainer: Trainer, resume: Resume, label: str) -> tuple[int, list[Row], dict[str, Tensor], Row]:
    saved = resume.load()
    if saved is None:
        return 0, [], {}, {}
    tensors, about = saved
    sums = {key.removeprefix("sums/"): tensors.pop(key) for key in list(tensors) if key.startswith("sums/")}
    trainer.load_state(tensors)
    elsewhere = about["made_on"] != resume.made_on
    note = f", saved on {about['made_on']}: not to the same bytes as one run" if elsewhere else ""
    console.print(f"{label}: going on from step {about['step']}{note}")
    return about["step"], about["history"], sums, about["measured"]


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
    """Whether the measure was best, on people who are not trained on, longer ago than the patience.

    Raises UserError where there is no such measure.
    """
    patience, name = schedule.plateau_patience_steps, f"{VALIDATED}{schedule.plateau_measure}"
    rows = [row for row in history if any(key.startswith(VALIDATED) for key in row)]
    if not patience or not rows:
        return False
    if name not in rows[0]:
        known = sorted(key.removeprefix(VALIDATED) for key in rows[0] if key.startswith(VALIDATED))
        raise UserError(
            f"training: no measure '{schedule.plateau_measure}' (schedule.plateau_measure); there are {known}"
        )
    best = min(rows, key=lambda row: row[name])
    return history[-1]["step"] - best["step"] >= patience


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
    """history.csv: step, every term (mean since the row before), D accuracy, learning rate, figures on val."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(key for row in history for key in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows([{key: f"{value:.8g}" for key, value in row.items()} for row in history])
    write_bytes(path, text.getvalue().encode())
