"""Command train simplifier: rough drawing -> clean lines, from scratch, on drawings that `roughen` makes rough.

The clean drawings are the classical simplifier's, of raw sketches that the pipeline drew of real faces.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from lightning.fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from models.lines import LineNet
from models.losses import tolerant_dice
from pipeline.canvas import FACE_PX, stretched
from pipeline.images import Sketch
from pipeline.manifest import Layout
from pipeline.roughen import RoughParams, lines, roughen
from pipeline.strokes import Stroke
from pipeline.training.augment import CropAugment, Matrix, crop_matrix, turn
from pipeline.training.checkpoint import run_key, training_code
from pipeline.training.data import Batch
from pipeline.training.loop import ScheduleParams
from pipeline.training.stage import SHEET_FACES, Device, Run, train
from pipeline.training.supervised import NetParams, OptimizerParams, Supervised

FACE = (FACE_PX, FACE_PX)  # size of a drawing that is held in memory
STEP_PX = 2.0  # ours: distance of a curve's points, as simplify's

Drawing = list[Stroke]


@dataclass(frozen=True)
class LineLoss:
    line_weight: float  # of a pixel of line beside one of paper
    slack_px: int  # misplacement that Dice forgives
    dice: float  # weight of Dice beside cross-entropy


@dataclass(frozen=True)
class SimplifierParams:
    """Section `train_simplifier`. Lengths are px of a 256-px face."""

    drawings: str  # data folder of a pipeline run: faces/, styles/*/ID.png
    splits: tuple[str, ...]  # trained on
    curves: float  # share of samples that are random curves, no faces
    line_px: float  # width of the lines to draw
    rough: RoughParams
    net: NetParams
    loss: LineLoss
    optimizer: OptimizerParams
    schedule: ScheduleParams
    augment: CropAugment
    batch: int
    seed: int


@dataclass(frozen=True)
class RoughPairs:
    """Step number -> batch of photo (the rough drawing, 1 = paper) and lines (1 = ink), (N, 1, S, S) in [0, 1]."""

    drawings: Sequence[Drawing]
    params: SimplifierParams
    seed: int

    def __call__(self, step: int) -> Batch:
        rng, batch = np.random.default_rng([self.seed, step]), self.params.batch
        pairs = [self._pair(rng, step * batch + i) for i in range(batch)]
        rough, clean = (torch.from_numpy(np.stack(part))[:, None] for part in zip(*pairs, strict=True))
        return {"photo": rough, "lines": 1 - clean}

    def _pair(self, rng: np.random.Generator, count: int) -> tuple[Sketch, Sketch]:
        augment = self.params.augment
        drawing = self.drawings[turn(self.seed, count, len(self.drawings))]
        if rng.random() < self.params.curves:
            drawing = random_curves(rng)
        shape = (augment.crop_px, augment.crop_px)
        strokes = moved(drawing, crop_matrix(rng, FACE, augment), shape)
        rough = roughen(strokes, shape, self.params.rough, rng)
        rough = np.float_power(rough, np.exp(augment.light * rng.standard_normal())).astype(np.float32)
        if rng.random() < 0.5:  # ours: as simplify hands it on, or as it was scanned
            rough = stretched(rough)
        return rough, lines(strokes, shape, self.params.line_px)


def moved(strokes: Sequence[Stroke], matrix: Matrix, shape: tuple[int, ...]) -> Drawing:
    """Strokes under a (2, 3) matrix, without those that lie outside (H, W) altogether."""
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    points = [(s.points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32) for s in strokes]
    return [
        Stroke(p, (s.widths * scale).astype(np.float32))
        for p, s in zip(points, strokes, strict=True)
        if (p.max(0) >= 0).all() and (p.min(0) <= shape[1::-1]).all()
    ]


def random_curves(rng: np.random.Generator) -> Drawing:
    """Smooth curves, rings and straight lines all over a picture of FACE_PX."""
    return [_curve(rng) for _ in range(int(rng.integers(5, 22)))]


def _curve(rng: np.random.Generator) -> Stroke:
    n = int(np.exp(rng.uniform(np.log(6), np.log(120))))
    bend = rng.normal(0, 0.05) + 0.03 * np.cumsum(rng.standard_normal(n)) / np.sqrt(np.arange(1, n + 1))
    heading = rng.uniform(0, 2 * np.pi) + np.cumsum(bend * rng.choice([0.0, 1.0, 2.0]))
    points = rng.uniform(0, FACE_PX, 2) + STEP_PX * np.cumsum(np.stack([np.cos(heading), np.sin(heading)], 1), 0)
    return Stroke(points.astype(np.float32), np.ones(n, np.float32))


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
    return {"photo": batch["photo"], "drawn": torch.sigmoid(-net(batch["photo"])), "clean": 1 - batch["lines"]}


def _digest(drawings: Sequence[Drawing]) -> str:
    parts: list[NDArray] = [stroke.points for drawing in drawings for stroke in drawing]
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()


def run(params: SimplifierParams, drawings: Sequence[Drawing], data: Path, device: Device) -> None:
    """Train: -> data/trained/simplifier. Its weights file is what ships as data/weights/simplifier.safetensors.

    `drawings`: the clean ones, in px of a 256-px face.
    """
    shown = RoughPairs(drawings, replace(params, batch=SHEET_FACES), params.seed + 1)(0)
    code = [*training_code(), Path(__file__).resolve().parent.parent / "roughen.py"]
    key = run_key({"simplifier": params}, _digest(drawings), code)
    header = {"stage": "simplifier", "params": asdict(params)}
    target = Layout(data).trained("simplifier")

    def build(fabric: Fabric) -> Supervised:
        net = LineNet(1, params.net.widths, params.net.side)
        return Supervised(fabric, net, params.optimizer, partial(losses, params=params.loss), columns)

    pairs = RoughPairs(drawings, params, params.seed)
    train(Run("simplifier", params.schedule, params.seed, lambda _: pairs, shown, build, key, header, target), device)
