"""At what size and contrast a face is drawn: lengths are stated at 256 px, small images are drawn large."""

from collections.abc import Callable
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.image_io import ImageError
from pipeline.core.polarity import Sketch

Picture = TypeVar("Picture", bound=NDArray[Any])  # a photo, a gray or a drawing
FACE_PX = 256  # lengths in px, and the sigmas of the styles, are stated at a face of this size
MIN_SIDE_PX = 16  # ours: smaller than this nothing of a face is left to draw
MAX_ASPECT = 8  # ours: longer than this is a banner, and enlarging its short side would fill the memory


def face_scale(shape: tuple[int, ...]) -> float:
    """Pixels of this image per pixel of a 256-px face."""
    return min(shape[:2]) / FACE_PX


def enlarged(image: Picture, largest_px: int) -> Picture:
    """The image with its shorter side at 256 to `largest_px`, so that lines are smooth and Gaussians well sampled.

    (H, W[, C]) -> (H', W'[, C]) of the same type. Raises ImageError for what cannot be a face.
    """
    height, width = _checked(image)
    side = min(height, width)
    factor = min(max(side, FACE_PX), largest_px) / side
    return image if factor == 1 else resized(image, (round(width * factor), round(height * factor)))


def on_canvas(image: Picture, draw: Callable[[Picture], NDArray[np.float32]], largest_px: int) -> NDArray[np.float32]:
    """`draw` the image enlarged or reduced to a good size; the drawing comes back at the size of `image`."""
    canvas = enlarged(image, largest_px)
    drawn = draw(canvas)
    return drawn if canvas is image else np.clip(resized(drawn, image.shape[1::-1]), 0, 1)


def _checked(image: NDArray[Any]) -> tuple[int, int]:
    height, width = image.shape[:2]
    if min(height, width) < MIN_SIDE_PX:
        raise ImageError(f"image of {width}x{height} px: too small to draw; give at least {MIN_SIDE_PX} px a side")
    if max(height, width) > MAX_ASPECT * min(height, width):
        raise ImageError(f"image of {width}x{height} px: too long to be a face; cut the face out")
    return height, width


def resized(image: Picture, size: tuple[int, int]) -> Picture:
    """To (width, height), by means of the area when smaller, cubic when larger; the type stays."""
    method = cv2.INTER_AREA if size[0] < image.shape[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size, interpolation=method), image.dtype)  # type: ignore[return-value]


def stretched(sketch: Sketch) -> Sketch:
    """Faint sketches brought to full contrast: the median is paper, the darkest hundredth ink; blank stays blank."""
    paper, ink = float(np.median(sketch)), float(np.percentile(sketch, 1))
    if paper - ink < 0.05:  # less than a hundredth is ink: a few thin lines
        ink = float(sketch.min())
    if paper - ink < 0.05:  # ours: fainter than the paper's own texture
        return Sketch(np.ones_like(sketch)) if paper > 0.5 else sketch
    return Sketch(np.clip((sketch - ink) / (paper - ink), 0, 1).astype(np.float32))
