"""Faces and pupils by OpenCV's cascades (Viola and Jones 2001), each box with a second opinion.

A box of one cascade is no face: it fires on foliage, noise and chins. Two other face cascades and an eye cascade look
at the box alone, without grouping; how often they fire is the evidence. Faces give 50 to 280, what is none 0 to 40.
"""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.polarity import Photo
from pipeline.stages.crop.pupils import Gray8, pupil
from pipeline.stages.crop.settings import CropParams, Found, Point, Unusable
from pipeline.stages.crop.turns import TURNS, searched, told, turned, turned_back

LEAST = 45  # ours: evidence of a face as the photo lies
LEAST_TURNED = 60  # ours: of one in a photo to be turned, which few are
SURE = 100  # ours: above it no turn is tried
LEAST_PX = 40  # side of a box
CANDIDATES = 4  # boxes that get a second opinion
ROI_PX = 144  # side of the box and a quarter of it around, as the second opinion sees it
EYE_MOST = 25  # ours: evidence that one eye can give
EYES_AT = ((0.305, 0.385), (0.695, 0.385))  # ours: share of the box, mean of the London faces
BANDS = ((0.08, 0.5), (0.5, 0.92))  # left and right half of the eye band, shares of the box
BAND_Y = (0.2, 0.56)


@dataclass(frozen=True)
class Box:
    """One square that may be a face, px."""

    x: int
    y: int
    side: int
    evidence: int


def locate_haar(path: Path, photo: Photo, params: CropParams) -> Found:
    """The one face of a portrait: its pupils by the eye cascade, else where eyes lie in such a box."""
    gray, shrink = searched(np.asarray(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), np.uint8))
    turn, box = _face(gray)
    upright = turned(gray, turn)
    eyes = [_eye(upright, box, half) for half in (0, 1)]
    found = _plausible(eyes, box)
    points = found or [(box.x + x * box.side, box.y + y * box.side) for x, y in EYES_AT]
    left, right = ((x / shrink, y / shrink) for x, y in (turned_back(point, turn, gray.shape) for point in points))
    return Found(left, right, told("detected" if found else "box", turn))


def _face(gray: Gray8) -> tuple[int, Box]:
    """The turn that sets the picture (H, W) upright, and the face there. Raises Unusable for none or several."""
    faces = {0: _faces(gray, LEAST, LEAST_PX)}
    if max((box.evidence for box in faces[0]), default=0) < SURE:
        half = np.asarray(cv2.resize(gray, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8)
        for turn in TURNS[1:]:
            found = _faces(turned(half, turn), LEAST_TURNED, LEAST_PX // 2)
            faces[turn] = [replace(box, x=2 * box.x, y=2 * box.y, side=2 * box.side) for box in found]
    turn = max(faces, key=lambda turn: max((box.evidence for box in faces[turn]), default=0))
    if not faces[turn]:
        raise Unusable("no face")
    best = faces[turn][0]
    rivals = [box for box in faces[turn] if box.side > 0.6 * best.side and _apart(box, best)]
    if rivals:
        raise Unusable("several faces", f"{len(rivals) + 1} of similar size")
    return turn, best


def _apart(a: Box, b: Box) -> bool:
    """Whether two boxes do not touch and lie side by side, not one on the other's chest."""
    return abs(a.x + a.side / 2 - b.x - b.side / 2) > (a.side + b.side) / 2


def _faces(gray: Gray8, least: int, least_px: int) -> list[Box]:
    """Boxes of at least that much evidence and that side, in a picture (H, W), the likeliest first."""
    boxes, _, weights = _cascade("frontalface_default").detectMultiScale3(
        gray, 1.05, 5, minSize=(least_px, least_px), outputRejectLevels=True
    )
    ranked = sorted(zip(np.asarray(boxes).tolist(), np.ravel(weights), strict=True), key=_rank, reverse=True)
    found = [Box(x, y, side, _evidence(gray, x, y, side)) for (x, y, side, _), _ in ranked[:CANDIDATES]]
    return [box for box in found if box.evidence >= least]


def _rank(candidate: tuple[list[int], float]) -> float:
    return candidate[0][2] * max(0.1, float(candidate[1]))


def _evidence(gray: Gray8, x: int, y: int, side: int) -> int:
    """How often the other cascades see a face in the box, and eyes in their places."""
    around = side // 4
    padded = cv2.copyMakeBorder(gray, around, around, around, around, cv2.BORDER_REPLICATE)
    inside = padded[y : y + side + 2 * around, x : x + side + 2 * around]
    method = cv2.INTER_AREA if len(inside) > ROI_PX else cv2.INTER_LINEAR
    roi = np.asarray(cv2.resize(inside, (ROI_PX, ROI_PX), interpolation=method), np.uint8)
    seen = [_count(roi, name, 76, 124) for name in ("frontalface_alt", "frontalface_alt2")]
    large = np.asarray(cv2.resize(roi, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_LINEAR), np.uint8)
    at, full = round(len(large) / 6), len(large) * 2 / 3  # of the box in the ROI
    rows = slice(at + int(BAND_Y[0] * full), at + int(BAND_Y[1] * full))
    bands = [large[rows, at + int(x0 * full) : at + int(x1 * full)] for x0, x1 in BANDS]
    eyes = [min(EYE_MOST, _count(band, "eye_tree_eyeglasses", 22, len(band[0]))) for band in bands]
    return sum(seen) + sum(eyes)


def _count(gray: Gray8, name: str, least: int, most: int) -> int:
    """How often a cascade fires, ungrouped, at sizes from `least` to `most` px."""
    return len(_cascade(name).detectMultiScale(gray, 1.05, 0, minSize=(least, least), maxSize=(most, most)))


@cache
def _cascade(name: str) -> cv2.CascadeClassifier:
    return cv2.CascadeClassifier(f"{cv2.data.haarcascades}haarcascade_{name}.xml")  # type: ignore[attr-defined]


def _plausible(eyes: list[Point | None], box: Box) -> list[Point] | None:
    """Both eyes where they lie level and as far apart as in a face; else None."""
    left, right = eyes
    if left is None or right is None:
        return None
    level = abs(left[1] - right[1]) < 0.12 * box.side
    return [left, right] if level and 0.25 * box.side < right[0] - left[0] < 0.55 * box.side else None


def _eye(gray: Gray8, box: Box, half: int) -> Point | None:
    """Pupil in the left (0) or right (1) half of the eye band, refined to the darkest blob."""
    x0, x1 = (int(box.x + share * box.side) for share in BANDS[half])
    y0, y1 = (int(box.y + share * box.side) for share in BAND_Y)
    band = np.asarray(cv2.resize(gray[y0:y1, x0:x1], None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), np.uint8)
    least = max(12, int(0.3 * box.side))
    boxes = _cascade("eye").detectMultiScale(band, 1.05, 3, minSize=(least, least))
    if len(boxes) == 0:
        return None
    aim = (np.array(EYES_AT[half]) - (BANDS[half][0], BAND_Y[0])) * box.side * 2
    centres: NDArray[np.float64] = np.array([[x + w / 2, y + h / 2] for x, y, w, h in boxes])
    near = centres[np.linalg.norm(centres - aim, axis=1).argmin()]
    cx, cy = pupil(band, near, 0.16 * box.side)
    return x0 + cx / 2, y0 + cy / 2
