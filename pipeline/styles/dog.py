"""Difference of Gaussians and what XDoG, FDoG and Photocopy share: scale, blur, soft threshold."""

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.images import Gray, ImageError, Sketch

FACE_PX = 256  # pixel parameters are stated at a face of this size
MIN_SIDE_PX = 16  # ours: smaller than this nothing of a face is left to draw
MIN_SIGMA_PX = 0.4  # ours: a narrower Gaussian, sampled, is a single pixel


def face_scale(shape: tuple[int, ...]) -> float:
    """Pixels of this image per pixel of a 256-px face. Raises ImageError below MIN_SIDE_PX."""
    side = min(shape[:2])
    if side < MIN_SIDE_PX:
        raise ImageError(f"image of {shape[1]}x{shape[0]} px: too small to draw; give at least {MIN_SIDE_PX} px a side")
    return side / FACE_PX


def scaled_sigma(sigma: float, shape: tuple[int, ...]) -> float:
    """Sigma stated at a 256-px face -> sigma in pixels of this image."""
    return max(MIN_SIGMA_PX, sigma * face_scale(shape))


def blur(gray: Gray, sigma: float) -> Gray:
    """Gaussian blur, sigma in pixels of this image, mirrored at the border."""
    return cv2.GaussianBlur(gray, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)


def dog(gray: Gray, sigma: float, k: float, tau: float) -> Gray:
    """G_sigma * I - tau G_(k sigma) * I (Winnemoeller 2012, Eq. 4), sigma in pixels of this image."""
    return cv2.addWeighted(blur(gray, sigma), 1, blur(gray, k * sigma), -tau, 0)


def gaussian_profile(sigma: float, radius: int) -> NDArray[np.float32]:
    """Samples of a Gaussian at -radius..radius, sum 1."""
    return cv2.getGaussianKernel(2 * radius + 1, sigma, cv2.CV_32F).ravel()


def dog_profile(sigma: float, k: float, tau: float) -> NDArray[np.float32]:
    """`dog` across one line: G_sigma - tau G_(k sigma) out to 3 k sigma."""
    radius = int(np.ceil(3 * k * sigma))
    return gaussian_profile(sigma, radius) - np.float32(tau) * gaussian_profile(k * sigma, radius)


def soft_threshold(response: Gray, epsilon: float, phi: float) -> Sketch:
    """1 where response >= epsilon, else 1 + tanh(phi (response - epsilon)) (Winnemoeller 2012, Eq. 5)."""
    return 1 + np.tanh(np.minimum(np.float32(phi) * (response - np.float32(epsilon)), 0))
