"""Strokes: raster -> thin lines -> vector strokes -> smoothed, deformed -> raster or SVG.

All lengths are pixels of the image at hand; callers scale what is stated at a 256-px face.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from pipeline.images import Sketch

SUPERSAMPLING = 4
PRESSURES = 15  # ours: shades of ink that are drawn
PRESSURE_STEPS = 2.0  # ours: standard deviation, in points, of the smoothing of a stroke's pressure


@dataclass(frozen=True)
class Stroke:
    """One line of a drawing."""

    points: NDArray[np.float32]  # (n, 2) x, y, px
    widths: NDArray[np.float32]  # (n,) px
    pressures: NDArray[np.float32]  # (n,) darkness of the ink, 1 = black

    @classmethod
    def even(cls, points: NDArray[np.float32], widths: NDArray[np.float32]) -> "Stroke":
        """Black all along."""
        return cls(points, widths, np.ones(len(widths), np.float32))

    @property
    def length(self) -> float:
        return float(np.linalg.norm(np.diff(self.points, axis=0), axis=1).sum())


def trace(sketch: Sketch, threshold: float, solid: float, close: float, gap: float, hatch: float = 0) -> list[Stroke]:
    """Ink darker than `threshold` -> strokes along its middle.

    Regions wider than `solid` become their outline and, where `hatch` > 0, lines inside that follow it, `hatch` apart.
    Lines nearer than `close` merge; a line goes on straight across junctions and across breaks up to `gap`.
    """
    ink = (sketch < threshold).astype(np.uint8)
    ink = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, _disc(close)).astype(np.uint8)
    wide = solid <= min(ink.shape)
    core = cv2.morphologyEx(ink, cv2.MORPH_OPEN, _disc(solid)).astype(np.uint8) if wide else np.zeros_like(ink)
    beside = cv2.dilate(core, _disc(3)).astype(np.uint8)
    lines = (ink & (1 - beside)) | _outline(core)
    inner = _disc(max(3.0, 2 * hatch + 1))
    while hatch > 0 and core.any():
        core = cv2.erode(core, inner, borderType=cv2.BORDER_CONSTANT, borderValue=(0.0,)).astype(np.uint8)
        lines |= _outline(core)
    skeleton = cv2.ximgproc.thinning(lines * 255) > 0  # type: ignore[attr-defined]
    half = cv2.distanceTransform(lines, cv2.DIST_L2, 3)
    margin = int(gap) + 2
    points, ends = _trace(np.pad(skeleton, margin), float(gap))
    parts = np.split(points[:, ::-1] - margin, ends[:-1]) if len(ends) else []
    return [_stroke(part, half) for part in parts if len(part) > 1]


def _outline(region: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return region - cv2.erode(region, _disc(3)).astype(np.uint8)


@cache
def _disc(diameter: float) -> NDArray[np.uint8]:
    side = max(1, round(diameter))
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)).astype(np.uint8, copy=False)


def _stroke(points: NDArray[np.int64], half: NDArray) -> Stroke:
    widths = 2 * half[points[:, 1], points[:, 0]] - 1
    return Stroke.even(points.astype(np.float32), np.maximum(widths, 1).astype(np.float32))


def pressed(strokes: Sequence[Stroke], ink: NDArray[np.float32], lightest: float) -> list[Stroke]:
    """Strokes as dark as the ink (H, W) under them, 0 = none, 1 = black; none is lighter than `lightest`."""
    return [_pressed(stroke, ink, np.float32(lightest)) for stroke in strokes]


def _pressed(stroke: Stroke, ink: NDArray[np.float32], lightest: np.float32) -> Stroke:
    at = stroke.points[:, None]
    found = cv2.remap(ink, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0]
    even = gaussian_filter1d(np.clip(found, 0, 1), PRESSURE_STEPS, mode="nearest")
    return replace(stroke, pressures=(lightest + (1 - lightest) * even).astype(np.float32))


@njit(cache=True)
def _trace(skeleton: NDArray, gap: float) -> tuple[NDArray, NDArray]:
    """Every skeleton pixel in one line: (row, column) of all points, and where each line ends.

    Lines start at free ends first, then anywhere (loops), and extend both ways. `skeleton` has an empty border
    wider than `gap`.
    """
    free = skeleton.copy()
    rows, columns = np.nonzero(skeleton)
    degree = np.zeros(len(rows), np.int64)
    for i in range(len(rows)):
        degree[i] = skeleton[rows[i] - 1 : rows[i] + 2, columns[i] - 1 : columns[i] + 2].sum() - 1
    points = np.zeros((2 * len(rows) + 2, 2), np.int64)
    ends = np.zeros(len(rows) + 1, np.int64)
    total, lines = 0, 0
    for wanted in (1, 9):
        for i in range(len(rows)):
            if degree[i] > wanted or not free[rows[i], columns[i]]:
                continue
            start = total
            total = _walk(free, rows[i], columns[i], points, start, total, gap)
            points[start:total] = points[start:total][::-1].copy()
            total = _walk(free, -1, -1, points, start, total, gap)
            ends[lines] = total
            lines += 1
    return points[:total], ends[:lines]


@njit(cache=True)
def _walk(free: NDArray, row: int, column: int, points: NDArray, start: int, total: int, gap: float) -> int:
    """Append pixels from (row, column), or onwards from the line's last point, straight ahead as far as it goes."""
    if row < 0:
        row, column = points[total - 1]
    else:
        points[total] = row, column
        total += 1
    free[row, column] = False
    while True:
        before = max(start, total - 6)
        dy, dx = row - points[before, 0], column - points[before, 1]
        norm = np.sqrt(dy * dy + dx * dx)
        best, by, bx = -1e9, -1, -1
        reach = int(gap) + 1 if norm > 3 else 1
        for y in range(row - reach, row + reach + 1):
            for x in range(column - reach, column + reach + 1):
                if not free[y, x]:
                    continue
                ey, ex = y - row, x - column
                distance = np.sqrt(ey * ey + ex * ex)
                ahead = (dy * ey + dx * ex) / (norm * distance) if norm > 0 else 0.0
                near = distance < 1.5
                if (near and ahead < -0.3) or (not near and (ahead < 0.6 or distance > gap)):
                    continue
                score = ahead - 2.0 * distance
                if score > best:
                    best, by, bx = score, y, x
        if by < 0:
            return total
        row, column = by, bx
        points[total] = row, column
        total += 1
        free[row, column] = False


def smooth(strokes: Sequence[Stroke], sigma: float, min_length: float, step: float) -> list[Stroke]:
    """Strokes longer than `min_length`, smoothed along their length, ends kept, one point every `step`."""
    return [_smooth(stroke, sigma, step) for stroke in strokes if stroke.length >= min_length]


def _smooth(stroke: Stroke, sigma: float, step: float) -> Stroke:
    dense = resample(stroke, 1.0)
    n = len(dense.points)
    reach = min(n - 1, int(4 * sigma) + 1)
    points = dense.points.astype(np.float64)
    before = 2 * points[0] - points[reach:0:-1]
    after = 2 * points[-1] - points[-2 : -reach - 2 : -1]
    longer = gaussian_filter1d(np.concatenate([before, points, after]), sigma, axis=0)[reach : reach + n]
    widths = gaussian_filter1d(dense.widths, 2 * sigma, mode="nearest")
    return resample(Stroke(longer.astype(np.float32), widths, dense.pressures), step)


def resample(stroke: Stroke, step: float) -> Stroke:
    """The same line with points about `step` apart, ends kept."""
    steps = stroke.points[1:] - stroke.points[:-1]
    along = np.concatenate([[0], np.cumsum(np.sqrt((steps * steps).sum(1)))])
    at = np.linspace(0, along[-1], max(2, round(along[-1] / step) + 1))
    x, y, w, p = (np.interp(at, along, v) for v in (*stroke.points.T, stroke.widths, stroke.pressures))
    return Stroke(np.stack([x, y], 1).astype(np.float32), w.astype(np.float32), p.astype(np.float32))


def resized(stroke: Stroke, factor: float) -> Stroke:
    """The stroke of an image whose sides are `factor` times as long; pixel centres lie at whole numbers."""
    points = ((stroke.points + 0.5) * factor - 0.5).astype(np.float32)
    return replace(stroke, points=points, widths=(stroke.widths * factor).astype(np.float32))


@dataclass(frozen=True)
class DeformParams:
    """An unpractised hand. Lengths at a 256-px face."""

    displacement_px: float  # largest shift of any point
    wavelength_px: float  # how far apart independent shifts are
    overshoot_px: float  # standard deviation by which a stroke runs past its ends, or stops short
    gaps: float  # expected breaks per 100 px of stroke
    gap_px: float  # length of a break
    missing: float  # probability that a stroke shorter than 60 px is left out
    width_jitter: float  # relative standard deviation of a stroke's width
    evenness: float  # each drawing loses a share between 0 and this of its differences of pressure


def displacement_field(shape: tuple[int, ...], params: DeformParams, rng: np.random.Generator) -> NDArray[np.float32]:
    """Smooth random shifts (H, W, 2) in px, x then y, no longer than displacement_px at 256."""
    scale = min(shape[:2]) / 256
    knots = [max(2, round(side / (params.wavelength_px * scale)) + 1) for side in shape[:2]]
    coarse = rng.uniform(-1, 1, (*knots, 2)).astype(np.float32)
    field = cv2.resize(coarse, shape[1::-1], interpolation=cv2.INTER_LINEAR)
    field = cv2.GaussianBlur(field, (0, 0), max(0.5, params.wavelength_px * scale / 3))
    length = np.linalg.norm(field, axis=2, keepdims=True)
    return (field / np.maximum(1, length) * params.displacement_px * scale).astype(np.float32)


def warp(sketch: Sketch, field: NDArray[np.float32]) -> Sketch:
    """Raster sketch under a displacement field, paper beyond its border."""
    ys, xs = np.mgrid[: sketch.shape[0], : sketch.shape[1]].astype(np.float32)
    moved = cv2.remap(sketch, xs - field[..., 0], ys - field[..., 1], cv2.INTER_LINEAR, borderValue=(1.0,))
    return np.clip(moved, 0, 1).astype(np.float32)


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


def render(strokes: Sequence[Stroke], shape: tuple[int, ...]) -> Sketch:
    """Strokes -> antialiased lines on white paper, (H, W); where they cross, the darker ink shows."""
    over = SUPERSAMPLING
    canvas = np.full((shape[0] * over, shape[1] * over), 255, np.uint8)
    runs = [run for stroke in strokes for run in _runs(stroke, over)]
    for pressure, width, line in sorted(runs, key=lambda run: run[0]):
        cv2.polylines(canvas, [line], False, 255 - pressure * 255 // PRESSURES, width, cv2.LINE_8, 4)
    small = cv2.resize(canvas, shape[1::-1], interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / np.float32(255)


def _runs(stroke: Stroke, over: int) -> list[tuple[int, int, NDArray[np.int32]]]:
    """Parts of one pressure (of PRESSURES) and width (px of the canvas), as points for cv2.polylines."""
    points = np.round((stroke.points + 0.5) * over * 16).astype(np.int32)
    widths = np.maximum(1, _between(stroke.widths * over)).astype(int)
    pressures = _between(stroke.pressures * PRESSURES).astype(int)
    ends = [*(np.flatnonzero((widths[1:] != widths[:-1]) | (pressures[1:] != pressures[:-1])) + 1), len(widths)]
    return [(int(pressures[a]), int(widths[a]), points[a : b + 1].reshape(-1, 1, 2)) for a, b in pairwise([0, *ends])]


def _between(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.round((values[1:] + values[:-1]) / 2)


def to_svg(strokes: Sequence[Stroke], shape: tuple[int, ...]) -> str:
    """Strokes as an SVG drawing, one path each, of its mean width and darkness."""
    paths = "\n".join(_svg_path(stroke) for stroke in sorted(strokes, key=lambda s: float(s.pressures.mean())))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {shape[1]} {shape[0]}">'
    style = '<g fill="none" stroke-linecap="round" stroke-linejoin="round">'
    return f'{head}<rect width="100%" height="100%" fill="white"/>\n{style}\n{paths}\n</g></svg>\n'


def _svg_path(stroke: Stroke) -> str:
    points = " ".join(f"{x + 0.5:.2f},{y + 0.5:.2f}" for x, y in stroke.points)
    gray = round(255 * (1 - float(stroke.pressures.mean())))
    return f'<path d="M {points}" stroke="#{3 * f"{gray:02x}"}" stroke-width="{float(stroke.widths.mean()):.2f}"/>'
