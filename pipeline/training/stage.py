"""What the three training stages share: data in, device, resume, weights and history out."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import torch
from lightning.fabric import Fabric
from torch import Tensor

from pipeline.images import Photo, new_folder, write_photo
from pipeline.manifest import Layout
from pipeline.packed import read_split
from pipeline.sheets import contact_sheet
from pipeline.training.checkpoint import resume_folder, run_key, save_tensors, training_code
from pipeline.training.data import AugmentParams, Batch, Batches
from pipeline.training.loop import ScheduleParams, Trainer, fit, write_history

SHEET_FACES = 8
STILL = AugmentParams(flip=False, shift_px=0)


@dataclass(frozen=True)
class Device:
    """How fast, never what: `device` as Lightning names accelerators (auto, cpu, cuda), `precision` likewise."""

    device: str
    precision: str  # "32-true", "bf16-mixed", ...


class StageParams(Protocol):
    """What every training section has."""

    @property
    def schedule(self) -> ScheduleParams: ...
    @property
    def augment(self) -> AugmentParams: ...
    @property
    def batch(self) -> int: ...
    @property
    def seed(self) -> int: ...


class StageTrainer(Trainer, Protocol):
    """A trainer that can also be kept and shown."""

    def weights(self) -> dict[str, Tensor]: ...
    def show(self, batch: Batch) -> dict[str, Tensor]: ...


@dataclass(frozen=True)
class Run:
    """One training run: what it is made of, and where its result goes."""

    name: str
    schedule: ScheduleParams
    seed: int
    batches: Callable[[int], Batch]
    shown: Batch  # on the sample sheets
    build: Callable[[Fabric], StageTrainer]
    key: str  # of all that decides the result
    header: Mapping[str, Any]  # kept in the weights file
    folder: Path


def train(run: Run, device: Device) -> None:
    """Train, resuming where a killed run stopped: -> FOLDER/weights.safetensors, history.csv, samples/."""
    fabric = Fabric(accelerator=device.device, devices=1, precision=device.precision)  # type: ignore[arg-type]
    torch.manual_seed(run.seed)
    with resume_folder(run.key) as resume:
        trainer, shown = run.build(fabric), fabric.to_device(run.shown)
        history = fit(
            trainer,
            lambda step: fabric.to_device(run.batches(step)),
            run.schedule,
            resume,
            lambda step: write_photo(resume.folder / "samples" / f"{step:06d}.png", sample_sheet(trainer, shown)),
            f"train {run.name}",
        )
        with new_folder(run.folder) as folder:
            save_tensors(folder / "weights.safetensors", trainer.weights(), run.header)
            write_history(folder / "history.csv", history)
            (folder / "samples").mkdir()
            for sheet in sorted((resume.folder / "samples").glob("*.png")):
                (folder / "samples" / sheet.name).write_bytes(sheet.read_bytes())


def train_stage(
    name: str,
    params: StageParams,
    styles: tuple[str, ...],
    data: Path,
    device: Device,
    build: Callable[[Fabric], StageTrainer],
    about: Mapping[str, Any] | None = None,
    starts: Mapping[str, Mapping[str, Tensor]] | None = None,
) -> None:
    """A stage on the packed data: -> data/trained/NAME.

    `about`: the params of other sections that matter; `starts`: the weights it begins with; `styles`: of the
    sketches it learns from. The weights' header holds the params.
    """
    layout = Layout(data)
    split = read_split(layout, "train")
    sections = {name: params, **(about or {})}
    header = {
        "stage": name,
        "size": split.layers["photo"].shape[1],
        "params": {k: asdict(v) for k, v in sections.items()},
    }
    run = Run(
        name,
        params.schedule,
        params.seed,
        Batches(split, styles, params.batch, params.augment, params.seed),
        Batches(read_split(layout, "test"), styles, SHEET_FACES, STILL, 0)(0),
        build,
        run_key(sections, split.digest + _digest(starts or {}), training_code()),
        header,
        layout.trained(name),
    )
    train(run, device)


def weighted_sum(terms: Mapping[str, Tensor], weights: Any) -> Tensor:
    """Σ λ · term over the fields of a weights dataclass."""
    return torch.stack([terms[field.name] * getattr(weights, field.name) for field in fields(weights)]).sum()


@torch.no_grad()
def sample_sheet(trainer: StageTrainer, batch: Batch) -> Photo:
    """One row per face, one column per picture the trainer shows."""
    columns = {name: _as_photos(images) for name, images in trainer.show(batch).items()}
    rows = list(zip(*columns.values(), strict=True))
    return contact_sheet(rows, list(columns), [""] * len(rows), batch["photo"].shape[-1])


def _as_photos(images: Tensor) -> list[Photo]:
    rgb = images.float().expand(-1, 3, -1, -1).clamp(0, 1).mul(255).round().byte()
    return list(rgb.permute(0, 2, 3, 1).cpu().numpy())


def _digest(starts: Mapping[str, Mapping[str, Tensor]]) -> str:
    digest = sha256()
    for name, tensors in sorted(starts.items()):
        for key, value in sorted(tensors.items()):
            digest.update(f"{name}/{key}".encode() + value.numpy().tobytes())
    return digest.hexdigest()
