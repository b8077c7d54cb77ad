"""A generated photo beside the true one."""

import cv2
import numpy as np
from skimage.metrics import structural_similarity

from pipeline.core.polarity import Photo


def psnr(photo: Photo, generated: Photo) -> float:
    """Eq. 11, dB: L = 255, mean square error over all pixels and channels; equal images give inf."""
    error = np.mean((photo.astype(np.float64) - generated) ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def ssim(photo: Photo, generated: Photo) -> float:
    """Eq. 12, Wang et al. 2004: 11x11 Gaussian, sigma 1.5, data range 255, mean over R, G and B."""
    value = structural_similarity(  # type: ignore[no-untyped-call]
        photo,
        generated,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
        channel_axis=2,
    )
    return float(value)


def psnr_gray(photo: Photo, generated: Photo) -> float:
    """PSNR as EdgeConnect does, of the gray images; dB."""
    return psnr(_gray(photo), _gray(generated))


def _gray(photo: Photo) -> Photo:
    return cv2.cvtColor(np.ascontiguousarray(photo), cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)


def ssim_51(photo: Photo, generated: Photo) -> float:
    """SSIM as the nearest public system, EdgeConnect, does: gray, a flat 51-pixel window; higher than `ssim`."""
    a, b = _gray(photo), _gray(generated)
    window = min(51, 2 * (min(a.shape) // 2) - 1)
    return float(structural_similarity(a, b, win_size=window, data_range=255))  # type: ignore[no-untyped-call]


def laplacian_energy(photo: Photo) -> float:
    """Mean square of the 3x3 Laplacian (4-neighbour) of the gray image, 0 to 255: how much fine detail there is."""
    return float((cv2.Laplacian(_gray(photo), cv2.CV_32F).astype(np.float64) ** 2).mean())


def sharpness(photo: Photo, generated: Photo) -> float:
    """Laplacian energy of the generated photo / of the true one: 1 as sharp, below 1 softer; 0 / 0 counts as 1."""
    made, true = laplacian_energy(generated), laplacian_energy(photo)
    return made / true if true else 1.0 if made == 0 else float("inf")
