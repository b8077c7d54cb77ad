"""What is erased and hinted at in training photos: masks as free-form strokes, features, boxes and hair; colours.

Masks follow DeepFill v2 (Yu et al. 2019) and SC-FEGAN (Jo & Park 2019), colours the latter: one over a whole part of
the photo, as a person paints. Mask 1 = erased. Lengths are px at 256.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from pipeline.core.allowed import Pixels, Share
from pipeline.drawing.face_prior import Eyes
from pipeline.training.face_map import BROWS, EYES, MOUTH, NOSE, Box
from pipeline.training.sample_order import generator_of

Mask = NDArray[np.uint8]
FEATURES: tuple[tuple[Box, ...], ...] = (EYES, BROWS, (NOSE,), (MOUTH,), (*EYES, *BROWS))
NO_COLOUR = -1.0  # as SC-FEGAN
PAINTS, CELLS, ROUNDS = 6, 64, 4  # ours: a photo in six colours, by four rounds over the means of 64 x 64 cells
NEAR, FAR = 50, 8  # ours: what part of the side two passes of a square mean go over that says what colour is there
TURN = 2 * np.pi / 5  # of a brush, on the mean, as DeepFill v2


@dataclass(frozen=True)
class ErasingParams:
    """How much is erased, and how often what is hinted at."""

    feature: Share  # of the samples lose a feature: eyes, brows, nose or mouth
    hair: Share  # lose what is above the forehead, beside the face, or where a beard grows
    box: Share  # lose a box
    brush_px: Pixels  # width of the widest brush, of colours too; every sample is brushed at least once
    strokes: Share  # of the samples show the strokes in what is erased; the rest are filled from nothing
    colours: Share  # show some colours


class Eraser:
    """Masks, strokes and colours of a batch; what comes of it depends on its numbers alone."""

    def __init__(self, params: ErasingParams, eyes: Eyes, side: int) -> None:
        self.params, self.eyes, self.side = params, eyes, side

    def __call__(self, photo: Tensor, strokes: Tensor, noise: Tensor, proposal: Tensor) -> Tensor:
        """Photos (N, 3, S, S), strokes (N, 1, S, S), numbers (N, k) in [0, 1), proposals (N, 3, S, S) -> (N, 12, S, S).

        What the net is given: photo without what is erased 3, strokes there 1, colours there 3 (-1 = none), mask 1,
        noise there 1, proposal 3; of a sample without strokes gray.
        """
        drawn = [self._one(numbers) for numbers in noise]
        mask, hints, shown, grain = (torch.from_numpy(np.stack(part)).to(photo) for part in zip(*drawn, strict=True))
        seen = hints[:, None] * mask[:, None]
        told = shown[:, None, None, None]
        hinted = seen * painted(photo) + (1 - seen) * NO_COLOUR
        return given(photo, strokes * told, hinted, mask[:, None], grain, torch.lerp(gray(proposal), proposal, told))

    def _one(self, numbers: Tensor) -> tuple[NDArray[np.float32] | np.float32, ...]:
        """Mask (S, S), where colours are hinted at (S, S), whether strokes are shown, noise (S, S)."""
        rng = generator_of(numbers)
        chances = rng.random(5)
        mask = self._brushed(rng, int(rng.integers(1, 4)), self.params.brush_px)
        if chances[0] < self.params.feature:
            mask |= self._feature(rng)
        if chances[1] < self.params.hair:
            mask |= self._hair(rng)
        if chances[2] < self.params.box:
            mask |= self._box(rng)
        hints = np.zeros_like(mask)
        if chances[3] < self.params.colours:
            hints = self._brushed(rng, int(rng.integers(1, 5)), self.params.brush_px)
        shown = np.float32(chances[4] < self.params.strokes)
        grain = rng.random((self.side, self.side), np.float32)
        return mask.astype(np.float32), hints.astype(np.float32), shown, grain

    def _brushed(self, rng: np.random.Generator, brushes: int, widest_px: float) -> Mask:
        """Lines that turn this way and that, as DeepFill v2 draws them."""
        mask, scale = np.zeros((self.side, self.side), np.uint8), self.side / 256
        diagonal = np.hypot(self.side, self.side)
        for _ in range(brushes):
            at, heading = rng.uniform(0, self.side, 2), rng.uniform(0, 2 * np.pi)
            width = max(1, round(rng.uniform(0.3, 1) * widest_px * scale))
            for vertex in range(int(rng.integers(4, 12))):
                turn = TURN + rng.uniform(-TURN, TURN) / 3
                heading += (2 * np.pi - turn) if vertex % 2 else turn
                step = np.clip(rng.normal(diagonal / 8, diagonal / 16), 0, diagonal / 4)
                to = np.clip(at + step * np.array([np.cos(heading), np.sin(heading)]), 0, self.side - 1)
                cv2.line(mask, _pixel(at), _pixel(to), 1, width)
                cv2.circle(mask, _pixel(to), width // 2, 1, -1)
                at = to
        return mask

    def _feature(self, rng: np.random.Generator) -> Mask:
        mask = np.zeros((self.side, self.side), np.uint8)
        grown = rng.uniform(1.0, 1.5)
        for box in FEATURES[int(rng.integers(len(FEATURES)))]:
            middle, half = self._px(box.u, box.v), grown * self._unit * np.array([box.width, box.height])
            cv2.ellipse(mask, _pixel(middle), _pixel(half), 0, 0, 360, 1, -1)
        return mask

    def _hair(self, rng: np.random.Generator) -> Mask:
        """What is above a line across the forehead, on one side of the face, or around mouth and chin."""
        mask, place = np.zeros((self.side, self.side), np.uint8), rng.random()
        if place < 1 / 3:
            mask[: max(1, int(self._px(0, rng.uniform(-1.4, -0.4))[1]))] = 1
            return mask
        if place < 2 / 3:
            half = rng.uniform(0.8, 1.2) * self._unit * np.array([1.0, 0.75])
            cv2.ellipse(mask, _pixel(self._px(0, 1.3)), _pixel(half), 0, 0, 360, 1, -1)
            return mask
        edge = int(self._px(rng.uniform(0.9, 1.3), 0)[0])
        mask[:, edge:] = 1
        return mask if rng.random() < 0.5 else np.ascontiguousarray(mask[:, ::-1])

    def _box(self, rng: np.random.Generator) -> Mask:
        mask, side = np.zeros((self.side, self.side), np.uint8), self.side
        height, width = rng.integers(side * 3 // 8, side // 2 + 1, 2)
        top, left = rng.integers(0, side - height), rng.integers(0, side - width)
        mask[top : top + height, left : left + width] = 1
        return mask

    @property
    def _unit(self) -> float:
        return self.eyes.eye_distance * self.side

    def _px(self, u: float, v: float) -> NDArray[np.float64]:
        """A place of the face, in distances of the pupils, -> px of the crop."""
        return np.array([0.5, self.eyes.eye_y]) * self.side + self._unit * np.array([u, v])


def painted(photo: Tensor) -> Tensor:
    """Photos (N, 3, S, S) each in a few flat colours, by k-means; SC-FEGAN takes medians of the face's segments."""
    cells = F.adaptive_avg_pool2d(photo, CELLS).flatten(2)  # (N, 3, P)
    spread = torch.linspace(0, cells.shape[-1] - 1, PAINTS + 2, device=photo.device)[1:-1].long()
    first = cells.mean(1).argsort(dim=-1, stable=True)[:, spread]  # from dark to light
    paints = cells.gather(2, first[:, None].expand(-1, 3, -1))  # (N, 3, PAINTS)
    for _ in range(ROUNDS):
        nearest = (cells[..., None] - paints[:, :, None]).square().sum(1).argmin(-1)
        of = F.one_hot(nearest, PAINTS).to(cells)  # (N, P, PAINTS)
        count = of.sum(1, keepdim=True)
        paints = torch.where(count > 0, cells @ of / count.clamp_min(1), paints)
    flat = (paints @ of.mT).unflatten(-1, (CELLS, CELLS))
    return F.interpolate(flat, photo.shape[-2:], mode="nearest")


def given(photo: Tensor, strokes: Tensor, colours: Tensor, mask: Tensor, noise: Tensor, proposal: Tensor) -> Tensor:
    """What the editing net is given, (N, 12, S, S): photo (N, 3, S, S), strokes, mask (N, 1, S, S), noise (N, S, S).

    `colours` (N, 3, S, S): -1 where there is no hint. Of these what is erased alone counts. `proposal` (N, 3, S, S):
    the ISN's photo of the lines that are left and those drawn; beside the photo it tells how its tones differ. It takes
    the colours on: the ISN cannot tell hair from skin by lines, and G believes what it begins with.
    """
    inside = torch.where(mask > 0, colours, torch.full_like(colours, NO_COLOUR))
    begun = composed(proposal, coloured(proposal, inside, NEAR), mask)
    return torch.cat([photo * (1 - mask), strokes * mask, inside, mask, noise[:, None] * mask, begun], 1)


def coloured(photo: Tensor, colours: Tensor, over: int) -> Tensor:
    """Photos (N, 3, S, S) that have the colours (N, 3, S, S; -1 = none) they are given, and their own shapes in them.

    The mean over 1 / `over` of the side changes; what is finer stays.
    """
    side, known = photo.shape[-1], (colours[:, :1] >= 0).to(photo)
    by = _mean(known * (colours - photo), side // over) / _mean(known, side // over).clamp_min(1e-3)
    return (photo + by * (2 * _mean(known, side // NEAR)).clamp(max=1)).clamp(0, 1)


def _mean(values: Tensor, px: int) -> Tensor:
    """Of squares of about `px`, twice."""
    for _ in range(2):
        values = F.avg_pool2d(values, px | 1, 1, px // 2, count_include_pad=False)
    return values


def gray(photo: Tensor) -> Tensor:
    """What stands for a proposal where there is none."""
    return torch.full_like(photo, 0.5)


def composed(photo: Tensor, made: Tensor, mask: Tensor) -> Tensor:
    """What was made where it was erased, the photo elsewhere."""
    return made * mask + photo * (1 - mask)


def _pixel(at: NDArray[np.float64]) -> tuple[int, int]:
    return round(float(at[0])), round(float(at[1]))
