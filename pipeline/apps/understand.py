"""Any picture of a drawing -> each face on it, laid where the nets know faces to be."""

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.core.errors import UserError
from pipeline.core.image_io import Picture
from pipeline.core.polarity import Sketch
from pipeline.core.printable import printable
from pipeline.drawing.ink import ink_from_paper

CLEAN = ("auto", "always", "never")


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
        return cls(invert, place, clean)


@dataclass(frozen=True)
class Understood:
    """One face of a drawing."""

    sketch: Sketch  # (S, S), 1 = paper
    notes: tuple[str, ...]  # what was done
    number: int  # of the face on the sheet, from 1


def understand(picture: Picture, side: int, how: Intake) -> list[Understood]:
    """A picture -> its faces as sketches (side, side). Raises Refused."""
    inked = ink_from_paper(picture, how.invert)
    return [Understood(fit_square(inked.sketch, side), inked.notes, 1)]


def fit_square(sketch: Sketch, side: int) -> Sketch:
    """Ink on white paper, any shape -> (side, side): padded with paper to a square, area-averaged or enlarged."""
    h, w = sketch.shape
    pad = [(max(h, w) - n) // 2 for n in (h, w)]
    rest = [max(h, w) - n - p for n, p in zip((h, w), pad, strict=True)]
    square = np.pad(sketch, list(zip(pad, rest, strict=True)), constant_values=1.0)
    method = cv2.INTER_AREA if max(h, w) > side else cv2.INTER_CUBIC
    return Sketch(np.clip(cv2.resize(square, (side, side), interpolation=method), 0, 1).astype(np.float32))
