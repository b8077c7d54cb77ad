"""Command train face-points: where faces are on a sheet, and five points of each, from scratch.

Faces of a pipeline's run, whose eyes crop has put in their places: as photos, and as drawn by the styles, by people
and as doodles. Each is laid somewhere on a sheet, between other things; some sheets have none.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
from torch import Tensor, nn

from models.helpers.face_points_net import CELL, FINE, FacePointsNet, heat_loss, place_losses
from pipeline.core.allowed import BatchSize, FilePath, Items, Name, OptionalPath, Range, Seed
from pipeline.core.code import code_of
from pipeline.core.params import load, require
from pipeline.core.polarity import turned_tensor
from pipeline.drawing.face_prior import eyes_of_crops
from pipeline.helpers.face_points.doodles import doodle
from pipeline.helpers.face_points.sheets import SheetParams, Sheets
from pipeline.helpers.face_points.sources import Known, Sources, read_scenes, read_sources
from pipeline.helpers.supervised import NetParams, Task, train_task
from pipeline.stages.simplify import SimplifyParams
from pipeline.training.data import Batch
from pipeline.training.device import Device
from pipeline.training.loop import ScheduleParams
from pipeline.training.samples import SHEET_FACES
from pipeline.training.supervised import OptimizerParams

MEASURES = ("face", "size", "offsets", "heat")  # terms of the loss
VAL_BATCHES = 8  # ours: of so many sample sheets' faces a run is measured as it goes
DOODLES = 600  # ours: kept in memory


@dataclass(frozen=True)
class FacePointsParams:
    """face_points.yaml."""

    faces: FilePath  # data folder of a pipeline run at crop.size 256: faces/, styles/, simplified/
    train: Name  # split of that run, trained on
    val: Name  # another, measured and shown while training
    tables: FilePath  # folder of NAME.csv: the five points of the photos whose source begins with NAME
    scenes: FilePath  # folder of BSDS500; its train split
    with_faces: Annotated[tuple[str, ...], Items(least=0)]  # pictures of it that are left out
    start: OptionalPath  # weights file of this net to go on from; "": from scratch
    net: NetParams
    sheets: SheetParams
    heat: Annotated[float, Range(above=0, most=100)]  # weight of the heat maps' cross-entropy beside the other terms
    optimizer: OptimizerParams
    schedule: ScheduleParams
    batch: BatchSize
    seed: Seed

    def __post_init__(self) -> None:
        require(self.train != self.val, "val another split than train")
        require(self.schedule.plateau_measure in MEASURES, f"schedule.plateau_measure one of {', '.join(MEASURES)}")
        require(len(self.net.widths) > 2, "net.widths of three scales or more")


def losses(net: nn.Module, batch: Batch, weight: float) -> dict[str, Tensor]:
    """Whether and where on the sheet; and to a fraction of a px where it is aligned."""
    places, heat = net(batch["sheet"])
    terms = place_losses(places, batch["faces"], batch["points"], batch["known"])
    return terms | {"heat": weight * heat_loss(heat, batch["points"], batch["asked"])}


def columns(net: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """The sheet; where its face is said to be, and is; where its points are said to be."""
    places, heat = net(batch["sheet"])
    side = batch["sheet"].shape[-1]
    share = heat.flatten(2).softmax(2).view_as(heat)
    spots = (share / share.amax((2, 3), keepdim=True)).amax(1, keepdim=True)
    return {
        "sheet": batch["sheet"],
        "found": _large(turned_tensor(places.face.sigmoid()), CELL, side),
        "face": _large(turned_tensor(batch["faces"]), CELL, side),
        "points": _large(turned_tensor(spots), FINE, side),
    }


def _large(cells: Tensor, px: int, side: int) -> Tensor:
    return cells.repeat_interleave(px, 2).repeat_interleave(px, 3)[..., :side, :side]


def doodles(count: int, seed: int) -> list[Known]:
    return [Known(*doodle(np.random.default_rng([seed, i]))) for i in range(count)]


def train_face_points(params: FacePointsParams, data: Path, device: Device) -> None:
    """Train: params.faces and BSDS500 -> DATA/trained/face_points."""
    simple, eyes = load(SimplifyParams, "simplify"), eyes_of_crops()
    trained, val = (
        read_sources(Path(params.faces), Path(params.tables), split, eyes, simple.deform, simple.seed)
        for split in (params.train, params.val)
    )
    scenes, val_scenes = (read_scenes(Path(params.scenes), split, params.with_faces) for split in ("train", "val"))
    train_on(_with(trained, *scenes), _with(val, *val_scenes), params, data, device)


def _with(sources: Sources, scenes: list[np.ndarray], outlines: list[np.ndarray]) -> Sources:
    return replace(sources, scenes=scenes, outlines=outlines)


def train_on(trained: Sources, val: Sources, params: FacePointsParams, data: Path, device: Device) -> None:
    """The same with the pictures at hand."""
    drawn: Sequence[Known] = doodles(DOODLES, params.seed)
    shown = Sheets(val, doodles(DOODLES // 10, params.seed + 1), params.sheets, SHEET_FACES, params.seed + 1)
    task = Task(
        "face_points",
        params,
        lambda: FacePointsNet(params.net.widths, params.net.side),
        lambda net, batch: losses(net, batch, params.heat),
        columns,
        Sheets(trained, drawn, params.sheets, params.batch, params.seed),
        [shown(step) for step in range(VAL_BATCHES)],
        trained.digest(),
        code_of(Path(__file__)),
        params.start,
    )
    train_task(task, data, device)
