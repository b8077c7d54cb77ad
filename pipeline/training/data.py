"""Batches out of packed data, augmented; what a step sees depends on (seed, step) alone."""

import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from models.discriminators.diffaugment import NOISE
from pipeline.core.allowed import Range, Share
from pipeline.core.dataset import Split
from pipeline.core.errors import UserError
from pipeline.core.polarity import turned_tensor, unit_tensor
from pipeline.training.human_hand import Draws, HandParams, Hands, named, random_numbers
from pipeline.training.sample_order import nth_sample

Batch = dict[str, Tensor]
Draw = tuple[int, int, int, int, int]  # face, style, shift down and right, flip
PHOTO = "photo"  # a layer that is no strokes
RESIDENT_SHARE = 0.4  # ours: of the device's free memory that the data may take


@dataclass(frozen=True)
class AugmentParams:
    """How photos, edges and sketches are varied, all layers of a face alike."""

    flip: bool
    shift_px: Annotated[int, Range(least=0, most=128)]  # at 256: furthest displacement, the border reflected
    angle_deg: Annotated[float, Range(least=0, most=180)]  # turned by up to this much either way
    zoom: Share  # enlarged or shrunk by up to this share


class Batches:
    """Step number -> batch of float32 tensors (N, C, H, W) in [0, 1] on `device`; strokes and edges 1 = ink.

    Keys: the packed `layers` asked for, noise (N, 7) for the augmentation of what D sees and, where `sketches` names
    any layers, sketch: one of them drawn anew for every sample, by a `hand` if one is given; level (N, 1) where the
    hand tells it, and what numbers the split tells besides. Every face comes once before any comes twice. Data that
    fits the device lies there whole and is cut there; data that does not is read from disk, cut and sent on.
    """

    def __init__(
        self,
        split: Split,
        layers: tuple[str, ...],
        sketches: tuple[str, ...],
        batch: int,
        augment: AugmentParams,
        seed: int,
        device: torch.device | None = None,
        part: tuple[int, int] = (0, 1),
        hand: HandParams | None = None,
    ) -> None:
        """`layers`: such as "photo"; `sketches`: such as "sketch/xdog"; `part`: which of how many processes.

        Raises UserError for a layer that is not packed, and for a hand where nothing tells where the eyes are.
        """
        unknown = [name for name in (*layers, *sketches) if name not in split.layers]
        if unknown:
            raise UserError(f"training: layers {unknown} are not packed; see styles.names, then: dvc repro pack")
        if batch % part[1]:
            raise UserError(f"training: a batch of {batch} cannot be shared by {part[1]} processes alike")
        self.batch, self.seed, self.augment, self.faces = batch, seed, augment, len(split.ids)
        self.device = device or torch.device("cpu")
        self.asked, self.sketches, self.part = layers, sketches, part
        self.size: int = split.layers[(*layers, *sketches)[0]].shape[1]
        read = {name: torch.from_numpy(split.layers[name]) for name in (*layers, *sketches)}
        at = self.device if fits(sum(layer.nbytes for layer in read.values()), self.device) else torch.device("cpu")
        self.layers = {name: layer.to(at) for name, layer in read.items()}
        self.at = at
        self.told = {name: torch.from_numpy(numbers) for name, numbers in split.told.items()}
        self.some = {i: _have(split, name) for i, name in enumerate(sketches) if name in split.only}
        if sketches and len(self.some) == len(sketches):
            raise UserError(f"training: only some faces have {', '.join(sketches)}; name another kind in drawn, too")
        works = hand is not None and sketches and hand.works()
        self.hand = Hands(hand, split, at) if hand and works else None

    def __call__(self, step: int) -> Batch:
        rng = np.random.default_rng([self.seed, step])
        mine = slice(self.part[0], None, self.part[1])
        draws = [self._draw(rng, step * self.batch + i) for i in range(self.batch)][mine]
        noise = torch.from_numpy(rng.random((self.batch, NOISE), np.float32)[mine].copy())
        warps = torch.from_numpy(self._warps(rng)[mine].copy())
        table = sent(torch.tensor(draws), self.at)
        face, (rows, columns) = table[:, 0], self._grid(*table[:, 2:].T)
        batch, told = {name: _cut(self.layers[name], face) for name in self.asked}, {"noise": noise}
        told |= {name: numbers[[draw[0] for draw in draws]] for name, numbers in self.told.items()}
        if self.sketches:
            batch, level = self._drawn(batch, draws, face, step)
            told |= level
        batch = {name: _displaced(layer, rows, columns) for name, layer in batch.items()}
        if self.augment.angle_deg or self.augment.zoom:
            batch = _warped(batch, sent(warps, self.at))
        return {name: sent(value, self.device) for name, value in (batch | told).items()}

    def _draw(self, rng: np.random.Generator, count: int) -> Draw:
        """Face, style, shift down and right, flip."""
        style = int(rng.integers(len(self.sketches))) if self.sketches else 0
        reach = self._reach()
        dy, dx = (int(v) - reach for v in rng.integers(0, 2 * reach + 1, 2))
        flip = self.augment.flip and rng.random() < 0.5
        face = nth_sample(self.seed, count, self.faces)
        return face, self._style_of(face, style, count // self.faces), dy, dx, int(flip)

    def _style_of(self, face: int, style: int, round_: int) -> int:
        """The style drawn, where the face has it; one that only some have they have every other time round."""
        if not self.some:
            return style
        own = [i for i, faces in self.some.items() if face in faces]
        if own and round_ % 2:
            return own[0]
        common = [i for i in range(len(self.sketches)) if i not in self.some]
        return style if style in (*common, *own) else common[face % len(common)]

    def _warps(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """Turn and zoom about the middle, (N, 2, 3), as affine_grid takes them."""
        angle, zoom = rng.uniform(-1, 1, (2, self.batch))
        turn_by = np.exp(1j * np.deg2rad(self.augment.angle_deg * angle)) * (1 + self.augment.zoom) ** -zoom
        zero = np.zeros(self.batch)
        rows = [[turn_by.real, -turn_by.imag, zero], [turn_by.imag, turn_by.real, zero]]
        return np.moveaxis(np.array(rows, np.float32), 2, 0)

    def _reach(self) -> int:
        return round(self.augment.shift_px * self.size / 256)

    def _grid(self, dy: Tensor, dx: Tensor, flip: Tensor) -> tuple[Tensor, Tensor]:
        """Rows and columns of the source, (N, S) each: displaced, flipped, reflected at the border."""
        along = torch.arange(self.size, device=self.at).expand(len(dy), -1)
        across = torch.where(flip[:, None] > 0, self.size - 1 - along, along)
        return _reflected(along + dy[:, None], self.size), _reflected(across + dx[:, None], self.size)

    def _drawn(self, batch: Batch, draws: list[Draw], face: Tensor, step: int) -> tuple[Batch, Batch]:
        """Layers as packed -> the same with drawings, by the hand where there is one; and what that tells."""
        styles, faces = [draw[1] for draw in draws], [draw[0] for draw in draws]
        if not self.hand:
            return batch | {"sketch": turned_tensor(self._sketch(styles, face))}, {}
        numbers = random_numbers(self.seed, step, self.batch)[slice(self.part[0], None, self.part[1])].copy()
        by = named(torch.from_numpy(numbers))
        if self.hand.params.level:
            chances = zip(self.hand.extent(by)[:, 0].tolist(), by["kind"][:, 0].tolist(), strict=True)
            styles = [self._of_kind(style, *of) for style, of in zip(styles, chances, strict=True)]
        by = named(sent(torch.from_numpy(numbers), self.at))
        drawn = self.hand(turned_tensor(self._sketch(styles, face)), by, faces)
        batch = self._staying(self.hand, batch, drawn, by, faces) if self.hand.params.stays and batch else batch
        return batch | {"sketch": drawn}, {"level": self.hand.levels(by)} if self.hand.params.level else {}

    def _staying(self, hand: Hands, batch: Batch, drawn: Tensor, by: Draws, faces: Sequence[int]) -> Batch:
        """What is learnt, with the hand's drawings as their levels let it stay."""
        moved = hand.stay(torch.cat(list(batch.values()), 1), by, faces)
        parts = dict(zip(batch, moved.split([layer.shape[1] for layer in batch.values()], 1), strict=True))
        return {name: part if name == PHOTO else hand.hold(part, drawn, by, faces) for name, part in parts.items()}

    def _of_kind(self, style: int, level: float, chance: float) -> int:
        """The style deformed in a share `level` of samples, else as traced, where it is learned from in both kinds."""
        wanted = f"{'sketch' if chance < level else 'clean'}/{self.sketches[style].partition('/')[2]}"
        return self.sketches.index(wanted) if wanted in self.sketches else style

    def _sketch(self, styles: list[int], face: Tensor) -> Tensor:
        sketch = torch.empty(len(styles), 1, self.size, self.size, device=self.at)
        for style in sorted(set(styles)):
            of = sent(torch.tensor([i for i, s in enumerate(styles) if s == style]), self.at)
            sketch[of] = _cut(self.layers[self.sketches[style]], face[of])
        return sketch


def _displaced(maps: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """(N, C, S, S) -> its pixels at rows and columns (N, S) each."""
    sample = torch.arange(len(maps), device=maps.device)[:, None, None, None]
    channel = torch.arange(maps.shape[1], device=maps.device)[:, None, None]
    return maps[sample, channel, rows[:, None, :, None], columns[:, None, None, :]]


def _have(split: Split, layer: str) -> frozenset[int]:
    """Faces that have a layer which others lack."""
    have = set(split.only[layer])
    return frozenset(i for i, face in enumerate(split.ids) if face in have)


def _reflected(index: Tensor, size: int) -> Tensor:
    index = index.abs()
    return torch.where(index < size, index, 2 * (size - 1) - index)


def _cut(layer: Tensor, face: Tensor) -> Tensor:
    """uint8 (faces, S, S[, C]) -> float32 (N, C, S, S) in [0, 1]."""
    pixels = layer[face]
    return unit_tensor(pixels.reshape(*pixels.shape[:3], -1).permute(0, 3, 1, 2))


def _warped(batch: Batch, warps: Tensor) -> Batch:
    """All layers of a sample alike, the border reflected."""
    layers = torch.cat(list(batch.values()), 1)
    grid = F.affine_grid(warps, list(layers.shape), align_corners=False)
    moved = F.grid_sample(layers, grid, "bicubic", "reflection", align_corners=False).clamp(0, 1)
    return dict(zip(batch, torch.split(moved, [layer.shape[1] for layer in batch.values()], 1), strict=True))


def fits(nbytes: int, device: torch.device) -> bool:
    """Whether so much data may lie on the device."""
    return device.type == "cuda" and nbytes < RESIDENT_SHARE * torch.cuda.mem_get_info(device)[0]


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """To the device without waiting for it."""
    if tensor.device == device or device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


class Ahead:
    """Batches made by threads before they are asked for: `depth` steps ahead on as many threads.

    Same batches in the same order. As a context it ends its threads.
    """

    def __init__(self, batches: Callable[[int], Batch], depth: int) -> None:
        self.batches, self.depth = batches, depth
        self.pool = ThreadPoolExecutor(depth, "batches")
        self.coming: deque[tuple[int, Future[Batch]]] = deque()

    def __call__(self, step: int) -> Batch:
        if self.coming and self.coming[0][0] != step:
            self.coming.clear()
        while len(self.coming) <= self.depth:
            due = self.coming[-1][0] + 1 if self.coming else step
            self.coming.append((due, self.pool.submit(self.batches, due)))
        return self.coming.popleft()[1].result()

    def __enter__(self) -> "Ahead":
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.shutdown(wait=True, cancel_futures=True)


@dataclass(frozen=True)
class Unpaired:
    """Batches whose drawings are of other people than their photos: two orders, two sets of shifts and mirrors."""

    photos: Batches
    sketches: Batches

    def __call__(self, step: int) -> Batch:
        return self.sketches(step) | self.photos(step)


def readers(made: Callable[[int], Batch], device: torch.device) -> int:
    """Threads that keep a device fed: one where the data lies on it, or where the step itself takes all cores."""
    resident = isinstance(made, Batches) and made.at == device
    return 1 if resident or device.type != "cuda" else min(8, os.cpu_count() or 1)
