"""The array contracts every stage keeps, and the one place where one becomes another."""

import cv2
import numpy as np
from numpy.typing import NDArray

Photo = NDArray[np.uint8]


Gray = NDArray[np.float32]


Sketch = Gray


Edges = Gray


def to_uint8(gray: Gray) -> NDArray[np.uint8]:
    """[0, 1] float to 0..255, rounded to nearest."""
    return (np.clip(gray, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)


def luminance(photo: Photo) -> Gray:
    """ITU-R 601 luma, (H, W, 3) uint8 -> (H, W) float32 in [0, 1]."""
    return cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY).astype(np.float32) / np.float32(255)
