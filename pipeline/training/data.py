"""Batches out of packed data, augmented; what a step sees depends on (seed, step) alone."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.errors import UserError
from pipeline.packed import Split
from pipeline.training.augment import turn

Batch = dict[str, Tensor]


@dataclass(frozen=True)
class AugmentParams:
    """How photos, edges and sketches are varied, all layers of a face alike."""

    flip: bool
    shift_px: int  # at 256: crops are displaced by up to this much, the border reflected


@dataclass(frozen=True)
class Batches:
    """Step number -> batch of float32 tensors (N, C, H, W) in [0, 1]; strokes and edges 1 = ink.

    Keys: photo, canny, hed, product (= Canny ⊙ HED) and, where `styles` names any, sketch: a style drawn
    anew for every sample. Every face comes once before any comes twice.
    """

    split: Split
    styles: tuple[str, ...]
    batch: int
    augment: AugmentParams
    seed: int

    def __post_init__(self) -> None:
        unknown = [style for style in self.styles if f"sketch/{style}" not in self.split.layers]
        if unknown:
            raise UserError(f"training styles {unknown} are not packed; see pack.styles, then: dvc repro pack")

    def __call__(self, step: int) -> Batch:
        rng = np.random.default_rng([self.seed, step])
        samples = [self._sample(rng, step * self.batch + i) for i in range(self.batch)]
        batch = {key: torch.from_numpy(np.stack([s[key] for s in samples])) for key in samples[0]}
        tensors = {key: value.permute(0, 3, 1, 2).float() / 255 for key, value in batch.items()}
        if self.styles:
            tensors["sketch"] = 1 - tensors["sketch"]
        return tensors

    def _sample(self, rng: np.random.Generator, count: int) -> dict[str, NDArray[np.uint8]]:
        index = turn(self.seed, count, len(self.split.ids))
        layers = {name: self.split.layers[name][index] for name in ("photo", "canny", "hed", "product")}
        if self.styles:
            style = self.styles[rng.integers(len(self.styles))]
            layers["sketch"] = self.split.layers[f"sketch/{style}"][index]
        size = layers["photo"].shape[0]
        reach = round(self.augment.shift_px * size / 256)
        dy, dx = (int(v) for v in rng.integers(0, 2 * reach + 1, 2))
        flip = self.augment.flip and rng.random() < 0.5
        return {name: _moved(image, reach, dy, dx, bool(flip)) for name, image in layers.items()}


def _moved(image: NDArray[np.uint8], reach: int, dy: int, dx: int, flip: bool) -> NDArray[np.uint8]:
    """(H, W[, C]) -> (H, W, C): reflected by `reach` px at the border, cropped at (dy, dx), flipped."""
    h, w = image.shape[:2]
    image = image.reshape(h, w, -1)
    padded = np.pad(image, ((reach, reach), (reach, reach), (0, 0)), mode="reflect")
    cut = padded[dy : dy + h, dx : dx + w]
    return np.ascontiguousarray(cut[:, ::-1] if flip else cut)
