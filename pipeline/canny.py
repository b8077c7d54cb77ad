"""Canny edges of the cropped gray face: the second ground truth of the calibration loss."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.images import Edges, Gray, luminance, map_images, new_folder, read_photo, to_uint8, write_gray
from pipeline.manifest import Layout, read_faces
from pipeline.params import ParamsError

FACE_PX = 256  # sigma and thresholds are stated at a face of this size
MIN_SIGMA_PX = 0.4  # ours: a narrower Gaussian, sampled, is a single pixel
AUTO_SPREAD = 0.33  # ours, as commonly used: automatic thresholds lie this far from the median on either side


@dataclass(frozen=True)
class CannyParams:
    sigma: float  # of the smoothing, px at a 256-px face
    low: float  # gradient (8-bit gray levels, 3x3 Sobel) that continues an edge
    high: float  # gradient that starts one
    auto: bool  # thresholds from the median gray level instead of low and high

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high:
            raise ParamsError(f"edges.canny: low {self.low} and high {self.high}; need 0 <= low <= high")


def canny(gray: Gray, params: CannyParams) -> Edges:
    """Gray (H, W) in [0, 1] -> Edges (H, W), 1 = edge, thin, 8-connected (Canny 1986, L2 gradient)."""
    scale = min(gray.shape) / FACE_PX
    smooth = cv2.GaussianBlur(to_uint8(gray), (0, 0), max(MIN_SIGMA_PX, params.sigma * scale))
    low, high = automatic_thresholds(smooth) if params.auto else (params.low, params.high)
    return cv2.Canny(smooth, low / scale, high / scale, L2gradient=True) / np.float32(255)


def automatic_thresholds(gray: NDArray[np.uint8]) -> tuple[float, float]:
    """Low and high about the median gray level, within 0 to 255."""
    median = float(np.median(gray))
    return median * (1 - AUTO_SPREAD), min(255.0, median * (1 + AUTO_SPREAD))


def run(params: CannyParams, data: Path, jobs: int) -> None:
    """faces/photos/ID.png -> edges/canny/ID.png for every accepted face."""
    layout = Layout(data)
    ids = [face.id for face in read_faces(layout)]
    with new_folder(layout.edges("canny")) as out:
        map_images(partial(_one, params, layout, out), ids, jobs, "edges canny")


def _one(params: CannyParams, layout: Layout, out: Path, face: str) -> None:
    write_gray(out / f"{face}.png", canny(luminance(read_photo(layout.photos / f"{face}.png")), params))
