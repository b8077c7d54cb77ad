"""From an eye to its pupil: the darkest blob near it."""

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.stages.crop.settings import Point

Gray8 = NDArray[np.uint8]  # (H, W)
REACH = 0.3  # ours: of the pupils' distance, in a patch enlarged twice


def pupil(band: Gray8, centre: NDArray[np.float64], reach: float) -> Point:
    """Centroid of the darkness within `reach` px of the detected eye's centre, brows above left out."""
    ys, xs = np.mgrid[: band.shape[0], : band.shape[1]]
    smooth = cv2.GaussianBlur(band, (0, 0), max(1.0, reach / 6)).astype(np.float64)
    window = np.exp(-((xs - centre[0]) ** 2 + 2 * (ys - centre[1] - 0.1 * reach) ** 2) / (2 * (0.55 * reach) ** 2))
    inside = window > 0.2
    dark = window * np.clip(np.percentile(smooth[inside], 25) - smooth, 0, None) * inside
    if dark.sum() <= 0:
        return float(centre[0]), float(centre[1])
    return float((dark * xs).sum() / dark.sum()), float((dark * ys).sum() / dark.sum())


def pupil_near(gray: Gray8, eye: NDArray[np.float64], apart: float) -> Point:
    """The pupil near an eye point of a face whose eyes are `apart` px from each other."""
    around = int(0.35 * apart) + 2
    x0, y0 = (round(float(v)) - around for v in eye)
    padded = cv2.copyMakeBorder(gray, around, around, around, around, cv2.BORDER_REPLICATE)
    patch = padded[y0 + around : y0 + 3 * around, x0 + around : x0 + 3 * around]
    band = np.asarray(cv2.resize(patch, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), np.uint8)
    cx, cy = pupil(band, 2 * (eye - np.array([x0, y0])), REACH * apart)
    return x0 + cx / 2, y0 + cy / 2
