"""Where the pupils of a portrait are: one locator a detector."""

import csv
from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError
from pipeline.core.polarity import Photo
from pipeline.stages.crop.settings import CropParams, Found, Point, Unusable
from pipeline.weights.registry import weight_file

PUPIL_REACH = 0.3  # ours: of the pupils' distance, in a patch enlarged twice


SEARCH_PX = 480  # ours: detection runs on photos shrunk to this shorter side; faces in portraits stay > 100 px


@cache
def _cascade(name: str) -> cv2.CascadeClassifier:
    return cv2.CascadeClassifier(f"{cv2.data.haarcascades}haarcascade_{name}.xml")  # type: ignore[attr-defined]


def locate_haar(path: Path, photo: Photo, params: CropParams) -> Found:
    """Viola-Jones face, then the pupils: eye cascade in the eye band, else where eyes lie in such a box."""
    shrink = min(1.0, SEARCH_PX / min(photo.shape[:2]))
    gray = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    small = np.asarray(cv2.resize(gray, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA), np.uint8)
    x, y, side = _face_box(small)
    eyes = [_eye(small, x, y, side, half) for half in (0, 1)]
    level = all(eyes) and abs(eyes[0][1] - eyes[1][1]) < 0.12 * side  # type: ignore[index]
    guesses = [(x + share * side, y + 0.385 * side) for share in (0.305, 0.695)]  # ours: mean of the London faces
    left, right = eyes if level else guesses
    lx, ly = left  # type: ignore[misc]
    rx, ry = right  # type: ignore[misc]
    return Found((lx / shrink, ly / shrink), (rx / shrink, ry / shrink), "detected" if level else "box")


def _face_box(gray: NDArray[np.uint8]) -> tuple[float, float, float]:
    """The one face of a portrait: (x, y, side)."""
    boxes, _, weights = _cascade("frontalface_default").detectMultiScale3(
        gray, 1.05, 5, minSize=(40, 40), outputRejectLevels=True
    )
    if len(boxes) == 0:
        raise Unusable("no face")
    ranked = sorted(
        zip(np.asarray(boxes).tolist(), np.ravel(weights), strict=True), key=lambda pair: pair[0][2], reverse=True
    )
    best = max(ranked, key=lambda pair: pair[0][2] * max(0.1, float(pair[1])))
    rivals = [
        box for box, weight in ranked if box[2] > 0.6 * best[0][2] and weight > 0.5 * best[1] and _apart(box, best[0])
    ]
    if rivals:
        raise Unusable("several faces", f"{len(rivals) + 1} of similar size")
    return tuple(float(v) for v in best[0][:3])  # type: ignore[return-value]


def _apart(a: list[int], b: list[int]) -> bool:
    """Whether two boxes do not touch and lie side by side, not one on the other's chest."""
    return abs(a[0] + a[2] / 2 - b[0] - b[2] / 2) > (a[2] + b[2]) / 2


def _eye(gray: NDArray[np.uint8], x: float, y: float, side: float, half: int) -> Point | None:
    """Pupil in the left (0) or right (1) half of the eye band, refined to the darkest blob."""
    x0, x1 = (int(x + share * side) for share in ((0.08, 0.5), (0.5, 0.92))[half])
    y0, y1 = int(y + 0.2 * side), int(y + 0.56 * side)
    band = np.asarray(cv2.resize(gray[y0:y1, x0:x1], None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), np.uint8)
    least = max(12, int(0.3 * side))
    boxes = _cascade("eye").detectMultiScale(band, 1.05, 3, minSize=(least, least))
    if len(boxes) == 0:
        return None
    aim = np.array([(0.305 - 0.08, 0.695 - 0.5)[half], 0.385 - 0.2]) * side * 2
    centres = np.array([[bx + bw / 2, by + bh / 2] for bx, by, bw, bh in boxes])
    near = centres[np.linalg.norm(centres - aim, axis=1).argmin()]
    cx, cy = _pupil(band, near, 0.16 * side)
    return x0 + cx / 2, y0 + cy / 2


def _pupil(band: NDArray[np.uint8], centre: NDArray, reach: float) -> Point:
    """Centroid of the darkness within `reach` of the detected eye's centre, brows above left out."""
    ys, xs = np.mgrid[: band.shape[0], : band.shape[1]]
    smooth = cv2.GaussianBlur(band, (0, 0), max(1.0, reach / 6)).astype(np.float64)
    window = np.exp(-((xs - centre[0]) ** 2 + 2 * (ys - centre[1] - 0.1 * reach) ** 2) / (2 * (0.55 * reach) ** 2))
    inside = window > 0.2
    dark = window * np.clip(np.percentile(smooth[inside], 25) - smooth, 0, None) * inside
    if dark.sum() <= 0:
        return float(centre[0]), float(centre[1])
    return float((dark * xs).sum() / dark.sum()), float((dark * ys).sum() / dark.sum())


def locate_yunet(path: Path, photo: Photo, params: CropParams) -> Found:
    """YuNet (Wu et al. 2023) on the photo shrunk to SEARCH_PX; its eye points, refined to the pupils."""
    shrink = min(1.0, SEARCH_PX / min(photo.shape[:2]))
    small = cv2.resize(photo, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    detector = cv2.FaceDetectorYN.create(str(weight_file("yunet")), "", small.shape[1::-1], 0.7)
    _, faces = detector.detect(np.ascontiguousarray(small[..., ::-1]))
    if faces is None:
        raise Unusable("no face")
    ranked = sorted(faces, key=lambda face: -face[2])
    if len(ranked) > 1 and ranked[1][2] > 0.6 * ranked[0][2]:
        raise Unusable("several faces", f"{len(ranked)} faces")
    eyes = sorted([ranked[0][4:6], ranked[0][6:8]], key=lambda eye: float(eye[0]))
    gray, apart = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), float(np.linalg.norm(eyes[1] - eyes[0]))
    (ax, ay), (bx, by) = (_near_pupil(np.asarray(gray, np.uint8), eye, apart) for eye in eyes)
    return Found((ax / shrink, ay / shrink), (bx / shrink, by / shrink), "detected")


def _near_pupil(gray: NDArray[np.uint8], eye: NDArray, apart: float) -> Point:
    """The pupil near an eye point of a face whose eyes are `apart` px from each other."""
    around = int(0.35 * apart) + 2
    x0, y0 = (round(float(v)) - around for v in eye)
    padded = cv2.copyMakeBorder(gray, around, around, around, around, cv2.BORDER_REPLICATE)
    patch = padded[y0 + around : y0 + 3 * around, x0 + around : x0 + 3 * around]
    band = np.asarray(cv2.resize(patch, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), np.uint8)
    cx, cy = _pupil(band, 2 * (eye - np.array([x0, y0])), PUPIL_REACH * apart)
    return x0 + cx / 2, y0 + cy / 2


def locate_landmarks(path: Path, photo: Photo, params: CropParams) -> Found:
    """Given pupils: NAME.tem beside the photo (count, then x y; the first two), or its row of eyes.csv above it."""
    template = path.with_suffix(".tem")
    if template.exists():
        return Found(*_two_points(template), "given")
    table = next((folder / "eyes.csv" for folder in path.parents[:2] if (folder / "eyes.csv").exists()), None)
    row = _eye_table(table).get(path.name) if table else None
    if row is None:
        raise Unusable("no landmarks", f"neither {template.name} nor a row of eyes.csv")
    return Found(row[0], row[1], "given")


def _two_points(template: Path) -> tuple[Point, Point]:
    try:
        rows = [line.split() for line in template.read_text(encoding="utf-8").splitlines()[1:3]]
        left, right = ((float(x), float(y)) for x, y in rows)
    except ValueError as error:
        raise Unusable("no landmarks", f"{template.name}: {error}") from error
    return left, right


@cache
def _eye_table(path: Path) -> dict[str, tuple[Point, Point]]:
    names = ("left_x", "left_y", "right_x", "right_y")
    try:
        with path.open(newline="", encoding="utf-8") as file:
            points = {row["file"]: [float(row[name]) for name in names] for row in csv.DictReader(file)}
    except (KeyError, ValueError, TypeError) as error:
        raise UserError(f"{path}: needs the columns file, {', '.join(names)}, numbers in px ({error})") from error
    return {name: ((v[0], v[1]), (v[2], v[3])) for name, v in points.items()}


LOCATORS: dict[str, Callable[[Path, Photo, CropParams], Found]] = {
    "haar": locate_haar,
    "yunet": locate_yunet,
    "landmarks": locate_landmarks,
}
