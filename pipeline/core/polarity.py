"""The array contracts every stage keeps, and the one place where one becomes another.

On disk 8-bit PNG: sketches black on white, edges white on black. In networks strokes, 1 = ink, for S, R and E alike.
"""

from typing import TYPE_CHECKING, Any, NewType

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # stages that draw nothing with nets start without torch
    from torch import Tensor

WHITE = 255  # the whitest 8-bit level
Photo = NDArray[np.uint8]  # RGB (H, W, 3)
Gray = NDArray[np.float32]  # (H, W) in [0, 1], 1 = white
Sketch = NewType("Sketch", np.ndarray[Any, np.dtype[np.float32]])  # (H, W) in [0, 1], 1 = paper
Strokes = NewType("Strokes", np.ndarray[Any, np.dtype[np.float32]])  # (H, W) in [0, 1], 1 = ink
Edges = NewType("Edges", np.ndarray[Any, np.dtype[np.float32]])  # (H, W) in [0, 1], 1 = edge


def unit(pixels: NDArray[np.uint8]) -> Gray:
    """0..255 -> float32 in [0, 1]; any shape."""
    return pixels.astype(np.float32) / np.float32(255)


def to_uint8(gray: NDArray[np.float32]) -> NDArray[np.uint8]:
    """[0, 1] float to 0..255, rounded to nearest."""
    return (np.clip(gray, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)


def strokes_of(sketch: NDArray[np.float32]) -> Strokes:
    """1 = paper -> 1 = ink; any shape."""
    return Strokes(1 - sketch)


def sketch_of(strokes: NDArray[np.float32]) -> Sketch:
    """1 = ink, or an edge, -> 1 = paper; any shape."""
    return Sketch(1 - strokes)


def unit_tensor(pixels: "Tensor") -> "Tensor":
    """uint8 0..255 -> float32 in [0, 1]."""
    return pixels.float() / 255


def turned_tensor(lines: "Tensor") -> "Tensor":
    """1 = paper -> 1 = ink, and back."""
    return 1 - lines


def luminance(photo: Photo) -> Gray:
    """ITU-R 601 luma, (H, W, 3) uint8 -> (H, W) float32 in [0, 1]."""
    return unit(np.asarray(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), np.uint8))
