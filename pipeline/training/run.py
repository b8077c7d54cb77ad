"""One training run: resumed where it was killed, its weights, history and samples written when it ends."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from pipeline.core.files import new_folder, write_bytes
from pipeline.core.image_io import write_photo
from pipeline.training.checkpoint import Resume, locked, resume_folder, resume_path, save_tensors, workspace_lock
from pipeline.training.data import Ahead, Batch, readers, sent
from pipeline.training.device import Device
from pipeline.training.loop import VALIDATED, Row, ScheduleParams, Trainer, fit, write_history
from pipeline.training.samples import sample_sheet


class StageTrainer(Trainer, Protocol):
    """A trainer that can also be kept, measured and shown."""

    def weights(self) -> dict[str, Tensor]: ...

    def measure(self, batch: Batch) -> dict[str, Tensor]:
        """Name -> a scalar, less is better, of a batch of people who are not trained on; nothing is changed."""
        ...

    def show(self, batch: Batch) -> dict[str, Tensor]:
        """Columns of the sample sheet: name -> (N, C, H, W) in [0, 1]."""
        ...

    def nets(self) -> list[nn.Module]:
        """What --compile compiles: nearly all the work."""
        ...


@dataclass(frozen=True)
class Run:
    """What a run is made of, and where its result goes."""

    name: str
    schedule: ScheduleParams
    seed: int
    batches: Callable[[Fabric], Callable[[int], Batch]]
    validation: Sequence[Batch]  # people who are not trained on; the first is on the sample sheets
    build: Callable[[Fabric], StageTrainer]
    key: str  # of all that decides the result
    header: Mapping[str, Any]  # kept in the weights file
    folder: Path


def train(run: Run, device: Device) -> None:
    """Train, resuming where a killed run stopped: -> FOLDER/weights.safetensors, history.csv, samples/.

    Of several processes the first alone writes.
    """
    fabric = device.fabric()
    torch.manual_seed(run.seed)
    made_on = f"{fabric.device.type}, {device.chosen_precision()}, processes: {fabric.world_size}"
    with _state_of(run, fabric, made_on) as resume:
        trainer = run.build(fabric)
        if device.compile:
            for net in trainer.nets():
                net.compile(dynamic=False)
        made = run.batches(fabric)

        def load(step: int) -> Batch:
            return {name: sent(value, fabric.device) for name, value in made(step).items()}

        with Ahead(load, readers(made, fabric.device)) as batches:
            mean = fabric.all_reduce if fabric.world_size > 1 else None
            check = _validation(run, trainer, fabric, resume.folder)
            history = fit(trainer, batches, run.schedule, resume, check, f"train {run.name}", mean)  # type: ignore[arg-type]
        if fabric.is_global_zero:
            _keep(run, trainer, history, resume)


def _validation(run: Run, trainer: StageTrainer, fabric: Fabric, folder: Path) -> Callable[[int], Row]:
    """What `fit` calls: the trainer's measures, mean over the batches, and a sample sheet of the first."""
    batches = [fabric.to_device(batch) for batch in run.validation]

    @torch.no_grad()
    def validate(step: int) -> Row:
        found = [trainer.measure(batch) for batch in batches]
        if fabric.is_global_zero:
            columns = trainer.show(batches[0])
            write_photo(folder / "samples" / f"{step:06d}.png", sample_sheet(columns))
            write_bytes(folder / "samples" / "columns.txt", "\n".join(columns).encode())
        return {f"{VALIDATED}{key}": sum(row[key].item() for row in found) / len(found) for key in found[0]}

    return validate


@contextmanager
def _state_of(run: Run, fabric: Fabric, made_on: str) -> Iterator[Resume]:
    """The run's state, which the first process holds for all. Raises UserError where another run is at it."""
    with ExitStack() as stack:
        if fabric.is_global_zero:
            taken = f"{run.folder}: another run trains into this folder"
            stack.enter_context(locked(workspace_lock(run.folder), taken))
            stack.enter_context(resume_folder(run.key))
        fabric.barrier()
        yield Resume(resume_path(run.key), fabric.is_global_zero, made_on)
        fabric.barrier()


def _keep(run: Run, trainer: StageTrainer, history: list[Row], resume: Resume) -> None:
    with new_folder(run.folder) as folder:
        save_tensors(folder / "weights.safetensors", trainer.weights(), run.header)
        write_history(folder / "history.csv", history)
        for file in sorted((resume.folder / "samples").iterdir()):
            write_bytes(folder / "samples" / file.name, file.read_bytes())
