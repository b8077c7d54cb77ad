"""Strokes -> antialiased lines on paper."""

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.polarity import Sketch, unit
from pipeline.drawing.stroke import Stroke

SUPERSAMPLING = 4


PRESSURES = 15  # ours: shades of ink that are drawn


def render(strokes: Sequence[Stroke], shape: tuple[int, ...]) -> Sketch:
    """Strokes -> antialiased lines on white paper, (H, W); where they cross, the darker ink shows."""
    over = SUPERSAMPLING
    canvas = np.full((shape[0] * over, shape[1] * over), 255, np.uint8)
    runs = [run for stroke in strokes for run in _runs(stroke, over)]
    for pressure, width, line in sorted(runs, key=lambda run: run[0]):
        cv2.polylines(canvas, [line], False, 255 - pressure * 255 // PRESSURES, width, cv2.LINE_8, 4)
    small = np.asarray(cv2.resize(canvas, shape[1::-1], interpolation=cv2.INTER_AREA), np.uint8)
    return Sketch(unit(small))


def _runs(stroke: Stroke, over: int) -> list[tuple[int, int, NDArray[np.int32]]]:
    """Parts of one pressure (of PRESSURES) and width (px of the canvas), as points for cv2.polylines."""
    points = np.round((stroke.points + 0.5) * over * 16).astype(np.int32)
    widths = np.maximum(1, _between(stroke.widths * over)).astype(int)
    pressures = _between(stroke.pressures * PRESSURES).astype(int)
    ends = [*(np.flatnonzero((widths[1:] != widths[:-1]) | (pressures[1:] != pressures[:-1])) + 1), len(widths)]
    return [(int(pressures[a]), int(widths[a]), points[a : b + 1].reshape(-1, 1, 2)) for a, b in pairwise([0, *ends])]


def _between(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.round((values[1:] + values[:-1]) / 2)
