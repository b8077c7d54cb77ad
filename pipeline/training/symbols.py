"""Symbols that people draw in place of a feature: almond eyes, an L for a nose, one line for a mouth.

Curves in a square box, x to the right and y downwards in [-1, 1], drawn once for each size of face.
"""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.polarity import Strokes, unit

Curve = NDArray[np.float64]  # (points, 2): x, y
FINE = 8  # drawn at so many times the size, then reduced
LINE_PX = 1.8  # ours: width of a line at a 256-px face


def _arc(half: float, top: float, middle: float = 0.0) -> Curve:
    """A parabola from (-half, middle) over (0, middle + top) to (half, middle)."""
    x = np.linspace(-half, half, 25)
    return np.stack([x, middle + top * (1 - (x / half) ** 2)], 1)


def _ring(radius: float) -> Curve:
    turn = np.linspace(0, 2 * np.pi, 33)
    return radius * np.stack([np.cos(turn), np.sin(turn)], 1)


def _line(*points: tuple[float, float]) -> Curve:
    return np.array(points)


_ALMOND = [_arc(0.85, -0.4), _arc(0.85, 0.34)]
_DOT = [_ring(radius) for radius in (0.02, 0.06, 0.1)]
SYMBOLS: dict[str, tuple[list[Curve], ...]] = {
    "eye": (
        [*_ALMOND, _ring(0.3)],
        [*_ALMOND, *_DOT],
        _ALMOND,
        [_ring(0.42), *_DOT],
        [_arc(0.85, -0.4), _ring(0.26)],
    ),
    "nose": (
        [_line((0.1, -0.8), (-0.25, 0.5), (0.25, 0.55))],
        [_line((-0.1, -0.8), (0.25, 0.5), (-0.25, 0.55))],
        [_arc(0.35, 0.35, 0.3)],
        [np.add(_arc(0.12, 0.1, 0.45), (dx, 0.0)) for dx in (-0.2, 0.2)],
    ),
    "mouth": (
        [_line((-0.75, 0.0), (0.75, 0.0))],
        [_arc(0.75, 0.3)],
        [_arc(0.75, -0.2), _arc(0.75, 0.25)],
        [_arc(0.75, 0.1), _arc(0.3, 0.1, 0.3)],
    ),
}


@lru_cache(maxsize=64)
def symbols(feature: str, side: int, scale: float) -> Strokes:
    """All symbols of a feature, (variants, side, side); `scale`: px of this face a px of a 256-px one."""
    width = max(1, round(FINE * (LINE_PX * scale + 0.3)))
    drawings = []
    for curves in SYMBOLS[feature]:
        canvas = np.zeros((side * FINE, side * FINE), np.uint8)
        for curve in curves:
            points = np.rint((curve + 1) / 2 * (side * FINE - 1)).astype(np.int32)
            cv2.polylines(canvas, [points[:, None]], False, 255, width, cv2.LINE_AA)
        drawings.append(unit(np.asarray(cv2.resize(canvas, (side, side), interpolation=cv2.INTER_AREA), np.uint8)))
    return Strokes(np.stack(drawings))
