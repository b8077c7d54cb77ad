"""Raster -> thin lines -> strokes. All lengths are pixels of the image at hand."""

from functools import cache

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from pipeline.core.polarity import Sketch
from pipeline.drawing.stroke import Stroke

Mask = NDArray[np.bool_]
Places = NDArray[np.int64]


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
    half = np.asarray(cv2.distanceTransform(lines, cv2.DIST_L2, 3), np.float32)
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


def _stroke(points: NDArray[np.int64], half: NDArray[np.float32]) -> Stroke:
    widths = 2 * half[points[:, 1], points[:, 0]] - 1
    return Stroke.even(points.astype(np.float32), np.maximum(widths, 1).astype(np.float32))


@njit(cache=True)
def _trace(skeleton: Mask, gap: float) -> tuple[Places, Places]:
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
def _walk(free: Mask, row: int, column: int, points: Places, start: int, total: int, gap: float) -> int:
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
