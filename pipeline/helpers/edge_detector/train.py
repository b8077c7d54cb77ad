"""Command train edges: the project's own edge detector, from scratch, on people's boundaries (BSDS500)."""

import hashlib
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import torch
from lightning.fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn

from models.helpers.edge_net import EdgeNet, balanced_cross_entropy
from pipeline.core.allowed import BatchSize, FilePath, Items, OneOf, OptionalPath, Range, Seed, Weight
from pipeline.core.code import code_of
from pipeline.core.layout import Layout
from pipeline.core.params import require
from pipeline.core.polarity import Photo
from pipeline.helpers.augment import CropAugment, crop_matrix, cropped, relit
from pipeline.helpers.edge_detector.bsds500 import annotated_ids, read_annotated
from pipeline.helpers.supervised import NetParams, OptimizerParams, Supervised
from pipeline.training.checkpoint import load_tensors, run_key
from pipeline.training.data import Batch
from pipeline.training.device import Device
from pipeline.training.loop import ScheduleParams
from pipeline.training.run import Run, train
from pipeline.training.sample_order import nth_sample
from pipeline.training.samples import SHEET_FACES

MEASURES = ("sides", "fused")  # terms of the loss
SPLITS = ("train", "val", "test")  # of BSDS500


@dataclass(frozen=True)
class EdgeLoss:
    positive: Annotated[float, Range(above=0, most=1)]  # share of the annotators from which on an edge is one
    negative_weight: Weight  # of what is none, beside the class balance


@dataclass(frozen=True)
class EdgesParams:
    """Section `train_edges`."""

    images: FilePath  # folder of BSDS500
    splits: Annotated[tuple[Annotated[str, OneOf(lambda: SPLITS)], ...], Items()]  # trained on
    start: OptionalPath  # weights file of this net to go on from; "": from scratch
    net: NetParams
    loss: EdgeLoss
    optimizer: OptimizerParams
    schedule: ScheduleParams
    augment: CropAugment
    batch: BatchSize
    seed: Seed

    def __post_init__(self) -> None:
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
        photo, agreement = (np.stack(part).astype(np.float32) / 255 for part in zip(*samples, strict=True))
        return {
            "photo": torch.from_numpy(photo).permute(0, 3, 1, 2),
            "agreement": torch.from_numpy(agreement)[:, None],
        }

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


def read_boundaries(params: EdgesParams, splits: tuple[str, ...], seed: int) -> tuple[Boundaries, str]:
    """All photos of the splits with the share of annotators that drew within a pixel; and a digest of them."""
    photos, agreements, digest = [], [], hashlib.sha256()
    for split in splits:
        for name in annotated_ids(Path(params.images), split):
            image = read_annotated(Path(params.images), split, name)
            near = [cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) for mask in image.boundaries]
            photos.append(image.photo)
            agreements.append((np.mean(near, axis=0) * 255).astype(np.uint8))
            digest.update(photos[-1].tobytes() + agreements[-1].tobytes())
    return Boundaries(photos, agreements, params.augment, params.batch, seed), digest.hexdigest()


def run(params: EdgesParams, data: Path, device: Device) -> None:
    """Train: params.images -> data/trained/edges. Its weights file is what ships as data/weights/edges.safetensors."""
    batches, digest = read_boundaries(params, params.splits, params.seed)
    shown = Boundaries(batches.photos, batches.agreements, params.augment, SHEET_FACES, params.seed + 1)(0)
    starts = [Path(params.start)] if params.start else []
    key = run_key({"edges": params}, digest, [*code_of(Path(__file__)), *starts])
    header = {"stage": "edges", "params": asdict(params)}
    target = Layout(data).trained("edges")

    def build(fabric: Fabric) -> Supervised:
        net = EdgeNet(params.net.widths, params.net.side)
        for start in starts:
            net.load_state_dict(load_tensors(start)[0])
        return Supervised(fabric, net, params.optimizer, partial(losses, params=params.loss), columns)

    train(Run("edges", params.schedule, params.seed, lambda _: batches, [shown], build, key, header, target), device)
