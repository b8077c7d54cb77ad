"""A photo that is edited: as it came, and the square around its face, which the page shows and draws on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.apps.edit import Editor, Hints, Prepared, filled, prepared
from pipeline.apps.studio import limits
from pipeline.apps.studio.faces import no_face
from pipeline.apps.studio.messages import Colour, WantedEdit, Wrong, strokes_in_px
from pipeline.apps.studio.uploads import NAME, picture_of
from pipeline.apps.system import System
from pipeline.core.errors import UserError
from pipeline.core.polarity import Photo, Strokes, strokes_of, unit
from pipeline.drawing.rasterize import render
from pipeline.training.erasing import NO_COLOUR

SHOWN_PX = 640  # ours: most of a side that the page shows
DRAWN_PX = 1280  # ours: most of a side at which strokes are rendered
Box = tuple[int, int, int, int]  # left, top, right, bottom, px of the photo


@dataclass(frozen=True)
class Sitting:
    """One photo, its face found."""

    whole: Prepared
    square: tuple[float, float, float]  # left, top, side, px of the photo; the crop lies in it, the photo may not
    box: Box  # the photo in the square
    shown: Prepared  # the same, at most SHOWN_PX a side

    @property
    def place(self) -> tuple[float, float, float, float]:
        """Left, top, width, height of the photo in the square, as shares of its side."""
        (x, y, side), (left, top, right, bottom) = self.square, self.box
        return (left - x) / side, (top - y) / side, (right - left) / side, (bottom - top) / side

    @property
    def corners(self) -> list[tuple[float, float]]:
        """Of the crop, beyond which nothing is erased, as shares of the square's side."""
        x, y, side = self.square
        return [((px - x) / side, (py - y) / side) for px, py in _corners(self.whole).tolist()]

    def patch(self, wanted: WantedEdit, editor: Editor, scn: System | None) -> tuple[int, int, Photo] | None:
        """What is erased, drawn anew: left and top of its box in `shown`, and its pixels; None: nothing is erased."""
        hints = self.hints(wanted, self.shown)
        if not hints.mask.any():
            return None
        left, top, right, bottom = _box_of(hints.mask)
        return left, top, filled(self.shown, hints, editor, scn)[top:bottom, left:right]

    def edited(self, wanted: WantedEdit, editor: Editor, scn: System | None) -> Photo:
        """The whole photo, (H, W, 3); every pixel that is not erased keeps its bytes."""
        part = _part(self.whole, self.box, 1.0)
        hints, photo = self.hints(wanted, part), self.whole.photo.copy()
        if hints.mask.any():
            left, top, right, bottom = self.box
            photo[top:bottom, left:right] = filled(part, hints, editor, scn)
        return photo

    def hints(self, wanted: WantedEdit, part: Prepared) -> Hints:
        """The strokes of a message on the photo in the square, at that part's size."""
        shape = part.photo.shape[:2]
        mask = (self._ink(wanted.mask, shape) > 0.5) & part.reached
        return Hints(mask, self._ink(wanted.lines, shape), self._painted(wanted.colours, shape))

    def _painted(
        self, colours: Sequence[tuple[Colour, Sequence[NDArray[np.int32]]]], shape: tuple[int, ...]
    ) -> NDArray[np.float32]:
        painted = np.full((*shape, 3), NO_COLOUR, np.float32)
        for colour, strokes in colours:
            painted[self._ink(strokes, shape) > 0.5] = unit(np.array(colour, np.uint8))
        return painted

    def _ink(self, travelled: Sequence[NDArray[np.int32]], shape: tuple[int, ...]) -> Strokes:
        """(H, W), 1 = ink; rendered smaller where the photo is large."""
        if not travelled:
            return Strokes(np.zeros(shape, np.float32))
        small = min(1.0, DRAWN_PX / max(shape))
        height, width = (max(1, round(length * small)) for length in shape)
        (left, top, across, _) = self.place
        side = width / across
        strokes = [
            replace(stroke, points=stroke.points - np.array([left * side, top * side], np.float32))
            for stroke in strokes_in_px(travelled, side)
        ]
        ink = strokes_of(render(strokes, (height, width)))
        return ink if small == 1 else Strokes(np.asarray(cv2.resize(ink, shape[::-1]), np.float32))


def sitting(data: bytes, editor: Editor) -> Sitting:
    """A photo's file -> Sitting. Raises Wrong where it is none, is too large, or has no face."""
    photo = picture_of(data).on_white()
    height, width = photo.shape[:2]
    if height * width > limits.EDIT_PIXELS:
        most = limits.EDIT_PIXELS // 10**6
        raise Wrong(f"This photo has {width} x {height} pixels, at most {most} million are edited: make it smaller.")
    try:
        whole = prepared(NAME, photo, editor)
    except UserError as error:
        raise no_face(error) from error
    corners = _corners(whole)
    side = float(np.ptp(corners, axis=0).max())
    x, y = (corners.min(0) + corners.max(0) - side) / 2
    box = _clipped((x, y, x + side, y + side), width, height)
    small = min(1.0, SHOWN_PX / max(box[2] - box[0], box[3] - box[1]))
    return Sitting(whole, (float(x), float(y), side), box, _part(whole, box, small))


def _corners(whole: Prepared) -> NDArray[np.float64]:
    """Of the crop, px of the photo, (4, 2); pixels begin half before their middle."""
    side = len(whole.crop)
    ends = np.array([[0, 0], [side, 0], [side, side], [0, side]]) - 0.5
    inverse = cv2.invertAffineTransform(whole.matrix)
    return np.asarray(ends @ inverse[:, :2].T + inverse[:, 2] + 0.5, np.float64)


def _clipped(box: tuple[float, float, float, float], width: int, height: int) -> Box:
    left, top, right, bottom = (round(value) for value in box)
    return max(0, left), max(0, top), min(width, right), min(height, bottom)


def _part(whole: Prepared, box: Box, scale: float) -> Prepared:
    """What of a photo is in a box, so much larger; the crop is that of the whole photo."""
    left, top, right, bottom = box
    part = whole.photo[top:bottom, left:right]
    if scale < 1:
        size = [max(1, round(length * scale)) for length in (right - left, bottom - top)]
        part = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
    x, y = (right - left) / part.shape[1], (bottom - top) / part.shape[0]
    back = np.array([[x, 0, 0.5 * x - 0.5 + left], [0, y, 0.5 * y - 0.5 + top], [0, 0, 1]])
    return Prepared(np.ascontiguousarray(part), whole.matrix @ back, whole.crop)


def _box_of(mask: NDArray[np.bool_]) -> Box:
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
