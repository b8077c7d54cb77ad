"""Any picture of a drawing -> each face on it, laid where the nets know faces to be, by a pen that they know."""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core import params
from pipeline.core.errors import UserError
from pipeline.core.image_io import Picture
from pipeline.core.outcome import Refused
from pipeline.core.polarity import Sketch
from pipeline.core.printable import printable
from pipeline.drawing.ink import Inked, ink_from_paper
from pipeline.drawing.pen_width import lines_of, pen_width, with_pen
from pipeline.drawing.roughness import roughness
from pipeline.drawing.scale import FACE_PX, resized
from pipeline.stages.crop.align import crop_matrix, warp
from pipeline.stages.crop.settings import CropParams
from pipeline.stages.crop.turns import TURNS, turned_back
from pipeline.weights.face_finder import FoundFace, find_faces

Section = TypeVar("Section")
CLEAN = ("auto", "always", "never")
AS_IS = "as-is"
OVER = 2  # a face is worked on at so many times its size
PEN_PX = (0.5, 2.2)  # ours: narrowest and widest of 144 drawings of the training, at a 256-px face
ROUGH = 1.0  # of `roughness`: lines are drawn anew
LEAST = 0.6  # ours: score of a face on a sheet; scribbles have less
LEAST_MORE = 0.75  # ours: of further faces beside the surest
LEAST_TURNED = 0.8  # ours: of one on a sheet that is turned by quarters, where none is found as it lies
SMALLER = 0.35  # ours: faces smaller than this, beside the largest, are taken for something else
LEAST_EYES_PX = 8.0  # ours: eyes nearer than this are too small to be laid
NO_FACE = (
    "no face was found in it",
    "draw eyes, nose and mouth larger or clearer; or say where the eyes are, --place 'x y x y', or --place as-is",
)


@dataclass(frozen=True)
class Intake:
    """How a drawing is read."""

    invert: bool  # it is light on dark, whatever it looks like
    place: str  # auto, as-is, or "x y x y": the eyes, px of the picture
    clean: str  # rough lines drawn anew: one of CLEAN

    @classmethod
    def checked(cls, invert: bool, place: str, clean: str) -> "Intake":
        """Of a user's words. Raises UserError."""
        if clean not in CLEAN:
            raise UserError(f"--clean {printable(clean)}: there are {', '.join(CLEAN)}")
        if place not in ("auto", AS_IS):
            given_eyes(place)
        return cls(invert, place, clean)


@dataclass(frozen=True)
class Understood:
    """One face of a drawing."""

    sketch: Sketch  # (S, S), 1 = paper
    notes: tuple[str, ...]  # what was done
    number: int  # of the face on the sheet, from 1


def given_eyes(place: str) -> NDArray[np.float64]:
    """ "x y x y" -> the eyes, the left one first, (2, 2). Raises UserError."""
    try:
        numbers = [float(word) for word in place.replace(",", " ").split()]
    except ValueError:
        numbers = []
    eyes = np.array(numbers)
    if eyes.shape != (4,) or not np.isfinite(eyes).all() or np.hypot(*(eyes[2:] - eyes[:2])) < 1:
        raise UserError(f"--place {printable(place)}: auto, as-is, or where the eyes are, 'x y x y', in px")
    return np.array(sorted(eyes.reshape(2, 2), key=lambda eye: float(eye[0])))


def understand(picture: Picture, side: int, how: Intake) -> list[Understood]:
    """A picture -> its faces as sketches (side, side), left to right. Raises Refused for blank paper, for no face."""
    inked = ink_from_paper(picture, how.invert, cut=how.place == AS_IS)
    if how.place == AS_IS:
        drawn, done = _drawn(fit_square(inked.sketch, side * OVER), fit_square(inked.sketch, side), how.clean)
        return [Understood(drawn, (*inked.notes, *done), 1)]
    found = []
    for number, (large, notes) in enumerate(_placed(picture, inked, side * OVER, how.place), start=1):
        drawn, done = _drawn(large, _sized(large, side), how.clean)
        found.append(Understood(drawn, (*inked.notes, *notes, *done), number))
    return found


def _placed(picture: Picture, inked: Inked, side: int, place: str) -> list[tuple[Sketch, list[str]]]:
    """The faces of a sheet, laid as the crops have theirs, (side, side), and what is to be told of each."""
    if place != "auto":
        shrink = np.array(inked.sketch.shape[::-1]) / np.array(picture.rgb.shape[1::-1])
        eyes = (given_eyes(place) + 0.5) * shrink - 0.5
        return [(_laid(inked.sketch, eyes, side), ["laid by the eyes that were given"])]
    faces, turn = _faces(inked.sketch)
    if not faces:
        raise Refused(*NO_FACE)
    return [
        (_laid(inked.sketch, _turned_eyes(face, turn, inked.sketch), side), _told(face, turn, i, len(faces)))
        for i, face in enumerate(faces, start=1)
    ]


def _faces(sketch: Sketch) -> tuple[list[FoundFace], int]:
    """The faces of a sheet from left to right, and the quarter turns that set it upright."""
    for turn in TURNS:
        found = find_faces(turned_sketch(sketch, turn), LEAST_TURNED if turn else LEAST)
        largest = max((face.span for face in found), default=0.0)
        sure = [face for i, face in enumerate(found) if i == 0 or face.score >= LEAST_MORE]  # the surest comes first
        kept = [face for face in sure if face.span > max(SMALLER * largest, LEAST_EYES_PX)]
        if kept:
            return sorted(kept, key=lambda face: float(face.points[:2, 0].mean())), turn
    return [], 0


def turned_sketch(sketch: Sketch, turn: int) -> Sketch:
    return Sketch(np.ascontiguousarray(np.rot90(sketch, turn)))


def _turned_eyes(face: FoundFace, turn: int, sketch: Sketch) -> NDArray[np.float64]:
    """The eyes on the sheet as it came."""
    points = [turned_back((float(x), float(y)), turn, sketch.shape) for x, y in face.points[:2]]
    return np.array(points)


def _told(face: FoundFace, turn: int, number: int, count: int) -> list[str]:
    across = face.points[1] - face.points[0]
    angle = float(np.degrees(np.arctan2(across[1], across[0]))) + 90 * turn
    which = f"face {number} of {count}" if count > 1 else "face"
    tilt = f", turned by {angle:.0f}°" if abs(angle) >= 2 else ""
    return [f"{which} found: eyes {face.span:.0f} px apart{tilt}; laid where the nets know it"]


def _laid(sketch: Sketch, eyes: NDArray[np.float64], side: int) -> Sketch:
    """The sheet under the transform that takes the eyes where crops have them, paper beyond its border."""
    placing = replace(_settings(CropParams, "crop"), size=side)
    (lx, ly), (rx, ry) = eyes.tolist()
    matrix = crop_matrix((lx, ly), (rx, ry), placing)
    moved = warp(sketch, matrix, side, cv2.BORDER_CONSTANT, (1.0,))
    return Sketch(np.clip(moved, 0, 1).astype(np.float32))


def _settings(cls: type[Section], name: str) -> Section:
    """A section of params, read once: reading takes longer than all else here."""
    path = params.params_path().resolve()
    found: Section = _read(cls, name, path, path.stat().st_mtime_ns)  # type: ignore[arg-type]
    return found


@lru_cache(maxsize=8)
def _read(cls: type[Section], name: str, path: Path, changed: int) -> Section:
    """As that file has it; `changed`: when, so that no old one is taken."""
    return params.load(cls, name)


def _drawn(large: Sketch, sketch: Sketch, clean: str) -> tuple[Sketch, list[str]]:
    """A sketch, OVER times as large and as it is to be -> by a pen that the nets know; rough ones drawn anew."""
    side = len(sketch)
    least, most = (width * len(large) / FACE_PX for width in PEN_PX)
    if clean == "never":
        return sketch, []
    lines = lines_of(large)
    if clean == "always" or (clean == "auto" and roughness(lines, most) >= ROUGH):
        redrawn = _redrawn(sketch)
        if redrawn is not None:
            return redrawn, ["rough lines were drawn anew by the line cleaner"]
    width = pen_width(lines)
    done = "a thick pen was made thinner" if width > most else "a thin pen was made thicker" if width < least else ""
    return (_sized(with_pen(lines, width, least, most), side), [done]) if done else (sketch, [])


def _redrawn(sketch: Sketch) -> Sketch | None:
    """Rough lines drawn anew by the line cleaner; None where it finds none."""
    from pipeline.drawing.rasterize import render  # not at the top: few drawings are rough, and this loads torch
    from pipeline.stages.simplify import SimplifyParams, simplify

    strokes = simplify(sketch, replace(_settings(SimplifyParams, "simplify"), method="own"))
    return render(strokes, sketch.shape) if strokes else None


def _sized(sketch: Sketch, side: int) -> Sketch:
    return Sketch(np.clip(resized(sketch, (side, side)), 0, 1))


def fit_square(sketch: Sketch, side: int) -> Sketch:
    """Ink on white paper, any shape -> (side, side): padded with paper to a square, area-averaged or enlarged."""
    h, w = sketch.shape
    pad = [(max(h, w) - n) // 2 for n in (h, w)]
    rest = [max(h, w) - n - p for n, p in zip((h, w), pad, strict=True)]
    square = np.pad(sketch, list(zip(pad, rest, strict=True)), constant_values=1.0)
    method = cv2.INTER_AREA if max(h, w) > side else cv2.INTER_CUBIC
    return Sketch(np.clip(cv2.resize(square, (side, side), interpolation=method), 0, 1).astype(np.float32))
