"""Photos that lie on their side or upside down: quarter turns and the way back."""

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.stages.crop.settings import Point

SEARCH_PX = 480  # ours: detection runs on photos shrunk to this shorter side; faces in portraits stay > 100 px
TURNS = (0, 1, 2, 3)  # quarter turns counterclockwise that may set a photo upright
Pixels = NDArray[np.uint8]  # (H, W) or (H, W, 3)


def searched(image: Pixels) -> tuple[Pixels, float]:
    """A picture (H, W, …) as detectors see it, and its scale: at most 1."""
    shrink = min(1.0, SEARCH_PX / min(image.shape[:2]))
    small = cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8), shrink


def turned(image: Pixels, turn: int) -> Pixels:
    """A picture (H, W, …) turned counterclockwise by `turn` quarters."""
    return np.ascontiguousarray(np.rot90(image, turn))


def turned_back(point: Point, turn: int, shape: tuple[int, ...]) -> Point:
    """Where a point of `turned(image, turn)` lies in the image (H, W, …)."""
    (x, y), (height, width) = point, shape[:2]
    return ((x, y), (width - 1 - y, x), (width - 1 - x, height - 1 - y), (y, height - 1 - x))[turn]


def told(how: str, turn: int) -> str:
    """How a face was found, with the turn that set it upright, for faces.csv."""
    return f"{how}, turned {90 * turn}" if turn else how
