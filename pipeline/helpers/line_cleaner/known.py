"""Drawings whose lines are known because they were drawn from them: what a simplifier is judged by.

No line here comes from a simplifier: curves through random points, faces whose features stand in a table, and the ink
of people's drawings, thinned and followed pixel by pixel. All in px of a 256-px face.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from pipeline.drawing.scale import FACE_PX, resized
from pipeline.drawing.stroke import Stroke, resample, smooth
from pipeline.helpers.contour_drawer.fs2k import INK, PAPER_PX, darkness, read_pair
from pipeline.helpers.line_matching import Mask, thinned

Points = NDArray[np.float64]  # (n, 2) x, y
STEP_PX = 2.0  # between a stroke's points
OVER = 2  # a person's ink is followed at twice the size
FILLED_PX = 6  # ink that is wider is no line
MIN_PX = 6.0  # shorter ink is a speck
SMOOTH_PX = 1.0  # takes the staircase out of a line of pixels
PEN_PX = (1.2, 3.2)  # widths of the pen
PRESS = (0.6, 1.0)  # darkness of its ink


@dataclass(frozen=True)
class Feature:
    """A line of a face through some points, in half-widths of the face from its middle, y down."""

    points: tuple[tuple[float, float], ...]
    twice: bool = False  # and its mirror image


def _ring(x: float, y: float, radius: float) -> Feature:
    angles = np.linspace(0, 2 * np.pi, 9)
    return Feature(tuple((x + radius * np.cos(a), y + radius * np.sin(a)) for a in angles), True)


FACE = (
    Feature(((-1.0, -0.2), (-0.95, 0.45), (-0.55, 1.12), (0.0, 1.35), (0.55, 1.12), (0.95, 0.45), (1.0, -0.2))),  # jaw
    Feature(((-1.0, -0.2), (-0.98, -0.95), (0.0, -1.5), (0.98, -0.95), (1.0, -0.2))),  # skull
    Feature(((-0.95, -0.3), (-0.72, -0.78), (0.1, -0.9), (0.75, -0.7), (0.95, -0.3))),  # hairline
    Feature(((0.1, -1.3), (0.6, -1.1), (0.95, -0.5)), True),  # strands
    Feature(((0.25, -1.25), (0.7, -0.95), (0.9, -0.55)), True),
    Feature(((1.0, -0.1), (1.17, -0.2), (1.2, 0.15), (0.98, 0.4)), True),  # ears
    Feature(((0.14, -0.3), (0.4, -0.42), (0.7, -0.28)), True),  # brows
    Feature(((0.18, 0.0), (0.42, -0.14), (0.66, 0.0)), True),  # lids
    Feature(((0.18, 0.0), (0.42, 0.09), (0.66, 0.0)), True),
    _ring(0.42, -0.02, 0.075),  # irises
    Feature(((0.1, -0.02), (0.12, 0.3), (0.22, 0.46), (0.1, 0.53)), True),  # nose
    Feature(((-0.38, 0.82), (-0.1, 0.77), (0.0, 0.8), (0.1, 0.77), (0.38, 0.82))),  # mouth
    Feature(((-0.3, 0.74), (-0.08, 0.68), (0.0, 0.7), (0.08, 0.68), (0.3, 0.74))),
    Feature(((-0.25, 0.92), (0.0, 0.98), (0.25, 0.92))),
    Feature(((0.5, 1.2), (0.52, 1.6), (0.95, 1.85)), True),  # neck
)


def curves(rng: np.random.Generator) -> list[Stroke]:
    """Smooth lines through random points all over the picture."""
    strokes = []
    for _ in range(int(rng.integers(6, 20))):
        steps = rng.normal(0, rng.uniform(8, 35), (int(rng.integers(2, 7)), 2))
        strokes.append(_line(rng.uniform(20, FACE_PX - 20, 2) + np.cumsum(steps, 0), rng))
    return strokes


def face(rng: np.random.Generator) -> list[Stroke]:
    """A face from the front whose every feature is a little elsewhere."""
    angle, size, middle = np.radians(rng.uniform(-12, 12)), rng.uniform(46, 62), rng.uniform((118, 112), (138, 128))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    strokes = []
    for feature in FACE:
        for way in (1, -1)[: 1 + feature.twice]:
            points = np.array(feature.points) * (way, 1) + rng.normal(0, 0.025, 2) + rng.normal(0, 0.012, (1, 2))
            strokes.append(_line(points * rng.normal(1, 0.02, (1, 2)) * size @ turn + middle, rng))
    return strokes


def _line(points: Points, rng: np.random.Generator) -> Stroke:
    """A spline through points, drawn with a pen of one width whose pressure changes along the line."""
    at = np.concatenate([[0], np.cumsum(np.maximum(np.hypot(*np.diff(points, axis=0).T), 1e-3))])
    dense = CubicSpline(at, points)(np.linspace(0, at[-1], max(4, int(at[-1])))).astype(np.float32)
    return _drawn(dense, rng)


def _drawn(points: NDArray[np.float32], rng: np.random.Generator) -> Stroke:
    n = len(points)
    pressures = np.interp(np.linspace(0, 1, n), [0, 0.5, 1], rng.uniform(*PRESS, 3)).astype(np.float32)
    return resample(Stroke(points, np.full(n, rng.uniform(*PEN_PX), np.float32), pressures), STEP_PX)


def person(folder: Path, name: str, rng: np.random.Generator) -> list[Stroke]:
    """The lines of a person's drawing (FS2K); what is filled with ink has none."""
    drawing = read_pair(folder, name).drawing
    large = resized(drawing, (drawing.shape[1] * OVER, drawing.shape[0] * OVER))
    ink = (darkness(large, PAPER_PX * OVER) > INK).astype(np.uint8)
    filled = cv2.morphologyEx(
        ink, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (FILLED_PX * OVER,) * 2)
    )
    pieces = [piece for piece in chains(thinned(ink > filled)) if len(piece) > 1]
    even = [
        Stroke.even(((points - 0.5) / OVER).astype(np.float32), np.ones(len(points), np.float32)) for points in pieces
    ]
    return [_drawn(stroke.points, rng) for stroke in smooth(even, SMOOTH_PX, MIN_PX, STEP_PX)]


def chains(skeleton: Mask) -> list[NDArray[np.float32]]:
    """Lines of one pixel (H, W) -> the pieces between their junctions, as points (n, 2) x, y in their order."""
    around = cv2.filter2D(skeleton.astype(np.uint8), -1, np.ones((3, 3)), borderType=cv2.BORDER_CONSTANT)
    count, labels = cv2.connectedComponents((skeleton & (around <= 3)).astype(np.uint8))
    ys, xs = np.nonzero(labels)
    order = np.argsort(labels[ys, xs], kind="stable")
    pieces = np.split(np.stack([xs, ys], 1)[order], np.cumsum(np.bincount(labels[ys, xs], minlength=count)[1:])[:-1])
    return [_in_order(piece) for piece in pieces if len(piece)]


def _in_order(pixels: NDArray[np.int64]) -> NDArray[np.float32]:
    """The pixels (n, 2) of a line without junctions, from one end, or from anywhere, to the other."""
    left = {(int(x), int(y)) for x, y in pixels}
    at = min(left, key=lambda pixel: (len(_beside(pixel) & left), pixel))
    found = [at]
    left.remove(at)
    while near := _beside(at) & left:
        at = min(near, key=lambda pixel: (abs(pixel[0] - at[0]) + abs(pixel[1] - at[1]), pixel))
        found.append(at)
        left.remove(at)
    return np.array(found, np.float32)


def _beside(pixel: tuple[int, int]) -> set[tuple[int, int]]:
    x, y = pixel
    return {(x + dx, y + dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1) if (dx, dy) != (0, 0)}


def sources(people: Path, names: Sequence[str]) -> dict[str, Callable[[int, np.random.Generator], list[Stroke]]]:
    """Where the n-th drawing's strokes come from, by name; without `names` there are no people's."""
    known = {"curves": lambda _, rng: curves(rng), "faces": lambda _, rng: face(rng)}
    return known | ({"people": lambda n, rng: person(people, names[n % len(names)], rng)} if names else {})
