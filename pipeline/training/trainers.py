"""The table TRAINERS: what is trained on the packed data, by name, and how any of them is run.

A row says which sections of params.yaml it reads, which batches it needs and how its trainer is built; a baseline is a
module of training/baselines/ that ends with `TRAINER`, and its section `baselines.NAME`.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol

import torch
from lightning_fabric import Fabric
from torch import Tensor

from pipeline.core.code import code_of
from pipeline.core.console import console
from pipeline.core.dataset import ARTIST, Split, read_split, splits
from pipeline.core.errors import UserError
from pipeline.core.layout import TAUGHT, Layout
from pipeline.core.lazy_table import LazyTable
from pipeline.core.params import load
from pipeline.drawing.face_prior import Eyes
from pipeline.evaluation.metrics.places import eyes_of
from pipeline.training.checkpoint import load_tensors, run_key, tensors_digest
from pipeline.training.data import PHOTO, AugmentParams, Batch, Batches, Unpaired
from pipeline.training.device import Device
from pipeline.training.halves import halves
from pipeline.training.human_hand import HandParams, watched
from pipeline.training.loop import ScheduleParams
from pipeline.training.run import Run, StageTrainer, train
from pipeline.training.samples import SHEET_FACES
from pipeline.weights.registry import weight_file

Sections = Mapping[str, Any]  # section of params.yaml -> its dataclass
Starts = Mapping[str, Mapping[str, Tensor]]  # trained stage -> its tensors
Drawn = Literal["deformed", "simplified", "people"]  # as an unpractised hand draws, as traced, by people
FRAMING, TEACHER = "framing", "teacher"
TEACHER_FILE = "teacher.safetensors"  # in data/taught
LAYERS_OF = {"deformed": "sketch", "simplified": "clean"}  # kind of drawing -> packed layers
STILL = AugmentParams(flip=False, shift_px=0, angle_deg=0, zoom=0)
VAL_BATCHES = 4  # ours: of so many sheets' people a run is measured as it goes


class SketchParams(Protocol):
    """Which sketches a stage learns from."""

    @property
    def styles(self) -> tuple[str, ...]: ...
    @property
    def drawn(self) -> tuple[Drawn, ...]: ...


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


@dataclass(frozen=True)
class Needs:
    """The batches a trainer asks for."""

    layers: tuple[str, ...]  # packed: photo, canny, hed, product
    sketches: SketchParams | tuple[str, ...] = ()  # which sketches, or the names of their layers
    paired: bool = True  # False: photos of one half of the people, all else of the other
    hand: HandParams | None = None  # what is done to the sketches


@dataclass(frozen=True)
class Framing:
    """How the packed faces lie in their crops; those of crop.framings are not told apart."""

    size: int  # side, px
    eyes: Eyes


def no_weights(sections: Sections) -> tuple[str, ...]:
    """A trainer that reads no weight files."""
    return ()


@dataclass(frozen=True)
class TrainingStage:
    """A row of TRAINERS."""

    sections: Mapping[str, type]  # of params.yaml; the first is the stage's own, a StageParams
    needs: Callable[[Sections], Needs]
    build: Callable[[Fabric, Sections, Starts], StageTrainer]
    starts: tuple[str, ...] = ()  # trained stages whose weights it begins with
    weights: Callable[[Sections], Sequence[str]] = no_weights  # names of the weight files it reads
    framed: bool = False  # it is told a Framing too, among the sections as FRAMING
    reads: str = "packed"  # folder of data that it learns from; of TAUGHT it starts with the teacher's encoder, TEACHER


OWN = {name: f"pipeline.training.{name}" for name in ("scn", "isn", "joint", "edit", "lite", "restorer")}
BASELINES: LazyTable[TrainingStage] = LazyTable("baseline", "pipeline.training.baselines", "TRAINER")
TRAINERS: LazyTable[TrainingStage] = LazyTable("trainer", "pipeline.training.baselines", "TRAINER", OWN)


def run(name: str, data: Path, device: Device) -> None:
    """Train a row of the table with the params of params.yaml: data/packed -> data/trained/NAME."""
    stage = TRAINERS[name]
    train_stage(name, stage, {section: load(cls, section) for section, cls in stage.sections.items()}, data, device)


def train_stage(name: str, stage: TrainingStage, sections: Sections, data: Path, device: Device) -> None:
    """The same with params at hand. The weights' header holds them."""
    train(run_of(name, stage, sections, data), device)


def run_of(name: str, stage: TrainingStage, sections: Sections, data: Path) -> Run:
    """What that training is made of."""
    layout = replace(Layout(data), packed_as=stage.reads)
    split, params = read_split(layout, "train"), _own(sections)
    if stage.framed:
        sections = {**sections, FRAMING: Framing(split.size, eyes_of(split))}
    starts = {start: load_tensors(layout.trained(start) / "weights.safetensors")[0] for start in stage.starts}
    if stage.reads == TAUGHT:
        starts[TEACHER] = load_tensors(layout.packed / TEACHER_FILE)[0]
    needs, files = stage.needs(sections), [weight_file(weights) for weights in stage.weights(sections)]
    code = code_of(Path(inspect.getfile(stage.build)))
    return Run(
        name,
        params.schedule,
        params.seed,
        partial(_batches, layout, split, needs, params),
        validation(layout, needs),
        partial(_build, stage, sections, starts),
        run_key(dict(sections), split.digest + tensors_digest(starts), [*code, *files]),
        {"stage": name, "size": split.size, "params": {_short(key): asdict(value) for key, value in sections.items()}},
        layout.trained(name),
    )


def _own(sections: Sections) -> StageParams:
    own: StageParams = next(iter(sections.values()))
    return own


def _short(section: str) -> str:
    """train_scn -> scn, baselines.pix2pix -> pix2pix: how a weights file names whose params it holds."""
    return section.rpartition(".")[2].removeprefix("train_")


def _build(stage: TrainingStage, sections: Sections, starts: Starts, fabric: Fabric) -> StageTrainer:
    return stage.build(fabric, sections, starts)


def validation(layout: Layout, needs: Needs) -> list[Batch]:
    """Batches of people who are not trained on, as they are; of the training people where there is no split val."""
    known = splits(layout)
    if "val" not in known:
        console.print("training: no split 'val' is packed; what is measured meanwhile is of training people")
    split = read_split(layout, "val" if "val" in known else "train")
    count = min(VAL_BATCHES, -(-len(split.ids) // SHEET_FACES))
    batches = Batches(split, needs.layers, sketch_layers(split, needs.sketches), SHEET_FACES, STILL, 0)
    return [batches(step) | watched(needs.hand, split, step, SHEET_FACES) for step in range(count)]


def _batches(layout: Layout, split: Split, needs: Needs, params: StageParams, fabric: Fabric) -> Batches | Unpaired:
    part, drawn = (fabric.global_rank, fabric.world_size), sketch_layers(split, needs.sketches)

    def batches(of: Split, layers: tuple[str, ...], sketches: tuple[str, ...], seed: int) -> Batches:
        return Batches(of, layers, sketches, params.batch, params.augment, seed, fabric.device, part, needs.hand)

    if needs.paired:
        return batches(split, needs.layers, drawn, params.seed)
    photographed, drawn_people = halves(layout, split)
    edges = tuple(name for name in needs.layers if name != PHOTO)
    return Unpaired(
        batches(photographed, (PHOTO,), (), params.seed), batches(drawn_people, edges, drawn, params.seed + 1)
    )


def sketch_layers(split: Split, sketches: SketchParams | tuple[str, ...]) -> tuple[str, ...]:
    """Names of the packed layers, each as likely as the next: those named, or of the styles named or all packed.

    Raises UserError where the data has none of people's drawings and they are asked for.
    """
    if isinstance(sketches, tuple):
        return sketches
    styles = sketches.styles or tuple(split.styles)
    layers = [f"{LAYERS_OF[kind]}/{style}" for kind in sketches.drawn if kind in LAYERS_OF for style in styles]
    if "people" not in sketches.drawn:
        return tuple(layers)
    if f"sketch/{ARTIST}" not in split.layers:
        raise UserError("training: drawn: people's drawings are asked for and the data has none; see crop.sketches")
    return (*layers, f"sketch/{ARTIST}")


def weighted_sum(terms: Mapping[str, Tensor], weights: Any) -> Tensor:
    """Σ λ · term over the fields of a weights dataclass whose terms were computed."""
    known = [field.name for field in fields(weights) if field.name in terms]
    return torch.stack([terms[name] * getattr(weights, name) for name in known]).sum()
