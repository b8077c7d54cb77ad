"""Drawings as an unpractised hand repeats them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.allowed import Pixels, Range, Share
from pipeline.core.polarity import Sketch
from pipeline.drawing.stroke import Stroke


@dataclass(frozen=True)
class DeformParams:
    """An unpractised hand. Lengths at a 256-px face."""

    displacement_px: Pixels  # largest shift of any point
    wavelength_px: Annotated[float, Range(least=2, most=1024)]  # how far apart independent shifts are
    overshoot_px: Pixels  # standard deviation by which a stroke runs past its ends, or stops short
    gaps: Annotated[float, Range(least=0, most=50)]  # expected breaks per 100 px of stroke
    gap_px: Pixels  # length of a break
    missing: Share  # probability that a stroke shorter than 60 px is left out
    width_jitter: Annotated[float, Range(least=0, most=2)]  # relative standard deviation of a stroke's width
    evenness: Share  # each drawing loses a share between 0 and this of its differences of pressure


def displacement_field(shape: tuple[int, ...], params: DeformParams, rng: np.random.Generator) -> NDArray[np.float32]:
    """Smooth random shifts (H, W, 2) in px, x then y, no longer than displacement_px at 256."""
    scale = min(shape[:2]) / 256
    knots = [max(2, round(side / (params.wavelength_px * scale)) + 1) for side in shape[:2]]
    coarse = rng.uniform(-1, 1, (*knots, 2)).astype(np.float32)
    field = cv2.resize(coarse, shape[1::-1], interpolation=cv2.INTER_LINEAR)
    field = cv2.GaussianBlur(field, (0, 0), max(0.5, params.wavelength_px * scale / 3))
    length = np.linalg.norm(field, axis=2, keepdims=True)
    return np.asarray(field / np.maximum(1, length) * params.displacement_px * scale, np.float32)


def warp(sketch: Sketch, field: NDArray[np.float32]) -> Sketch:
    """Raster sketch under a displacement field, paper beyond its border."""
    ys, xs = np.mgrid[: sketch.shape[0], : sketch.shape[1]].astype(np.float32)
    moved = cv2.remap(sketch, xs - field[..., 0], ys - field[..., 1], cv2.INTER_LINEAR, borderValue=(1.0,))
    return Sketch(np.clip(moved, 0, 1).astype(np.float32))


def deform(
    strokes: Sequence[Stroke], params: DeformParams, rng: np.random.Generator, shape: tuple[int, ...]
) -> list[Stroke]:
    """Strokes as an unpractised hand repeats them: shifted, overshot, broken, some missing, more evenly pressed."""
    field, scale = displacement_field(shape, params, rng), min(shape[:2]) / 256
    lost = np.float32(rng.uniform(0, params.evenness) if params.evenness else 0)
    drawn: list[Stroke] = []
    for stroke in strokes:
        kept = stroke.length > 60 * scale or rng.random() >= params.missing  # ours: 60 px, an eyelid's length
        moved = _moved(_overshot(stroke, params.overshoot_px * scale, rng), field)
        width = max(0.4, 1 + params.width_jitter * rng.standard_normal())
        pressures = moved.pressures + lost * (1 - moved.pressures)
        pieces = _broken(Stroke(moved.points, moved.widths * np.float32(width), pressures), params, scale, rng)
        drawn += pieces if kept else []
    return drawn


def _moved(stroke: Stroke, field: NDArray[np.float32]) -> Stroke:
    h, w = field.shape[:2]
    x = np.clip(stroke.points[:, 0].round().astype(int), 0, w - 1)
    y = np.clip(stroke.points[:, 1].round().astype(int), 0, h - 1)
    return replace(stroke, points=stroke.points + field[y, x])


def _overshot(stroke: Stroke, sigma: float, rng: np.random.Generator) -> Stroke:
    """Both ends moved along their direction by a normal amount, never by more than a quarter of the length."""
    points = stroke.points.copy()
    for end, inner in ((0, min(3, len(points) - 1)), (-1, max(-4, -len(points)))):
        direction = points[end] - points[inner]
        by = np.clip(sigma * rng.standard_normal(), -0.25 * stroke.length, 0.25 * stroke.length)
        points[end] += direction / max(1e-6, float(np.linalg.norm(direction))) * np.float32(max(by, -1.0))
    return replace(stroke, points=points)


def _broken(stroke: Stroke, params: DeformParams, scale: float, rng: np.random.Generator) -> list[Stroke]:
    length = stroke.length
    count = rng.poisson(params.gaps * length / (100 * scale))
    if count == 0 or length < 8 * params.gap_px * scale:
        return [stroke]
    at = np.sort(rng.uniform(0.15, 0.85, count))[:2]
    n, hole = len(stroke.points), params.gap_px * scale / length
    bounds = [0.0, *(v for a in at for v in (a - hole / 2, a + hole / 2)), 1.0]
    spans = [(round(a * (n - 1)), round(b * (n - 1)) + 1) for a, b in zip(bounds[::2], bounds[1::2], strict=True)]
    return [Stroke(stroke.points[a:b], stroke.widths[a:b], stroke.pressures[a:b]) for a, b in spans if b - a > 1]
