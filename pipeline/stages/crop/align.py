"""Photo px -> crop px: the transform, and pictures under it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.polarity import Photo, Sketch
from pipeline.stages.crop.locate import LOCATORS
from pipeline.stages.crop.settings import CropParams, Matrix, Point, Unusable


def crop_matrix(left: Point, right: Point, params: CropParams) -> Matrix:
    """Similarity that takes the pupils to their places in the crop."""
    (lx, ly), (rx, ry) = left, right
    source = complex(rx - lx, ry - ly)
    turn = params.eye_distance * params.size / source
    middle = complex((lx + rx) / 2, (ly + ry) / 2)
    shift = complex((params.size - 1) / 2, params.eye_y * params.size) - turn * middle
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def fit_matrix(shape: tuple[int, ...], size: int) -> Matrix:
    """Aligned photos: the largest square, a little above the middle of tall ones, resized to the crop."""
    height, width = shape[:2]
    side = min(height, width)
    scale = size / side
    left, top = (width - side) / 2, (height - side) * 0.45  # ours: keeps hair and chin of 4:5 portraits
    return np.array([[scale, 0, -left * scale + (scale - 1) / 2], [0, scale, -top * scale + (scale - 1) / 2]])


def warp(image: NDArray[Any], matrix: Matrix, size: int, border: int, value: Iterable[float] = ()) -> NDArray[Any]:
    """Resample into a size x size crop, prefiltered when shrinking: rendered larger, then averaged by area."""
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    over = max(1, min(8, int(np.ceil(1 / scale))))
    grow = np.array([[over, 0, (over - 1) / 2], [0, over, (over - 1) / 2]]) @ np.vstack([matrix, [0, 0, 1]])
    method = cv2.INTER_CUBIC if over == 1 else cv2.INTER_LINEAR
    large = cv2.warpAffine(
        image, grow, (size * over, size * over), flags=method, borderMode=border, borderValue=tuple(value)
    )
    return cv2.resize(large, (size, size), interpolation=cv2.INTER_AREA) if over > 1 else large


def background(photo: Photo) -> tuple[float, ...]:
    """Median colour of the upper corners: what lies behind a portrait."""
    h, w = (max(1, side // 12) for side in photo.shape[:2])
    corners = np.concatenate([photo[:h, :w].reshape(-1, 3), photo[:h, -w:].reshape(-1, 3)])
    return tuple(float(v) for v in np.median(corners, axis=0))


def crop_photo(photo: Photo, matrix: Matrix, params: CropParams) -> Photo:
    """Photo -> (size, size, 3)."""
    if params.border == "background":
        return warp(photo, matrix, params.size, cv2.BORDER_CONSTANT, background(photo)).astype(np.uint8)
    return warp(photo, matrix, params.size, cv2.BORDER_REFLECT_101).astype(np.uint8)


def crop_sketch(sketch: Sketch, matrix: Matrix, params: CropParams) -> Sketch:
    """Sketch under the photo's transform, paper beyond its border."""
    warped = warp(sketch, matrix, params.size, cv2.BORDER_CONSTANT, (1.0,))
    return Sketch(np.clip(warped, 0, 1).astype(np.float32))


def align(path: Path, photo: Photo, params: CropParams) -> tuple[Matrix, str]:
    """The crop's transform and how it was found. Raises Unusable."""
    if min(photo.shape[:2]) < params.min_face_px * 2:
        raise Unusable("too small", f"{photo.shape[1]}x{photo.shape[0]} px")
    if params.detector == "aligned":
        return fit_matrix(photo.shape, params.size), "none"
    found = LOCATORS[params.detector](path, photo, params)
    distance = float(np.hypot(found.right[0] - found.left[0], found.right[1] - found.left[1]))
    if not distance >= max(1, params.min_face_px):  # catches NaN too
        raise Unusable("too small", f"pupils {distance:.0f} px apart, at least {params.min_face_px}")
    return crop_matrix(found.left, found.right, params), found.alignment
