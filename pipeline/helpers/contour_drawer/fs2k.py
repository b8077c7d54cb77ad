"""Faces with the drawings people made of them (FS2K, Fan et al. 2022), and the line art in such a drawing."""

import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError
from pipeline.core.image_io import import_photo, import_sketch
from pipeline.core.polarity import Photo, Sketch, Strokes, sketch_of, strokes_of
from pipeline.drawing.rasterize import render
from pipeline.drawing.scale import FACE_PX, Picture, resized
from pipeline.drawing.stroke import Stroke, smooth
from pipeline.drawing.trace import trace

# All ours, judged by eye on FS2K; lengths in px of a 256-px face.
PAPER_PX = 25  # the paper's brightness changes no faster
DARKEST = 99.0  # percentile of darkness that is full ink
INK = 0.3  # darker, as a share of full ink, is a line
HATCH_PX = 5  # hatching lies closer and becomes a mass
MASS_PX = 13  # narrower is no mass: brows and lips keep their lines
MASS_PX2 = 700  # smaller is none either: eyes
HOLE_PX = 9  # narrower light in a mass is ignored
GAP_PX, SMOOTH_PX, MIN_LENGTH_PX = 3, 2, 8
PEN_PX = 2
OVER = 2  # lines are traced at twice the size


@dataclass(frozen=True)
class Pair:
    """One face, its shorter side 256 px, and the person's drawing of it, of the same size."""

    id: str
    photo: Photo
    drawing: Sketch


def pair_ids(folder: Path, styles: tuple[int, ...]) -> list[str]:
    """Names of the faces that were drawn in one of `styles`, sorted. Raises UserError where there are none."""
    path = folder / "attributes.json"
    try:
        ids = sorted(row["id"] for row in json.loads(path.read_text(encoding="utf-8")) if row["style"] in styles)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: no attributes of FS2K ({error!r}); lay it out as photos/, sketches/, or name it"
        ) from error
    if not ids:
        raise UserError(f"{path}: no drawings of styles {list(styles)}; FS2K has 0, 1, 2")
    return ids


def split_ids(folder: Path, styles: tuple[int, ...], val_share: float, test_share: float) -> dict[str, list[str]]:
    """Names of the splits train, val and test; more drawings never move one. Raises UserError for an empty split."""
    found: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for name in pair_ids(folder, styles):
        at = _place(name)
        found["test" if at < test_share else "val" if at < test_share + val_share else "train"].append(name)
    for split, names in found.items():
        if not names:
            raise UserError(f"{folder}: none of the drawings of styles {list(styles)} falls into the split {split}")
    return found


def _place(name: str) -> float:
    """A number in [0, 1) that follows from the name alone."""
    return int.from_bytes(sha256(name.encode()).digest()[:8], "big") / 2**64


def read_pair(folder: Path, name: str) -> Pair:
    """Raises ImageError for files that are no images, UserError where photo and drawing differ in size."""
    photo, drawing = (folder / part / f"{name}.jpg" for part in ("photos", "sketches"))
    sketch = Sketch(np.clip(_at_face_size(import_sketch(drawing)), 0, 1))
    pair = Pair(name, _at_face_size(import_photo(photo)), sketch)
    if pair.photo.shape[:2] != pair.drawing.shape:
        raise UserError(f"{drawing}: of another shape than {photo}")
    return pair


def _at_face_size(image: Picture) -> Picture:
    factor = FACE_PX / min(image.shape[:2])
    return resized(image, (round(image.shape[1] * factor), round(image.shape[0] * factor)))


def line_art(drawing: Sketch) -> Sketch:
    """A drawing at 256 px (H, W) -> the same in lines of one pen, black on white: hatching becomes its outline."""
    large = resized(drawing, (drawing.shape[1] * OVER, drawing.shape[0] * OVER))
    ink = darkness(large, PAPER_PX * OVER) > INK
    solid = sketch_of((ink | masses(ink, OVER)).astype(np.float32))
    lines = trace(solid, 0.5, MASS_PX * OVER, 1.0, GAP_PX * OVER)
    strokes = smooth(lines, SMOOTH_PX * OVER, MIN_LENGTH_PX * OVER, 2.0)
    pen = [Stroke.even(s.points, np.full_like(s.widths, PEN_PX * OVER)) for s in strokes]
    return resized(render(pen, large.shape), drawing.shape[::-1])


def darkness(drawing: Sketch, paper_px: int) -> Strokes:
    """Darker than the paper around: (H, W) -> 0 = paper, 1 = full ink."""
    paper = cv2.GaussianBlur(_morphed(drawing, cv2.MORPH_CLOSE, paper_px), (0, 0), paper_px / 2)
    dark = strokes_of(np.asarray(drawing / np.maximum(paper, 1e-3), np.float32))
    return Strokes(np.clip(dark / max(float(np.percentile(dark, DARKEST)), 0.1), 0, 1).astype(np.float32))


def masses(ink: NDArray[np.bool_], scale: float) -> NDArray[np.bool_]:
    """Where ink is so dense and wide that it is a tone, not lines, (H, W)."""
    joined = _morphed(ink.astype(np.uint8), cv2.MORPH_CLOSE, round(HATCH_PX * scale))
    wide = _morphed(joined, cv2.MORPH_OPEN, round(MASS_PX * scale))
    _, labels, about, _ = cv2.connectedComponentsWithStats(wide)
    large = about[:, cv2.CC_STAT_AREA] >= MASS_PX2 * scale**2
    large[0] = False
    return np.asarray(_morphed(large[labels].astype(np.uint8), cv2.MORPH_CLOSE, round(HOLE_PX * scale)) > 0)


def _morphed(image: NDArray[Any], operation: int, side: int) -> NDArray[Any]:
    return np.asarray(cv2.morphologyEx(image, operation, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))))
