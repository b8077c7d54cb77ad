"""Clean strokes -> the rough drawing somebody might have made of them: what the line cleaner learns to undo.

Lengths are pixels of the picture drawn. Darkness: 0 = paper, 1 = black.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.allowed import OneOf, Pixels, Range, Share, Weight
from pipeline.core.params import require
from pipeline.core.polarity import Sketch, sketch_of, strokes_of, to_uint8, unit
from pipeline.drawing.rasterize import SUPERSAMPLING as OVER
from pipeline.drawing.stroke import Stroke

Points = NDArray[np.float32]
Darkness = NDArray[np.float32]

SHIFT = 4  # fractional bits of OpenCV's coordinates
TONES = 24  # ours: levels of darkness a pen is drawn with
PEN_PX = 2.0  # width of a clean line
PIECE = 3  # ours: points along which pressure stays the same
SHORT = 4  # ours: pieces; a shorter line has no gaps


@dataclass(frozen=True)
class RoughParams:
    """`rough` of line_cleaner.yaml. Probabilities are per drawing."""

    strength: Share  # 0: the clean drawing; 1: as rough as the rest says, evenly down from there
    tools: dict[Annotated[str, OneOf(lambda: TOOLS)], Weight]  # how often each is used
    repeats: Annotated[int, Range(least=1, most=50)]  # a line is drawn at most so often
    jitter_px: Pixels  # standard deviation of a repeat from the line, at most
    breaks: Annotated[float, Range(least=0, most=50)]  # expected gaps per 100 px of a repeat
    pressure: Annotated[
        float, Range(least=0, most=2)
    ]  # standard deviation of width and darkness along a line, relative
    hatching: Share  # probability of hatched patches
    smudges: Share  # probability of gray blobs and smeared ink
    specks: Share  # probability of dots
    texture: Share  # probability of grainy paper
    photo: Share  # probability of a phone's photo: gray paper, uneven light, blur, noise, JPEG

    def __post_init__(self) -> None:
        require(sum(self.tools.values()) > 0, "a tool in tools that is used")


@dataclass(frozen=True)
class Tool:
    """What is drawn with; ranges, of which each drawing takes one value."""

    width_px: tuple[float, float]
    darkness: tuple[float, float]
    grain: float  # share of the ink that the paper's grain keeps away
    repeats: float  # share of RoughParams.repeats that is usual


TOOLS = {
    "pencil": Tool((0.8, 2.4), (0.4, 0.95), 0.75, 1.0),
    "ink": Tool((1.0, 3.0), (0.8, 1.0), 0.0, 0.6),
    "marker": Tool((3.5, 8.0), (0.7, 1.0), 0.15, 0.0),
}


@dataclass(frozen=True)
class Mark:
    """A piece of line with one width and one darkness."""

    points: Points  # (n, 2) x, y, px
    width_px: float
    darkness: float


def lines(strokes: Iterable[Stroke], shape: tuple[int, ...], width_px: float) -> Sketch:
    """Strokes as lines of one width, whatever their own -> (H, W) float32, 1 = paper."""
    return sketch_of(_inked([Mark(stroke.points, width_px, 1.0) for stroke in strokes], shape))


def rough_drawing(
    strokes: Sequence[Stroke], shape: tuple[int, ...], params: RoughParams, rng: np.random.Generator
) -> Sketch:
    """Strokes -> a rough drawing of them, (H, W) float32 in [0, 1], 1 = white."""
    level = params.strength * float(np.sqrt(rng.random()))
    tool = TOOLS[chosen(params.tools, rng)]
    ink = _overlaid(_overdrawn(strokes, tool, params, level, rng), shape)
    if rng.random() < params.hatching:
        ink = _over(ink, _inked(_hatching(strokes, shape, level, rng), shape))
    if rng.random() < params.specks:
        ink = np.maximum(ink, _inked(_specks(shape, level, rng), shape))
    ink *= 1 - level * tool.grain * np.clip(0.5 + 0.35 * _noise(shape, 0.6, rng), 0, 1)
    if rng.random() < params.smudges:
        ink = _over(ink, _smudges(ink, level, rng))
    paper = np.ones(shape, np.float32)
    if rng.random() < params.texture:
        paper -= level * np.abs(0.02 * _noise(shape, 0.8, rng) + 0.03 * _noise(shape, 4.0, rng))
    sketch = Sketch(paper * sketch_of(ink))
    if rng.random() < params.photo:
        sketch = _photographed(sketch, level, rng)
    return Sketch(np.clip(sketch, 0, 1).astype(np.float32))


def _over(ink: Darkness, more: Darkness) -> Darkness:
    """Ink laid over ink: what is left of the paper is left by both."""
    return strokes_of(sketch_of(ink) * sketch_of(more))


def chosen(weights: Mapping[str, float], rng: np.random.Generator) -> str:
    """One of the names, as often as its weight says."""
    shares = np.array(list(weights.values())) / sum(weights.values())
    return list(weights)[int(rng.choice(len(shares), p=shares))]


def _between(bounds: tuple[float, float], rng: np.random.Generator) -> float:
    return float(rng.uniform(*bounds))


def _overdrawn(
    strokes: Sequence[Stroke], tool: Tool, params: RoughParams, level: float, rng: np.random.Generator
) -> list[list[Mark]]:
    """Every stroke drawn again and again: one list of marks for each time the hand goes over the drawing."""
    width = PEN_PX + level * (_between(tool.width_px, rng) - PEN_PX)
    darkness = 1 + level * (_between(tool.darkness, rng) - 1)
    most = 1 + round(level * tool.repeats * (params.repeats - 1))
    jitter = level * params.jitter_px * rng.uniform(0.3, 1)
    rounds: list[list[Mark]] = [[] for _ in range(most)]
    for stroke in strokes:
        length, times = stroke.length, int(rng.integers(1, most + 1))
        shifts = jitter * _wander(len(stroke.points), length / 50, times, rng)
        for i, shift in enumerate(shifts):
            part = slice(None) if i == 0 else _span(len(shift), rng)
            points = (stroke.points + shift)[part]
            pressure = level * params.pressure * _wave(len(points), length / 60, rng)
            rounds[i] += _pieces(points, pressure, width, darkness, params.breaks * level, rng)
    return rounds


def _wander(n: int, turns: float, times: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Shifts of each repeat at each point, (times, n, 2), standard deviation 1, the mean of the repeats near 0."""
    t = np.linspace(-1, 1, n)[:, None]
    knots = rng.standard_normal((4, times, 1, 2))
    phase = rng.uniform(0, 2 * np.pi, (times, 1, 2))
    shifts = 0.7 * knots[0] + 0.6 * knots[1] * t + 0.5 * knots[2] * np.sin(turns * np.pi * t + phase)
    return np.asarray(shifts - 0.7 * shifts.mean(0), np.float32)


def _wave(n: int, turns: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Smooth values along a line, (n,), standard deviation about 1, lower towards the ends."""
    t = np.linspace(0, 1, n)
    phase = rng.uniform(0, 2 * np.pi, 2)
    waves = np.sin(turns * np.pi * t + phase[0]) + 0.7 * np.sin(2.3 * turns * np.pi * t + phase[1])
    return np.asarray(waves - 1.5 * np.abs(2 * t - 1) ** 6 + 0.4 * rng.standard_normal(), np.float32)


def _span(n: int, rng: np.random.Generator) -> slice:
    """Part of a line of n points: a repeat seldom covers the whole."""
    start, end = np.sort(np.clip(rng.uniform(-0.2, 1.2, 2), 0, 1))
    first = min(round(start * n), n - 2)
    return slice(first, max(first + 2, round(end * n)))


def _pieces(
    points: Points,
    pressure: NDArray[np.float32],
    width: float,
    darkness: float,
    breaks: float,
    rng: np.random.Generator,
) -> list[Mark]:
    """A line as marks whose width and darkness follow the pressure, with gaps."""
    count = max(1, (len(points) - 1) // PIECE)
    length = float(np.hypot(*np.diff(points, axis=0).T).sum())
    gaps = set(rng.integers(0, count, rng.poisson(breaks * length / 100)).tolist()) if count >= SHORT else set()
    press = 1 + pressure[: count * PIECE : PIECE]
    widths, tones = (width * np.maximum(0.5, press)).tolist(), (darkness * np.clip(press, 0.35, 1)).tolist()
    ends = [*range(PIECE + 1, count * PIECE, PIECE), len(points)]
    return [Mark(points[i * PIECE : ends[i]], widths[i], tones[i]) for i in range(count) if i not in gaps]


def _overlaid(rounds: Sequence[Sequence[Mark]], shape: tuple[int, ...]) -> Darkness:
    """Marks of each round over the ones before: (H, W), crossings are darker."""
    paper = np.ones(shape, np.float32)
    for marks in rounds:
        paper *= 1 - _inked(marks, shape)
    return strokes_of(paper)


def _inked(marks: Iterable[Mark], shape: tuple[int, ...]) -> Darkness:
    """Marks on one layer, dark over light: (H, W) in [0, 1]."""
    alike: dict[tuple[int, int], list[NDArray[np.int32]]] = defaultdict(list)
    for mark in marks:
        points = np.round((mark.points + 0.5) * (OVER << SHIFT)).astype(np.int32)
        alike[round(mark.darkness * TONES), max(1, round(mark.width_px * OVER))].append(points)
    canvas = np.zeros((shape[0] * OVER, shape[1] * OVER), np.uint8)
    for (tone, thickness), parts in sorted(alike.items(), key=lambda item: item[0]):
        cv2.polylines(canvas, parts, False, round(255 * tone / TONES), thickness, cv2.LINE_8, SHIFT)
    return unit(np.asarray(cv2.resize(canvas, shape[1::-1], interpolation=cv2.INTER_AREA), np.uint8))


def _hatching(strokes: Sequence[Stroke], shape: tuple[int, ...], level: float, rng: np.random.Generator) -> list[Mark]:
    """Patches of parallel lines beside the drawing's own: shading, which is no line."""
    marks: list[Mark] = []
    for _ in range(int(rng.integers(1, 5))):
        centre = rng.uniform(0, shape[1::-1])
        if strokes:
            centre = strokes[int(rng.integers(len(strokes)))].points[0] + rng.normal(0, 12, 2)
        radius, gap, angle = rng.uniform(8, 35), rng.uniform(2.5, 5.5), rng.uniform(0, np.pi)
        darkness, width = level * rng.uniform(0.15, 0.6), rng.uniform(0.7, 1.6)
        for turn in (0.0, 1.2)[: 1 + int(rng.random() < 0.3)]:
            marks += _hatched(centre, radius, gap, angle + turn, width, darkness, rng)
    return marks


def _hatched(
    centre: NDArray[np.float64],
    radius: float,
    gap: float,
    angle: float,
    width: float,
    darkness: float,
    rng: np.random.Generator,
) -> list[Mark]:
    along = np.array([np.cos(angle), np.sin(angle)])
    across = along[::-1] * [-1, 1]
    found = []
    for offset in np.arange(-radius, radius, gap):
        reach = np.sqrt(radius**2 - offset**2) * rng.uniform(0.5, 1.3, 2)
        ends = centre + across * (offset + rng.normal(0, gap / 5, (3, 1)))
        t = np.array([[-reach[0]], [0.0], [reach[1]]])
        found.append(Mark((ends + along * t).astype(np.float32), width, darkness * rng.uniform(0.6, 1.0)))
    return found


def _specks(shape: tuple[int, ...], level: float, rng: np.random.Generator) -> list[Mark]:
    """Dots: dirt, and where a pen rested."""
    count = rng.poisson(level * 25 * shape[0] * shape[1] / 256**2)
    at = rng.uniform(0, shape[1::-1], (count, 1, 2)).astype(np.float32)
    return [Mark(np.repeat(p, 2, 0), rng.uniform(0.5, 2.5), level * rng.uniform(0.3, 1.0)) for p in at]


def _smudges(ink: Darkness, level: float, rng: np.random.Generator) -> Darkness:
    """Ink smeared by the hand, and soft gray blobs, (H, W)."""
    smeared = cv2.GaussianBlur(ink, (0, 0), rng.uniform(2, 6), sigmaY=rng.uniform(2, 6)) * rng.uniform(0, 0.7)
    small = np.zeros((ink.shape[0] // 4, ink.shape[1] // 4), np.float32)
    for _ in range(int(rng.integers(1, 6))):
        centre, axes = rng.uniform(0, small.shape[::-1]), rng.uniform(2, 11, 2)
        ellipse = (centre.tolist(), (2 * axes).tolist(), float(rng.uniform(0, 180)))
        cv2.ellipse(small, ellipse, rng.uniform(0.08, 0.45), -1)
    blobs = cv2.resize(cv2.GaussianBlur(small, (0, 0), rng.uniform(0.8, 3)), ink.shape[::-1])
    return np.asarray(level * np.clip(np.maximum(smeared, blobs), 0, 0.6), np.float32)


def _noise(shape: tuple[int, ...], grain_px: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Smooth noise, (H, W), mean 0, standard deviation about 1."""
    reduce = max(1, round(grain_px))
    fine = rng.standard_normal((shape[0] // reduce + 2, shape[1] // reduce + 2), np.float32)
    blurred = cv2.GaussianBlur(fine, (0, 0), 0.7) * np.float32(2.2)
    return cv2.resize(blurred, shape[1::-1], interpolation=cv2.INTER_LINEAR).astype(np.float32)


def _photographed(sketch: Sketch, level: float, rng: np.random.Generator) -> Sketch:
    """Gray paper in uneven light, soft, noisy, compressed."""
    blurred = cv2.GaussianBlur(sketch, (0, 0), max(0.05, level * rng.uniform(0.4, 1.1)))
    black, noise = level * rng.uniform(0.05, 0.25), level * rng.uniform(0.005, 0.02)
    light = _light(sketch.shape, level, rng)
    lit = light * (black + (1 - black) * blurred) + noise * _noise(sketch.shape, 1.0, rng)
    packed = cv2.imencode(".jpg", to_uint8(lit), [cv2.IMWRITE_JPEG_QUALITY, round(100 - level * rng.uniform(5, 55))])[1]
    return Sketch(unit(np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE), np.uint8)))


def _light(shape: tuple[int, ...], level: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """What white paper looks like, (H, W): its gray, a gradient, dark corners, perhaps somebody's shadow."""
    ys, xs = (np.linspace(-1, 1, side, dtype=np.float32) for side in shape)
    y, x, angle = ys[:, None], xs[None], rng.uniform(0, 2 * np.pi)
    slope = np.cos(angle) * x + np.sin(angle) * y
    light = 1 - rng.uniform(0.05, 0.35) + rng.uniform(0, 0.25) * slope - rng.uniform(0, 0.18) * (x * x + y * y)
    if rng.random() < 0.4:
        edge = np.sin(angle + 1) * x + np.cos(angle + 1) * y + rng.uniform(-0.6, 0.6)
        light = light - rng.uniform(0.05, 0.25) / (1 + np.exp(-edge / rng.uniform(0.03, 0.3)))
    return np.asarray(1 + level * (np.clip(light, 0.25, 1) - 1), np.float32)
