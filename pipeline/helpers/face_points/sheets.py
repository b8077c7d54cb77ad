"""Sheets to learn from: a face somewhere on one, as large and as turned as it comes, between other things; or none."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from models.helpers.face_points_net import CELL, POINTS
from pipeline.core.allowed import Range, Share
from pipeline.core.params import require
from pipeline.core.polarity import WHITE, unit
from pipeline.drawing.scale import FACE_PX
from pipeline.helpers.face_points.sources import Gray8, Known, Points, Sources
from pipeline.training.data import Batch
from pipeline.training.sample_order import nth_sample
from pipeline.weights.face_finder import BELOW_EYES, LOOK_EYES_PX, LOOK_PX, middle_of

Matrix = NDArray[np.float64]  # (2, 3)
MIRRORED = (1, 0, 2, 4, 3)  # the points' order in a mirror
SOFT_CELLS, SOFT_EYES = 0.7, 0.3  # ours: sigma of a face's middle, in cells, in distances of the eyes: the larger
EDGE = 0.7  # ours: distances of the eyes that a face's middle keeps from the border
ALIGNED = (0.13, 9.0, 0.12)  # ours: deviations of log size, turn in degrees, place in eyes' distances, of a first look
CLUTTER = 4.0  # ours: expected things beside a drawn face


@dataclass(frozen=True)
class SheetParams:
    """What sheets are like."""

    aligned: Share  # of the sheets: a face as the finder looks at it a second time
    empty: Share  # of the sheets: no face
    drawn: Share  # of the faces: a drawing
    doodled: Share  # of the drawings: a doodle
    eyes_px: tuple[Annotated[float, Range(above=0, most=256)], Annotated[float, Range(above=0, most=256)]]
    angle_deg: Annotated[float, Range(least=0, most=180)]  # furthest turn either way
    light: Share  # standard deviation of gamma, in powers of e

    def __post_init__(self) -> None:
        require(self.aligned + self.empty <= 1, "aligned + empty at most 1")
        require(self.eyes_px[0] <= self.eyes_px[1], "eyes_px from small to large")


@dataclass(frozen=True)
class Sheet:
    """A sheet of LOOK_PX, its one face's points (all 0 where it has none), and which of them are known."""

    picture: Gray8
    points: Points
    known: NDArray[np.bool_]


@dataclass(frozen=True)
class Sheets:
    """Step number -> batch: sheet (N, 1, S, S) in [0, 1]; faces (N, 1, S / 8, S / 8); points, known, asked.

    The first of a batch are aligned, the last empty. `asked`: known points of aligned sheets, whose heat is judged.
    """

    sources: Sources
    doodles: Sequence[Known]
    params: SheetParams
    batch: int
    seed: int

    def __call__(self, step: int) -> Batch:
        rng = np.random.default_rng([self.seed, step])
        aligned, empty = (round(share * self.batch) for share in (self.params.aligned, self.params.empty))
        faces = self.batch - empty
        sheets = [self._face(rng, step * faces + i, i < aligned) for i in range(faces)]
        sheets += [self._empty(rng, step * empty + i) for i in range(empty)]
        known = np.stack([sheet.known for sheet in sheets])
        return {
            "sheet": torch.from_numpy(unit(np.stack([self._lit(sheet.picture, rng) for sheet in sheets])))[:, None],
            "faces": torch.from_numpy(np.stack([target(sheet) for sheet in sheets]))[:, None],
            "points": torch.from_numpy(np.stack([sheet.points for sheet in sheets])),
            "known": torch.from_numpy(known.astype(np.float32)),
            "asked": torch.from_numpy((known & (np.arange(self.batch) < aligned)[:, None]).astype(np.float32)),
        }

    def _face(self, rng: np.random.Generator, count: int, aligned: bool) -> Sheet:
        drawn = rng.random() < self.params.drawn
        doodled = drawn and rng.random() < self.params.doodled
        kind = self.doodles if doodled else self.sources.drawings if drawn else self.sources.photos
        known = kind[nth_sample(self.seed, count, len(kind))]
        known = mirrored(known) if rng.random() < 0.5 else known
        matrix = first_look(known.points, rng) if aligned else anywhere(known.points, self.params, rng)
        picture = _on_paper(known, matrix, rng, CLUTTER) if drawn else self._in_scene(known, matrix, rng)
        points = (known.points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
        return Sheet(picture, np.nan_to_num(points), np.asarray(np.isfinite(points).all(1)))

    def _in_scene(self, known: Known, matrix: Matrix, rng: np.random.Generator) -> Gray8:
        """A photo before another scene or a plain one: whole, or its head alone."""
        plain = np.full((LOOK_PX, LOOK_PX), rng.integers(0, 256), np.uint8)
        behind = self._scene(rng) if rng.random() < 0.7 else plain
        kept = HEAD if rng.random() < 0.6 else WHOLE
        mask = unit(_moved(kept, matrix, 0))
        return (behind + (_moved(known.picture, matrix, 0) - behind.astype(np.float32)) * mask).astype(np.uint8)

    def _scene(self, rng: np.random.Generator) -> Gray8:
        return _part(self.sources.scenes[int(rng.integers(len(self.sources.scenes)))], rng, None)

    def _empty(self, rng: np.random.Generator, count: int) -> Sheet:
        picture = EMPTY[count % len(EMPTY)](self, rng)
        return Sheet(picture, np.zeros((POINTS, 2), np.float32), np.zeros(POINTS, bool))

    def _turned(self, rng: np.random.Generator) -> Gray8:
        """A face on its side or upside down: not as it is to be found."""
        drawn = rng.random() < 0.5
        kind = self.sources.drawings if drawn else self.sources.photos
        known = kind[int(rng.integers(len(kind)))]
        matrix = anywhere(known.points, self.params, rng, float(rng.uniform(70, 290)))
        return _on_paper(known, matrix, rng, CLUTTER) if drawn else self._in_scene(known, matrix, rng)

    def _faceless(self, rng: np.random.Generator) -> Gray8:
        """A drawing whose face was rubbed out: hair, neck and shoulders."""
        known = self.sources.drawings[int(rng.integers(len(self.sources.drawings)))]
        blank = Known(np.maximum(known.picture, HEAD), known.points)
        return _on_paper(blank, anywhere(known.points, self.params, rng), rng, CLUTTER)

    def _beside(self, rng: np.random.Generator) -> Gray8:
        """The rim of a photo or of a drawing, without its face."""
        drawn = rng.random() < 0.5
        kind = self.sources.drawings if drawn else self.sources.photos
        known = kind[int(rng.integers(len(kind)))]
        matrix = anywhere(known.points, self.params, rng)
        shift, apart = rng.uniform(1.1, 1.6), float(np.hypot(*matrix[:, 0])) * span(known.points)
        angle = rng.uniform(0, 2 * np.pi)
        at = LOOK_PX / 2 + (LOOK_PX / 2 + shift * apart) * _on_square(float(angle))
        matrix[:, 2] += at - (matrix[:, :2] @ middle_of(known.points[:2]) + matrix[:, 2])
        return _on_paper(known, matrix, rng, CLUTTER) if drawn else self._in_scene(known, matrix, rng)

    def _outlines(self, rng: np.random.Generator) -> Gray8:
        return _part(self.sources.outlines[int(rng.integers(len(self.sources.outlines)))], rng, WHITE)

    def _lit(self, picture: Gray8, rng: np.random.Generator) -> Gray8:
        """Another gamma, blur, noise, each now and then."""
        if rng.random() < 0.5:
            table = WHITE * (np.arange(256) / WHITE) ** np.exp(self.params.light * rng.standard_normal())
            picture = np.asarray(cv2.LUT(picture, table.astype(np.uint8)), np.uint8)
        if rng.random() < 0.2:
            picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.0)), np.uint8)
        if rng.random() < 0.2:
            noise = rng.uniform(2, 12) * rng.standard_normal(picture.shape, np.float32)
            picture = np.clip(picture + noise, 0, WHITE).astype(np.uint8)
        return picture


def target(sheet: Sheet) -> NDArray[np.float32]:
    """How near each cell of CELL px is to the middle of the face, 1 at it: (S / CELL, S / CELL)."""
    side = -(-LOOK_PX // CELL)
    if not sheet.known[:2].any() and not sheet.points.any():
        return np.zeros((side, side), np.float32)
    sigma = max(SOFT_CELLS, SOFT_EYES * span(sheet.points) / CELL)
    at = (middle_of(sheet.points[:2]) + 0.5) / CELL - 0.5
    x, y = (np.exp(-0.5 * ((np.arange(side) - centre) / sigma) ** 2) for centre in at)
    return np.asarray(y[:, None] * x[None], np.float32)


def span(points: Points) -> float:
    """Distance of the eyes, px."""
    return float(np.hypot(*(points[1] - points[0])))


def mirrored(known: Known) -> Known:
    points = known.points[list(MIRRORED)] * (-1, 1) + (FACE_PX - 1, 0)
    return Known(np.ascontiguousarray(known.picture[:, ::-1]), np.asarray(points, np.float32))


def first_look(points: Points, rng: np.random.Generator) -> Matrix:
    """Picture px -> sheet px: as the finder looks at a face that it has found, a little wrong."""
    size, turn, place = ALIGNED
    eyes_px = LOOK_EYES_PX * float(np.exp(size * rng.standard_normal()))
    at = LOOK_PX / 2 + place * eyes_px * rng.standard_normal(2)
    return placed(points, eyes_px, turn * float(rng.standard_normal()), at)


def anywhere(points: Points, params: SheetParams, rng: np.random.Generator, angle_deg: float | None = None) -> Matrix:
    """Picture px -> sheet px: any size, place and turn of `params`; or the turn given."""
    eyes_px = float(np.exp(rng.uniform(*np.log(params.eyes_px))))
    angle = float(rng.uniform(-params.angle_deg, params.angle_deg)) if angle_deg is None else angle_deg
    edge = min(EDGE * eyes_px, 0.45 * LOOK_PX)
    return placed(points, eyes_px, angle, rng.uniform(edge, LOOK_PX - edge, 2))


def placed(points: Points, eyes_px: float, angle_deg: float, at: NDArray[np.float64]) -> Matrix:
    """The similarity that takes the face's middle to `at`, its eyes `eyes_px` apart, turned clockwise."""
    left, right = (complex(*point) for point in points[:2])
    turn = eyes_px / abs(right - left) * np.exp(1j * np.radians(angle_deg))
    linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    return np.column_stack([linear, at - linear @ middle_of(points[:2])])


def _moved(picture: Gray8, matrix: Matrix, beyond: int) -> Gray8:
    """A picture of FACE_PX under a transform, on a sheet of one value; reduced by area first where it shrinks."""
    scale = float(np.hypot(*matrix[:, 0]))
    if scale < 0.7:
        side = max(8, round(FACE_PX * scale * 1.2))
        picture = np.asarray(cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
        grow = FACE_PX / side
        linear = matrix[:, :2] * grow
        matrix = np.column_stack([linear, matrix[:, 2] + matrix[:, :2] @ np.full(2, (grow - 1) / 2)])
    moved = cv2.warpAffine(
        picture, matrix, (LOOK_PX, LOOK_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=beyond
    )
    return np.asarray(moved, np.uint8)


def _on_paper(known: Known, matrix: Matrix, rng: np.random.Generator, clutter: float) -> Gray8:
    """A drawing by some pen on white paper, other things around it."""
    picture, scale = known.picture, float(np.hypot(*matrix[:, 0]))
    if rng.random() < 0.3:
        wide = int(rng.integers(2, 6)) if scale > 0.3 else int(rng.integers(2, 9))
        picture = np.asarray(cv2.erode(picture, np.ones((wide, wide), np.uint8)), np.uint8)
    drawn = _moved(picture, matrix, WHITE)
    if rng.random() < 0.3:
        drawn = (WHITE - np.minimum(WHITE, (WHITE - drawn.astype(np.float32)) * rng.uniform(0.5, 2.5))).astype(np.uint8)
    if rng.random() < 0.5:
        middle = matrix[:, :2] @ middle_of(known.points[:2]) + matrix[:, 2]
        around = 1.5 * scale * span(known.points)
        others = things(rng, clutter)
        y, x = np.ogrid[:LOOK_PX, :LOOK_PX]
        others[np.hypot(x - middle[0], y - middle[1]) < around] = WHITE
        drawn = np.minimum(drawn, others)
    return drawn


def things(rng: np.random.Generator, count: float) -> Gray8:
    """A sheet of LOOK_PX with scribbles, rings, boxes, letters and hatching."""
    sheet = np.full((LOOK_PX, LOOK_PX), WHITE, np.uint8)
    for _ in range(int(rng.poisson(count))):
        ink, pen = int(rng.integers(0, 170)), int(rng.integers(1, 4))
        at, size = rng.uniform(0, LOOK_PX, 2), float(np.exp(rng.uniform(np.log(4), np.log(60))))
        THINGS[int(rng.integers(len(THINGS)))](sheet, at, size, ink, pen, rng)
    return sheet


def _scribble(sheet: Gray8, at: NDArray[np.float64], size: float, ink: int, pen: int, rng: np.random.Generator) -> None:
    n = int(rng.integers(4, 60))
    turns = np.cumsum(rng.normal(rng.normal(0, 0.2), rng.uniform(0.1, 1.0), n))
    points = at + size * 2 / n * np.cumsum(np.stack([np.cos(turns), np.sin(turns)], 1), 0)
    cv2.polylines(sheet, [np.rint(points).astype(np.int32)[:, None]], False, ink, pen, cv2.LINE_AA)


def _ring(sheet: Gray8, at: NDArray[np.float64], size: float, ink: int, pen: int, rng: np.random.Generator) -> None:
    axes = np.maximum(1, size / 2 * rng.uniform(0.4, 1.2, 2)).astype(int)
    width = -1 if rng.random() < 0.15 else pen
    cv2.ellipse(sheet, at.astype(int).tolist(), axes.tolist(), rng.uniform(0, 180), 0, 360, ink, width, cv2.LINE_AA)


def _box(sheet: Gray8, at: NDArray[np.float64], size: float, ink: int, pen: int, rng: np.random.Generator) -> None:
    ends = np.stack([at, at + size * rng.uniform(0.3, 1.5, 2)]).astype(int)
    cv2.rectangle(sheet, ends[0].tolist(), ends[1].tolist(), ink, pen)


def _letters(sheet: Gray8, at: NDArray[np.float64], size: float, ink: int, pen: int, rng: np.random.Generator) -> None:
    word = "".join(chr(c) for c in rng.integers(48, 123, int(rng.integers(2, 14))))
    cv2.putText(sheet, word, at.astype(int).tolist(), int(rng.integers(8)), size / 50, ink, pen, cv2.LINE_AA)


def _hatching(sheet: Gray8, at: NDArray[np.float64], size: float, ink: int, pen: int, rng: np.random.Generator) -> None:
    slope = rng.normal(0, 1, 2) * size / 2
    for step in np.arange(0, size, rng.uniform(2, 6)):
        ends = (at + step * np.array([1, 0.2]) + np.stack([0 * slope, slope])).astype(int)
        cv2.line(sheet, ends[0].tolist(), ends[1].tolist(), ink, 1, cv2.LINE_AA)


THINGS: tuple[Callable[[Gray8, NDArray[np.float64], float, int, int, np.random.Generator], None], ...] = (
    _scribble,
    _scribble,
    _ring,
    _box,
    _letters,
    _hatching,
)


def _part(picture: Gray8, rng: np.random.Generator, beyond: int | None) -> Gray8:
    """Some part of a picture at some size, turned by quarters now and then; beyond its border reflected, or a value."""
    scale = float(np.exp(rng.uniform(np.log(0.3), np.log(1.5))))
    small = cv2.resize(
        picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    )
    pad = [max(0, LOOK_PX - side) for side in small.shape]
    border = cv2.BORDER_REFLECT if beyond is None else cv2.BORDER_CONSTANT
    whole = cv2.copyMakeBorder(small, 0, pad[0], 0, pad[1], border, value=(beyond or 0,))
    y, x = (int(rng.integers(side - LOOK_PX + 1)) for side in whole.shape)
    return np.ascontiguousarray(np.rot90(whole[y : y + LOOK_PX, x : x + LOOK_PX], int(rng.integers(4))))


def _noise(_: Sheets, rng: np.random.Generator) -> Gray8:
    """Smooth noise of one or two scales, or nothing at all."""
    total = np.zeros((LOOK_PX, LOOK_PX))
    for sigma in np.exp(rng.uniform(np.log(0.6), np.log(30), int(rng.integers(0, 3)))):
        total += cv2.GaussianBlur(rng.standard_normal(total.shape), (0, 0), float(sigma)) * float(sigma)
    deviation = rng.uniform(0, 80) / max(float(total.std()), 1e-6)
    return np.clip(rng.integers(0, 256) + deviation * total, 0, WHITE).astype(np.uint8)


def _on_square(angle: float) -> NDArray[np.float64]:
    """The point of the rim of [-1, 1]² that lies that way."""
    way = np.array([np.cos(angle), np.sin(angle)])
    return np.asarray(way / np.abs(way).max())


EMPTY: tuple[Callable[[Sheets, np.random.Generator], Gray8], ...] = (
    Sheets._scene,
    lambda _, rng: things(rng, 3 * CLUTTER),
    Sheets._turned,
    Sheets._beside,
    Sheets._outlines,
    Sheets._scene,
    Sheets._faceless,
    _noise,
)


def _ellipse(radius: float, softness: float) -> Gray8:
    """A head of a crop: soft, about the usual place of the eyes."""
    y, x = np.mgrid[:FACE_PX, :FACE_PX] / FACE_PX
    distance = np.hypot((x - 0.5) / radius, (y - 0.48 - BELOW_EYES * 0.27) / (1.25 * radius))
    return np.asarray(WHITE * np.clip((1 - distance) / softness + 0.5, 0, 1), np.uint8)


def _feathered(width: int) -> Gray8:
    """All of a crop, soft at its rim."""
    inside = np.minimum(np.arange(FACE_PX), np.arange(FACE_PX)[::-1])
    rim = np.clip((np.minimum(inside[:, None], inside[None]) + 1) / width, 0, 1)
    return np.asarray(WHITE * rim, np.uint8)


HEAD, WHOLE = _ellipse(0.36, 0.15), _feathered(4)
