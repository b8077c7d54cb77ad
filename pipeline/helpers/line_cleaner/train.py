"""Command train line-cleaner: rough drawing -> clean lines, from scratch, on drawings that are made rough.

The clean drawings are the classical simplifier's, of raw sketches that the pipeline drew of real faces. Those sketches
are shown too, and the clean drawings themselves: stipple that a style draws is no dirt, and clean lines are to stay.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.helpers.line_net import LineNet
from models.losses.strokes import tolerant_dice
from pipeline.core.allowed import BatchSize, FilePath, Name, OneOf, OptionalPath, Range, Seed, Share, Weight
from pipeline.core.code import code_of
from pipeline.core.params import load, require
from pipeline.core.polarity import Sketch, turned_tensor, unit
from pipeline.drawing.rough import RoughParams, chosen, lines, rough_drawing
from pipeline.drawing.scale import FACE_PX, resized, stretched
from pipeline.drawing.stroke import Stroke
from pipeline.helpers.augment import CropAugment, Matrix, crop_matrix
from pipeline.helpers.line_cleaner.traced import Traced, read_drawings
from pipeline.helpers.supervised import NetParams, Task, train_task
from pipeline.stages.simplify import SimplifyParams
from pipeline.training.data import Batch
from pipeline.training.device import Device
from pipeline.training.loop import ScheduleParams
from pipeline.training.sample_order import nth_sample
from pipeline.training.samples import SHEET_FACES
from pipeline.training.supervised import OptimizerParams

FACE = (FACE_PX, FACE_PX)  # size of a drawing that is held in memory
STEP_PX = 2.0  # ours: distance of a curve's points, as simplify's
VAL_BATCHES = 4  # ours: of so many sheets' drawings a run is measured as it goes


MEASURES = ("entropy", "dice")  # terms of the loss


@dataclass(frozen=True)
class LineLoss:
    line_weight: Annotated[float, Range(above=0, most=1e6)]  # of a pixel of line beside one of paper
    slack_px: Annotated[int, Range(least=0, most=16)]  # misplacement that Dice forgives
    dice: Weight  # weight of Dice beside cross-entropy


@dataclass(frozen=True)
class LineCleanerParams:
    """line_cleaner.yaml. Lengths are px of a 256-px face."""

    drawings: FilePath  # data folder of a pipeline run: faces/, styles/*/ID.png
    train: Name  # split of that run, trained on
    val: Name  # another, measured and shown while training
    samples: dict[Annotated[str, OneOf(lambda: SAMPLES)], Weight]  # how often each is shown
    halved: Share  # share of samples as soft as pictures of half the size are when enlarged
    line_px: Annotated[float, Range(above=0, most=16)]  # width of the lines to draw
    start: OptionalPath  # weights file that the net starts with; "": none
    rough: RoughParams
    net: NetParams
    loss: LineLoss
    optimizer: OptimizerParams
    schedule: ScheduleParams
    augment: CropAugment
    batch: BatchSize
    seed: Seed

    def __post_init__(self) -> None:
        require(self.train != self.val, "val another split than train")
        require(self.schedule.plateau_measure in MEASURES, f"schedule.plateau_measure one of {', '.join(MEASURES)}")
        require(sum(self.samples.values()) > 0, "one of samples above 0")


@dataclass(frozen=True)
class Sample:
    """What is shown and the strokes to find in it, in px of the crop."""

    picture: Sketch
    strokes: list[Stroke]


@dataclass(frozen=True)
class RoughPairs:
    """Step number -> batch of photo (the rough drawing, 1 = paper) and lines (1 = ink), (N, 1, S, S) in [0, 1]."""

    drawings: Sequence[Traced]
    params: LineCleanerParams
    seed: int

    def __call__(self, step: int) -> Batch:
        rng, batch = np.random.default_rng([self.seed, step]), self.params.batch
        pairs = [self._pair(rng, step * batch + i) for i in range(batch)]
        rough, clean = (torch.from_numpy(np.stack(part))[:, None] for part in zip(*pairs, strict=True))
        return {"photo": rough, "lines": turned_tensor(clean)}

    def _pair(self, rng: np.random.Generator, count: int) -> tuple[Sketch, Sketch]:
        params = self.params
        drawing = self.drawings[nth_sample(self.seed, count, len(self.drawings))]
        matrix = crop_matrix(rng, FACE, params.augment)
        sample = SAMPLES[chosen(params.samples, rng)](drawing, matrix, params, rng)
        picture = Sketch(np.power(sample.picture, np.float32(np.exp(params.augment.light * rng.standard_normal()))))
        if rng.random() < params.halved:
            picture = _halved(picture)
        return picture, lines(sample.strokes, picture.shape, params.line_px)


def _rough(strokes: Sequence[Stroke], matrix: Matrix, params: LineCleanerParams, rng: np.random.Generator) -> Sample:
    shape = (params.augment.crop_px, params.augment.crop_px)
    found = moved(strokes, matrix, shape)
    picture = rough_drawing(found, shape, params.rough, rng)
    if rng.random() < 0.5:  # ours: as simplify hands it on, or as it was scanned
        picture = stretched(picture)
    return Sample(picture, found)


def _sketch(drawing: Traced, matrix: Matrix, params: LineCleanerParams) -> Sample:
    """The style's raw sketch, paper around it."""
    side = params.augment.crop_px
    picture = cv2.warpAffine(drawing.raw, matrix, (side, side), flags=cv2.INTER_LINEAR, borderValue=(255,))
    return Sample(Sketch(unit(np.asarray(picture, np.uint8))), moved(drawing.strokes, matrix, (side, side)))


def _clean(drawing: Traced, matrix: Matrix, params: LineCleanerParams) -> Sample:
    shape = (params.augment.crop_px, params.augment.crop_px)
    strokes = moved(drawing.strokes, matrix, shape)
    return Sample(lines(strokes, shape, params.line_px), strokes)


SAMPLES: dict[str, Callable[[Traced, Matrix, LineCleanerParams, np.random.Generator], Sample]] = {
    "rough": lambda drawing, *how: _rough(drawing.strokes, *how),
    "curves": lambda _, *how: _rough(random_curves(how[-1]), *how),
    "sketches": lambda drawing, matrix, params, _: _sketch(drawing, matrix, params),
    "clean": lambda drawing, matrix, params, _: _clean(drawing, matrix, params),
}


def _halved(picture: Sketch) -> Sketch:
    half = resized(picture, (picture.shape[1] // 2, picture.shape[0] // 2))
    return Sketch(np.clip(resized(half, picture.shape[1::-1]), 0, 1))


def moved(strokes: Sequence[Stroke], matrix: Matrix, shape: tuple[int, ...]) -> list[Stroke]:
    """Strokes under a (2, 3) matrix, without those that lie outside (H, W) altogether."""
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    points = [(s.points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32) for s in strokes]
    return [
        replace(s, points=p, widths=(s.widths * scale).astype(np.float32))
        for p, s in zip(points, strokes, strict=True)
        if (p.max(0) >= 0).all() and (p.min(0) <= shape[1::-1]).all()
    ]


def random_curves(rng: np.random.Generator) -> list[Stroke]:
    """Smooth curves, rings and straight lines all over a picture of FACE_PX."""
    return [_curve(rng) for _ in range(int(rng.integers(5, 22)))]


def _curve(rng: np.random.Generator) -> Stroke:
    n = int(np.exp(rng.uniform(np.log(6), np.log(120))))
    bend = rng.normal(0, 0.05) + 0.03 * np.cumsum(rng.standard_normal(n)) / np.sqrt(np.arange(1, n + 1))
    heading = rng.uniform(0, 2 * np.pi) + np.cumsum(bend * rng.choice([0.0, 1.0, 2.0]))
    points = rng.uniform(0, FACE_PX, 2) + STEP_PX * np.cumsum(np.stack([np.cos(heading), np.sin(heading)], 1), 0)
    return Stroke.even(points.astype(np.float32), np.ones(n, np.float32))


def losses(net: nn.Module, batch: Batch, params: LineLoss) -> dict[str, Tensor]:
    """Weighted cross-entropy, which says where to the pixel, and Dice, which says whether."""
    logits, ink = net(batch["photo"]), batch["lines"]
    weight = logits.new_tensor(params.line_weight)
    return {
        "entropy": F.binary_cross_entropy_with_logits(logits, ink, pos_weight=weight),
        "dice": params.dice * tolerant_dice(logits, ink, params.slack_px),
    }


def columns(net: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """The rough drawing, what the net makes of it, and what it should."""
    return {
        "photo": batch["photo"],
        "drawn": torch.sigmoid(-net(batch["photo"])),
        "clean": turned_tensor(batch["lines"]),
    }


def _digest(drawings: Sequence[Traced]) -> str:
    digest = hashlib.sha256()
    for drawing in drawings:
        digest.update(drawing.raw.tobytes() + b"".join(stroke.points.tobytes() for stroke in drawing.strokes))
    return digest.hexdigest()


def train_line_cleaner(params: LineCleanerParams, data: Path, device: Device) -> None:
    """Train: params.drawings -> DATA/trained/line_cleaner."""
    tracing = load(SimplifyParams, "simplify")
    trained, val = (read_drawings(Path(params.drawings), (split,), tracing) for split in (params.train, params.val))
    train_on(trained, val, params, data, device)


def train_on(
    trained: Sequence[Traced], val: Sequence[Traced], params: LineCleanerParams, data: Path, device: Device
) -> None:
    """The same with drawings at hand, in px of a 256-px face."""
    shown = RoughPairs(val, replace(params, batch=SHEET_FACES), params.seed + 1)
    task = Task(
        "line_cleaner",
        params,
        lambda: LineNet(1, params.net.widths, params.net.side),
        partial(losses, params=params.loss),
        columns,
        RoughPairs(trained, params, params.seed),
        [shown(step) for step in range(VAL_BATCHES)],
        _digest(trained),
        code_of(Path(__file__)),
        params.start,
    )
    train_task(task, data, device)
