"""Difference of Gaussians and what XDoG, FDoG and Photocopy share: canvas size, blur, soft threshold."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.images import Gray, ImageError, Sketch
from pipeline.params import ParamsError

FACE_PX = 256  # pixel parameters are stated at a face of this size
MIN_SIDE_PX = 16  # ours: smaller than this nothing of a face is left to draw
MAX_ASPECT = 8  # ours: longer than this is a banner, and enlarging its short side would fill the memory


def require(holds: bool, rule: str) -> None:
    """Raises ParamsError with the rule ("styles.xdog: sigma > 0") where it does not hold."""
    if not holds:
        raise ParamsError(f"out of range; need {rule}")


def face_scale(shape: tuple[int, ...]) -> float:
    """Pixels of this image per pixel of a 256-px face."""
    return min(shape) / FACE_PX


def on_canvas(gray: Gray, draw: Callable[[Gray], Sketch], largest_px: int) -> Sketch:
    """`draw` gray with its shorter side at 256 to `largest_px`; the sketch comes back at the size of `gray`.

    A small image is drawn large and reduced, so that its lines are smooth and its Gaussians well sampled.
    Raises ImageError for what cannot be a face.
    """
    height, width = _checked(gray)
    side = min(height, width)
    factor = min(max(side, FACE_PX), largest_px) / side
    if factor == 1:
        return draw(gray)
    canvas = round(width * factor), round(height * factor)
    return np.clip(_resize(draw(_resize(gray, canvas)), (width, height)), 0, 1)


def _checked(gray: Gray) -> tuple[int, int]:
    height, width = gray.shape
    if min(height, width) < MIN_SIDE_PX:
        raise ImageError(f"image of {width}x{height} px: too small to draw; give at least {MIN_SIDE_PX} px a side")
    if max(height, width) > MAX_ASPECT * min(height, width):
        raise ImageError(f"image of {width}x{height} px: too long to be a face; cut the face out")
    return height, width


def _resize(gray: Gray, size: tuple[int, int]) -> Gray:
    """To (width, height), by means of the area when smaller, cubic when larger."""
    method = cv2.INTER_AREA if size[0] < gray.shape[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(gray, size, interpolation=method), np.float32)


def blur(gray: Gray, sigma: float) -> Gray:
    """Gaussian blur, sigma in pixels of this image, mirrored at the border."""
    return np.asarray(cv2.GaussianBlur(gray, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101), np.float32)


def dog(gray: Gray, sigma: float, k: float, tau: float) -> Gray:
    """G_sigma * I - tau G_(k sigma) * I (Winnemoeller 2012, Eq. 4), sigma in pixels of this image."""
    return blur(gray, sigma) - np.float32(tau) * blur(gray, k * sigma)


def gaussian_profile(sigma: float, radius: int) -> NDArray[np.float32]:
    """Samples of a Gaussian at -radius..radius, sum 1."""
    return np.asarray(cv2.getGaussianKernel(2 * radius + 1, sigma, cv2.CV_32F), np.float32).ravel()


def dog_profile(sigma: float, k: float, tau: float) -> NDArray[np.float32]:
    """`dog` across one line: G_sigma - tau G_(k sigma) out to 3 k sigma."""
    radius = int(np.ceil(3 * k * sigma))
    return gaussian_profile(sigma, radius) - np.float32(tau) * gaussian_profile(k * sigma, radius)


def soft_threshold(response: Gray, epsilon: float, phi: float) -> Sketch:
    """1 where response >= epsilon, else 1 + tanh(phi (response - epsilon)) (Winnemoeller 2012, Eq. 5)."""
    return 1 + np.tanh(np.minimum(np.float32(phi) * (response - np.float32(epsilon)), 0))
