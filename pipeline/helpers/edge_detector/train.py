"""Command train edge-detector: the project's own edge detector, from scratch, on people's boundaries (BSDS500)."""

import hashlib
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.helpers.edge_net import EdgeNet, balanced_cross_entropy
from pipeline.core.allowed import BatchSize, FilePath, OneOf, OptionalPath, Range, Seed, Weight
from pipeline.core.code import code_of
from pipeline.core.params import require
from pipeline.core.polarity import Photo, unit
from pipeline.helpers.augment import CropAugment, crop_matrix, cropped, relit
from pipeline.helpers.edge_detector.bsds500 import annotated_ids, read_annotated
from pipeline.helpers.supervised import NetParams, Task, train_task
from pipeline.training.data import Batch
from pipeline.training.device import Device
from pipeline.training.loop import ScheduleParams
from pipeline.training.sample_order import nth_sample
from pipeline.training.samples import SHEET_FACES
from pipeline.training.supervised import OptimizerParams

MEASURES = ("sides", "fused")  # terms of the loss
SPLITS = ("train", "val", "test")  # of BSDS500
VAL_BATCHES = 4  # ours: of so many sheets' photos a run is measured as it goes


@dataclass(frozen=True)
class EdgeLoss:
    positive: Annotated[float, Range(above=0, most=1)]  # share of the annotators from which on an edge is one
    negative_weight: Weight  # of what is none, beside the class balance


@dataclass(frozen=True)
class EdgeDetectorParams:
    """edge_detector.yaml."""

    images: FilePath  # folder of BSDS500
    train: Annotated[str, OneOf(lambda: SPLITS)]  # trained on
    val: Annotated[str, OneOf(lambda: SPLITS)]  # measured and shown while training
    start: OptionalPath  # weights file of this net to go on from; "": from scratch
    net: NetParams
    loss: EdgeLoss
    optimizer: OptimizerParams
    schedule: ScheduleParams
    augment: CropAugment
    batch: BatchSize
    seed: Seed

    def __post_init__(self) -> None:
        require(self.train != self.val, "val another split than train")
        require(self.schedule.plateau_measure in MEASURES, f"schedule.plateau_measure one of {', '.join(MEASURES)}")


@dataclass(frozen=True)
class Boundaries:
    """Step number -> batch of photo (N, 3, S, S) and agreement (N, 1, S, S), float32 in [0, 1]."""

    photos: list[Photo]
    agreements: list[NDArray[np.uint8]]
    augment: CropAugment
    batch: int
    seed: int

    def __call__(self, step: int) -> Batch:
        rng = np.random.default_rng([self.seed, step])
        samples = [self._sample(rng, step * self.batch + i) for i in range(self.batch)]
        photo, agreement = (unit(np.stack(part)) for part in zip(*samples, strict=True))
        return {
            "photo": torch.from_numpy(photo).permute(0, 3, 1, 2),
            "agreement": torch.from_numpy(agreement)[:, None],
        }

    def digest(self) -> str:
        """Of all photos and what people drew."""
        digest = hashlib.sha256()
        for photo, agreement in zip(self.photos, self.agreements, strict=True):
            digest.update(photo.tobytes() + agreement.tobytes())
        return digest.hexdigest()

    def _sample(self, rng: np.random.Generator, count: int) -> tuple[Photo, NDArray[np.uint8]]:
        index = nth_sample(self.seed, count, len(self.photos))
        photo, agreement = self.photos[index], self.agreements[index]
        matrix = crop_matrix(rng, photo.shape, self.augment)
        side = self.augment.crop_px
        return relit(cropped(photo, matrix, side), self.augment.light, rng), cropped(agreement, matrix, side)


def losses(net: nn.Module, batch: Batch, params: EdgeLoss) -> dict[str, Tensor]:
    """Class-balanced cross-entropy of the side outputs, summed, and of their fusion."""
    terms = [
        balanced_cross_entropy(logits, batch["agreement"], params.positive, params.negative_weight)
        for logits in net(batch["photo"])
    ]
    return {"sides": torch.stack(terms[:-1]).sum(), "fused": terms[-1]}


def columns(net: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """Photo, what people drew, and every output of the net."""
    sides = [torch.sigmoid(logits) for logits in net(batch["photo"])]
    names = [*(f"1/{2 ** (i + 1)}" for i in range(len(sides) - 1)), "fused"]
    return {"photo": batch["photo"], "people": batch["agreement"]} | dict(zip(names, sides, strict=True))


def read_boundaries(params: EdgeDetectorParams, split: str) -> Boundaries:
    """All photos of one split with the share of annotators that drew within a pixel."""
    photos, agreements = [], []
    for name in annotated_ids(Path(params.images), split):
        image = read_annotated(Path(params.images), split, name)
        near = [cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) for mask in image.boundaries]
        photos.append(image.photo)
        agreements.append((np.mean(near, axis=0) * 255).astype(np.uint8))
    return Boundaries(photos, agreements, params.augment, params.batch, params.seed)


def train_edge_detector(params: EdgeDetectorParams, data: Path, device: Device) -> None:
    """Train: params.images -> DATA/trained/edge_detector."""
    trained, val = (read_boundaries(params, split) for split in (params.train, params.val))
    shown = replace(val, batch=SHEET_FACES)
    task = Task(
        "edge_detector",
        params,
        lambda: EdgeNet(params.net.widths, params.net.side),
        partial(losses, params=params.loss),
        columns,
        trained,
        [shown(step) for step in range(VAL_BATCHES)],
        trained.digest(),
        code_of(Path(__file__)),
        params.start,
    )
    train_task(task, data, device)
