"""What the three training stages share: data in, device, resume, weights and history out."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from pipeline.core.contact_sheet import contact_sheet
from pipeline.core.dataset import ARTIST, Split, read_split
from pipeline.core.files import new_folder
from pipeline.core.image_io import write_photo
from pipeline.core.layout import Layout
from pipeline.core.polarity import Photo
from pipeline.training.checkpoint import (
    Resume,
    locked,
    resume_folder,
    resume_path,
    run_key,
    save_tensors,
    tensors_digest,
    training_code,
    workspace_lock,
)
from pipeline.training.data import Ahead, AugmentParams, Batch, Batches, readers, sent
from pipeline.training.loop import Row, ScheduleParams, Trainer, fit, write_history

SHEET_FACES = 8
LAYERS_OF = {"deformed": "sketch", "simplified": "clean"}  # kind of drawing -> packed layers
CPU_BF16 = ("avx512_bf16", "amx_bf16")  # instructions that make bf16 faster than fp32
STILL = AugmentParams(flip=False, shift_px=0, angle_deg=0, zoom=0)


@dataclass(frozen=True)
class Device:
    """How fast, never what: `device` as Lightning names accelerators (auto, cpu, cuda), `precision` likewise.

    Under torchrun every process takes one device, or on the CPU its share of the work.
    """

    device: str
    precision: str  # "32-true", "bf16-mixed", ...; auto: bf16-mixed where the device computes in bf16
    compile: bool = False

    def fabric(self) -> Fabric:
        """The launched Fabric of this process."""
        here, all_of_them = (int(os.environ.get(key, 1)) for key in ("LOCAL_WORLD_SIZE", "WORLD_SIZE"))
        fabric = Fabric(
            accelerator=self.device,
            devices=here,
            num_nodes=all_of_them // here,
            strategy="ddp" if all_of_them > 1 else "auto",
            precision=self.chosen_precision(),  # type: ignore[arg-type]
        )
        fabric.launch()
        return fabric

    def chosen_precision(self) -> str:
        """What `auto` stands for here."""
        if self.precision != "auto":
            return self.precision
        cuda = self.device == "cuda" or (self.device == "auto" and torch.cuda.is_available())
        able: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # older torch does not tell
        return "bf16-mixed" if cuda or any(able.get(name) for name in CPU_BF16) else "32-true"


class SketchParams(Protocol):
    """Which sketches a stage learns from."""

    @property
    def styles(self) -> tuple[str, ...]: ...
    @property
    def drawn(self) -> tuple[str, ...]: ...


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
    def nets(self) -> list[nn.Module]: ...


@dataclass(frozen=True)
class Run:
    """One training run: what it is made of, and where its result goes."""

    name: str
    schedule: ScheduleParams
    seed: int
    batches: Callable[[Fabric], Callable[[int], Batch]]
    shown: Batch  # on the sample sheets
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
        trainer, shown = run.build(fabric), fabric.to_device(run.shown)
        if device.compile:
            for net in trainer.nets():
                net.compile(dynamic=False)
        made = run.batches(fabric)

        def load(step: int) -> Batch:
            return {name: sent(value, fabric.device) for name, value in made(step).items()}

        def sample(step: int) -> None:
            if fabric.is_global_zero:
                write_photo(resume.folder / "samples" / f"{step:06d}.png", sample_sheet(trainer, shown))

        with Ahead(load, readers(made, fabric.device)) as batches:
            mean = fabric.all_reduce if fabric.world_size > 1 else None
            history = fit(trainer, batches, run.schedule, resume, sample, f"train {run.name}", mean)  # type: ignore[arg-type]
        if fabric.is_global_zero:
            _keep(run, trainer, history, resume)


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
        (folder / "samples").mkdir()
        for sheet in sorted((resume.folder / "samples").glob("*.png")):
            (folder / "samples" / sheet.name).write_bytes(sheet.read_bytes())


def train_stage(
    name: str,
    params: StageParams,
    sketches: SketchParams | None,
    data: Path,
    device: Device,
    build: Callable[[Fabric], StageTrainer],
    about: Mapping[str, Any] | None = None,
    starts: Mapping[str, Mapping[str, Tensor]] | None = None,
) -> None:
    """A stage on the packed data: -> data/trained/NAME.

    `about`: the params of other sections that matter; `starts`: the weights it begins with; `sketches`: those it
    learns from. The weights' header holds the params.
    """
    layout = Layout(data)
    split, drawn = read_split(layout, "train"), sketch_layers(sketches)
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
        partial(_batches, split, drawn, params),
        Batches(read_split(layout, "test"), drawn, SHEET_FACES, STILL, 0)(0),
        build,
        run_key(sections, split.digest + tensors_digest(starts or {}), training_code()),
        header,
        layout.trained(name),
    )
    train(run, device)


def _batches(split: Split, drawn: tuple[str, ...], params: StageParams, fabric: Fabric) -> Batches:
    part = (fabric.global_rank, fabric.world_size)
    return Batches(split, drawn, params.batch, params.augment, params.seed, fabric.device, part)


def sketch_layers(sketches: SketchParams | None) -> tuple[str, ...]:
    """Names of the packed layers, each as likely as the next; people's drawings are as they are."""
    if sketches is None:
        return ()
    kinds = [LAYERS_OF[kind] for kind in sketches.drawn]
    return tuple(f"{'sketch' if style == ARTIST else kind}/{style}" for kind in kinds for style in sketches.styles)


def weighted_sum(terms: Mapping[str, Tensor], weights: Any) -> Tensor:
    """Σ λ · term over the fields of a weights dataclass whose terms were computed."""
    known = [field.name for field in fields(weights) if field.name in terms]
    return torch.stack([terms[name] * getattr(weights, name) for name in known]).sum()


@torch.no_grad()
def sample_sheet(trainer: StageTrainer, batch: Batch) -> Photo:
    """One row per face, one column per picture the trainer shows."""
    columns = {name: _as_photos(images) for name, images in trainer.show(batch).items()}
    rows = list(zip(*columns.values(), strict=True))
    return contact_sheet(rows, list(columns), [""] * len(rows), batch["photo"].shape[-1])


def _as_photos(images: Tensor) -> list[Photo]:
    rgb = images.float().expand(-1, 3, -1, -1).clamp(0, 1).mul(255).round().byte()
    return list(rgb.permute(0, 2, 3, 1).cpu().numpy())
