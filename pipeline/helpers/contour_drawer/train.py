"""Command train contour-drawer: the project's own contour drawer, from scratch, on what people drew (FS2K, BSDS500)."""

import hashlib
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.helpers.drawing_alignment import nearest_drawing
from models.helpers.line_net import LineNet
from pipeline.core.allowed import BatchSize, FilePath, Items, Range, Seed, Share, Weight
from pipeline.core.code import code_of
from pipeline.core.params import require
from pipeline.core.polarity import Photo, strokes_of, to_uint8, turned_tensor, unit
from pipeline.helpers.augment import CropAugment, crop_matrix, cropped, relit
from pipeline.helpers.contour_drawer.fs2k import line_art, read_pair, split_ids
from pipeline.helpers.edge_detector.bsds500 import annotated_ids, read_annotated
from pipeline.helpers.supervised import NetParams, Task, train_task
from pipeline.training.data import Batch
from pipeline.training.device import Device
from pipeline.training.loop import ScheduleParams
from pipeline.training.sample_order import nth_sample
from pipeline.training.samples import SHEET_FACES
from pipeline.training.supervised import OptimizerParams

Ink = NDArray[np.uint8]  # (H, W, K): K drawings of one photo, 255 = ink


MEASURES = ("cross_entropy", "dice")  # terms of the loss
VAL_BATCHES = 4  # ours: of so many sheets' pairs a run is measured as it goes
DrawingStyle = Annotated[int, Range(least=0, most=2)]  # of FS2K


@dataclass(frozen=True)
class ContourLoss:
    """See models.helpers.drawing_alignment."""

    ink_weight: Weight  # of ink in the cross-entropy, paper weighs 1
    dice_weight: Weight
    reach_px: Annotated[int, Range(least=0, most=16)]  # a drawing may miss the photo by so much
    tile_px: Annotated[int, Range(least=4, most=1024)]  # and by as much anew in every tile; divides augment.crop_px


@dataclass(frozen=True)
class ContourDrawerParams:
    """contour_drawer.yaml."""

    pairs: FilePath  # folder of FS2K: photos, sketches, attributes.json
    styles: Annotated[tuple[DrawingStyle, ...], Items()]  # 0 light lines, hatched hair; 1, 2: shaded faces
    val_share: Annotated[float, Range(above=0, below=1)]  # of the pairs: measured and shown while training
    test_share: Annotated[float, Range(above=0, below=1)]  # of the pairs: by evaluate-contour-drawer alone
    boundaries: FilePath  # folder of BSDS500; its train split
    boundary_share: Share  # of a batch
    annotators: Annotated[int, Range(least=1, most=16)]  # of BSDS500, for a sample
    net: NetParams
    loss: ContourLoss
    optimizer: OptimizerParams
    schedule: ScheduleParams
    augment: CropAugment
    batch: BatchSize
    seed: Seed

    def __post_init__(self) -> None:
        require(self.val_share + self.test_share < 1, "val_share + test_share below 1")
        require(self.schedule.plateau_measure in MEASURES, f"schedule.plateau_measure one of {', '.join(MEASURES)}")
        require(self.augment.crop_px % self.loss.tile_px == 0, "augment.crop_px a multiple of loss.tile_px")


@dataclass(frozen=True)
class Source:
    """Photos and what people drew of each; the K of all are the same, or 1."""

    photos: list[Photo]
    inks: list[Ink]

    def digest(self) -> str:
        digest = hashlib.sha256()
        for photo, ink in zip(self.photos, self.inks, strict=True):
            digest.update(photo.tobytes() + ink.tobytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class Drawings:
    """Step number -> batch of photo (N, 3, S, S) and drawings (N, K, S, S), float32 in [0, 1], 1 = ink.

    The first of a batch are `scenes`, the rest `faces`.
    """

    faces: Source
    scenes: Source
    scene_share: float  # of a batch
    augment: CropAugment
    batch: int
    seed: int

    def __call__(self, step: int) -> Batch:
        rng = np.random.default_rng([self.seed, step])
        scenes = round(self.scene_share * self.batch)
        samples = [self._sample(rng, self.scenes, step * scenes + i) for i in range(scenes)]
        faces = self.batch - scenes
        samples += [self._sample(rng, self.faces, step * faces + i) for i in range(faces)]
        most = max(ink.shape[2] for _, ink in samples)
        return {
            "photo": _tensor([photo for photo, _ in samples]),
            "drawings": _tensor([np.broadcast_to(ink, (*ink.shape[:2], most)) for _, ink in samples]),
        }

    def _sample(self, rng: np.random.Generator, source: Source, count: int) -> tuple[Photo, Ink]:
        index = nth_sample(self.seed, count, len(source.photos))
        photo, ink = source.photos[index], source.inks[index]
        matrix = crop_matrix(rng, photo.shape, self.augment)
        side = self.augment.crop_px
        drawn = cropped(ink, matrix, side).reshape(side, side, -1)
        return relit(cropped(photo, matrix, side), self.augment.light, rng), drawn


def _tensor(images: list[NDArray[Any]]) -> Tensor:
    """(H, W, C) uint8 each -> (N, C, H, W) in [0, 1]."""
    return torch.from_numpy(unit(np.stack(images))).permute(0, 3, 1, 2)


def losses(net: nn.Module, batch: Batch, params: ContourLoss) -> dict[str, Tensor]:
    """Against the nearest of the drawings, each moved onto what the net drew."""
    return nearest_drawing(net(batch["photo"]), batch["drawings"], **asdict(params))


def columns(net: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """Photo, what the first person drew, what the net draws: black on white."""
    drawn = torch.sigmoid(net(batch["photo"]))
    return {
        "photo": batch["photo"],
        "person": turned_tensor(batch["drawings"][:, :1]),
        "drawn": turned_tensor(drawn),
    }


def read_faces(folder: Path, names: list[str]) -> Source:
    """Photos of FS2K and the line art of their drawings."""
    pairs = [read_pair(folder, name) for name in names]
    inks = [to_uint8(strokes_of(line_art(pair.drawing)))[..., None] for pair in pairs]
    return Source([pair.photo for pair in pairs], inks)


def read_scenes(folder: Path, annotators: int) -> Source:
    """Photos of BSDS500's train split, `annotators` boundaries each, in lines of 2 px; where fewer drew, again."""
    images = [read_annotated(folder, "train", name) for name in annotated_ids(folder, "train")]
    pen = np.ones((2, 2), np.uint8)
    inks = []
    for image in images:
        masks = [image.boundaries[i % len(image.boundaries)] for i in range(annotators)]
        inks.append(np.stack([cv2.dilate(mask.astype(np.uint8) * 255, pen) for mask in masks], 2).astype(np.uint8))
    return Source([image.photo for image in images], inks)


def train_contour_drawer(params: ContourDrawerParams, data: Path, device: Device) -> None:
    """Train: FS2K and BSDS500 -> DATA/trained/contour_drawer."""
    splits = split_ids(Path(params.pairs), params.styles, params.val_share, params.test_share)
    faces, val = (read_faces(Path(params.pairs), splits[split]) for split in ("train", "val"))
    scenes = read_scenes(Path(params.boundaries), params.annotators)
    shown = Drawings(val, val, 0.0, params.augment, min(SHEET_FACES, len(val.photos)), params.seed)
    task = Task(
        "contour_drawer",
        params,
        lambda: LineNet(3, params.net.widths, params.net.side),
        partial(losses, params=params.loss),
        columns,
        Drawings(faces, scenes, params.boundary_share, params.augment, params.batch, params.seed),
        [shown(step) for step in range(VAL_BATCHES)],
        faces.digest() + scenes.digest(),
        code_of(Path(__file__)),
    )
    train_task(task, data, device)
