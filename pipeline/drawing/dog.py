"""Difference of Gaussians and what XDoG, FDoG and Photocopy share: blur, profiles, soft threshold."""

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.polarity import Gray, Sketch


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
    return Sketch(1 + np.tanh(np.minimum(np.float32(phi) * (response - np.float32(epsilon)), 0)))
