"""Command train edges: the project's own edge detector, from scratch, on people's boundaries (BSDS500)."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from lightning.fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor

from models.edges import EdgeNet, balanced_cross_entropy
from pipeline.boundaries import annotated_ids, read_annotated
from pipeline.images import Photo
from pipeline.manifest import Layout
from pipeline.training.checkpoint import (
    below,
    load_optimizer,
    optimizer_tensors,
    prefixed,
    run_key,
    training_code,
)
from pipeline.training.data import Batch
from pipeline.training.loop import ScheduleParams
from pipeline.training.stage import SHEET_FACES, Device, Run, train

WARM_UP = 0.03  # ours: share of the schedule over which the rate rises


@dataclass(frozen=True)
class EdgeNetParams:
    widths: tuple[int, ...]  # channels at 1/2, 1/4, … of the resolution
    side: int  # channels that the scales share


@dataclass(frozen=True)
class EdgeLoss:
    positive: float  # share of the annotators from which on an edge is one
    negative_weight: float  # of what is none, beside the class balance


@dataclass(frozen=True)
class EdgeAugment:
    """Photos are turned by any angle, mirrored, scaled, and varied in light."""

    crop_px: int
    scale: tuple[float, float]
    light: float  # standard deviation of gain and gamma, in powers of e


@dataclass(frozen=True)
class EdgesParams:
    """Section `train_edges`."""

    images: str  # folder of BSDS500
    splits: tuple[str, ...]  # trained on
    net: EdgeNetParams
    loss: EdgeLoss
    lr: float
    weight_decay: float
    schedule: ScheduleParams
    augment: EdgeAugment
    batch: int
    seed: int


@dataclass(frozen=True)
class Boundaries:
    """Step number -> batch of photo (N, 3, S, S) and agreement (N, 1, S, S), float32 in [0, 1]."""

    photos: list[Photo]
    agreements: list[NDArray[np.uint8]]
    augment: EdgeAugment
    batch: int
    seed: int

    def __call__(self, step: int) -> Batch:
        rng = np.random.default_rng([self.seed, step])
        samples = [self._sample(rng, step * self.batch + i) for i in range(self.batch)]
        photo, agreement = (np.stack(part).astype(np.float32) / 255 for part in zip(*samples, strict=True))
        return {
            "photo": torch.from_numpy(photo).permute(0, 3, 1, 2).contiguous(),
            "agreement": torch.from_numpy(agreement)[:, None],
        }

    def _sample(self, rng: np.random.Generator, count: int) -> tuple[Photo, NDArray[np.uint8]]:
        epoch, position = divmod(count, len(self.photos))
        index = int(np.random.default_rng([self.seed, epoch, 1]).permutation(len(self.photos))[position])
        photo, agreement = self.photos[index], self.agreements[index]
        matrix = self._matrix(rng, photo.shape)
        side = (self.augment.crop_px, self.augment.crop_px)
        turned = cv2.warpAffine(photo, matrix, side, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT_101)
        drawn = cv2.warpAffine(agreement, matrix, side, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        return relit(turned.astype(np.uint8), self.augment.light, rng), drawn.astype(np.uint8)

    def _matrix(self, rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Photo px -> crop px: a place, an angle, a scale, maybe mirrored."""
        low, high = np.log(self.augment.scale)
        scale, angle = float(np.exp(rng.uniform(low, high))), float(rng.uniform(0, 360))
        reach = self.augment.crop_px / 2 / scale
        centre = [rng.uniform(min(reach, n / 2), max(n - reach, n / 2)) for n in shape[1::-1]]
        matrix = np.asarray(cv2.getRotationMatrix2D(centre, angle, scale), np.float64)
        matrix[:, 2] += self.augment.crop_px / 2 - np.array(centre)
        mirrored = np.diag([-1.0, 1.0]) if rng.random() < 0.5 else np.eye(2)
        shift = np.array([self.augment.crop_px - 1.0 if mirrored[0, 0] < 0 else 0.0, 0.0])
        return np.hstack([mirrored @ matrix[:, :2], (mirrored @ matrix[:, 2] + shift)[:, None]])


def relit(photo: Photo, spread: float, rng: np.random.Generator) -> Photo:
    """Another gamma and gains of the channels; one in eight gray."""
    gamma, gain = np.exp(spread * rng.standard_normal()), np.exp(spread * rng.standard_normal(3) / 2)
    table = np.clip(255 * (np.arange(256)[:, None] / 255) ** gamma * gain, 0, 255).astype(np.uint8)
    varied = cv2.LUT(photo, table[:, None])
    if rng.random() < 1 / 8:
        varied = cv2.cvtColor(cv2.cvtColor(varied, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return varied.astype(np.uint8)


class Edges:
    """EdgeNet under its class-balanced loss on every side output and the fusion."""

    def __init__(self, fabric: Fabric, params: EdgesParams) -> None:
        self.params = params
        net = EdgeNet(params.net.widths, params.net.side).to(memory_format=torch.channels_last)
        adam = torch.optim.AdamW(net.parameters(), params.lr, weight_decay=params.weight_decay, fused=True)
        self.net, self.optimizer = fabric.setup(net, adam)
        self.fabric = fabric

    def step(self, batch: Batch) -> dict[str, Tensor]:
        self.net.train()
        asked = self.params.loss
        losses = [
            balanced_cross_entropy(logits, batch["agreement"], asked.positive, asked.negative_weight)
            for logits in self.net(batch["photo"])
        ]
        self.optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(torch.stack(losses).sum())
        self.optimizer.step()
        return {"sides": torch.stack(losses[:-1]).mean().detach(), "fused": losses[-1].detach()}

    def set_progress(self, share: float) -> float:
        """Warm-up, then half a cosine."""
        lr = self.params.lr * min(1.0, share / WARM_UP + 1e-3) * 0.5 * (1 + math.cos(math.pi * share))
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        return lr

    def state(self) -> dict[str, Tensor]:
        return prefixed("net/", self.net.state_dict()) | prefixed("adam/", optimizer_tensors(self.optimizer))

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        self.net.load_state_dict(below(tensors, "net/"))
        load_optimizer(self.optimizer, below(tensors, "adam/"))

    def weights(self) -> dict[str, Tensor]:
        """Half precision: what is shipped."""
        return {k: v.half() if v.is_floating_point() else v for k, v in self.net.state_dict().items()}

    def show(self, batch: Batch) -> dict[str, Tensor]:
        """Columns of the sample sheet: name -> (N, C, H, W) in [0, 1]."""
        self.net.eval()
        sides = [torch.sigmoid(logits) for logits in self.net(batch["photo"])]
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
    key = run_key({"edges": params}, digest, training_code())
    header = {"stage": "edges", "params": asdict(params)}
    target = Layout(data).trained("edges")
    train(
        Run("edges", params.schedule, params.seed, batches, shown, lambda f: Edges(f, params), key, header, target),
        device,
    )
