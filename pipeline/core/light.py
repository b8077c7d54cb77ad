"""Another exposure of a photo."""

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.polarity import WHITE, Photo


def toned(photo: Photo, gamma: float, gain: NDArray[np.float64]) -> Photo:
    """255 · gain · (value / 255) ** gamma, clipped; `gain` of each channel."""
    table = np.clip(WHITE * (np.arange(256)[:, None] / WHITE) ** gamma * gain, 0, WHITE).astype(np.uint8)
    return cv2.LUT(photo, table[:, None]).astype(np.uint8, copy=False)
