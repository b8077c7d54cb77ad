"""The table CHANGES: what is done to a good drawing to see where a system breaks. Each keeps the face's own seed."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.morphology import skeletonize

from pipeline.core.polarity import Sketch, sketch_of, strokes_of
from pipeline.drawing.deformation import DeformParams, displacement_field, warp
from pipeline.drawing.face_prior import Eyes
from pipeline.drawing.rasterize import render
from pipeline.drawing.scale import face_scale
from pipeline.drawing.stroke import Stroke
from pipeline.drawing.trace import trace

SPARSE = 0.3  # of the strokes' length that is erased
INK = 0.8  # darker is a stroke: at 64 px a thin one is light gray
EYE = (0.46, 0.32)  # ours: half width and height of what is left out, in distances of the pupils: lids and lashes
THICKER_PX = 2.0  # at a 256-px face, to either side, and a pixel at least
WAVELENGTH_PX = 40.0  # of deformations, as simplify.deform's


@dataclass(frozen=True)
class Case:
    """One face's drawing and what goes with it."""

    sketch: Sketch  # (S, S)
    eyes: Eyes
    seed: int

    def rng(self) -> np.random.Generator:
        return np.random.default_rng([self.seed, 0xC4A])

    def sign(self) -> int:
        """Half of the faces are turned the other way."""
        return 1 if self.seed % 2 else -1


Change = Callable[[Case], Sketch]


def sparse(case: Case) -> Sketch:
    """Whole strokes erased, at random, up to SPARSE of their length."""
    scale = face_scale(case.sketch.shape)
    strokes = trace(case.sketch, INK, max(3.0, 6 * scale), 1.0, max(2.0, 3 * scale))
    order = case.rng().permutation(len(strokes))
    lengths = np.array([strokes[place].length for place in order])
    gone = order[np.cumsum(lengths) <= SPARSE * lengths.sum()] if len(order) else order
    pen = [Stroke.even(s.points, s.widths + np.float32(2)) for s in (strokes[place] for place in gone)]
    erased = strokes_of(render(pen, case.sketch.shape))
    return sketch_of(strokes_of(case.sketch) * sketch_of(erased))


def without_eyes(case: Case) -> Sketch:
    """Paper where the crops have the eyes."""
    side = case.sketch.shape[0]
    at = (np.arange(side) + 0.5) / side
    u, v = (at[None] - 0.5) / case.eyes.eye_distance, (at[:, None] - case.eyes.eye_y) / case.eyes.eye_distance
    inside = ((np.abs(u) - 0.5) / EYE[0]) ** 2 + (v / EYE[1]) ** 2 <= 1
    return Sketch(np.where(inside, np.float32(1), case.sketch))


def thick(case: Case) -> Sketch:
    """As by a felt pen."""
    reach = max(1, round(THICKER_PX * face_scale(case.sketch.shape)))
    pen = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return Sketch(np.asarray(cv2.erode(case.sketch, pen), np.float32))


def one_pixel(case: Case) -> Sketch:
    """Black lines of one pixel along the middle of the strokes."""
    lines = skeletonize(case.sketch < INK)  # type: ignore[no-untyped-call]
    return sketch_of(lines.astype(np.float32))


def moved(case: Case, matrix: NDArray[np.float64]) -> Sketch:
    """Under (2, 3) about the middle, paper beyond the border."""
    side = case.sketch.shape[0]
    middle = np.array([(side - 1) / 2, (side - 1) / 2])
    whole = np.column_stack([matrix[:, :2], matrix[:, 2] + middle - matrix[:, :2] @ middle])
    drawn = cv2.warpAffine(case.sketch, whole, (side, side), flags=cv2.INTER_LINEAR, borderValue=(1.0,))
    return Sketch(np.asarray(drawn, np.float32))


def shifted(case: Case, px: float) -> Sketch:
    """So far to the side, at a 256-px face."""
    by = case.sign() * px * face_scale(case.sketch.shape)
    return moved(case, np.array([[1, 0, by], [0, 1, 0]], np.float64))


def turned(case: Case, degrees: float) -> Sketch:
    angle = case.sign() * np.deg2rad(degrees)
    return moved(case, np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0]]))


def scaled(case: Case, factor: float) -> Sketch:
    return moved(case, np.array([[factor, 0, 0], [0, factor, 0]], np.float64))


def deformed(case: Case, px: float) -> Sketch:
    """Every point displaced by up to so much, smoothly, at a 256-px face."""
    params = DeformParams(px, WAVELENGTH_PX, 0, 0, 0, 0, 0, 0)
    return warp(case.sketch, displacement_field(case.sketch.shape, params, case.rng()))


CHANGES: dict[str, Change] = {
    "sparse": sparse,
    "without_eyes": without_eyes,
    "thick": thick,
    "one_pixel": one_pixel,
    "shifted_2_px": partial(shifted, px=2.0),
    "shifted_4_px": partial(shifted, px=4.0),
    "shifted_8_px": partial(shifted, px=8.0),
    "turned_10_degrees": partial(turned, degrees=10.0),
    "scaled_0.8": partial(scaled, factor=0.8),
}
