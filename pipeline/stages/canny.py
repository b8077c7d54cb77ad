"""Canny edges of the cropped gray face: the second ground truth of the calibration loss."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.allowed import Pixels, Range
from pipeline.core.image_io import read_photo, write_gray
from pipeline.core.layout import Layout
from pipeline.core.map_faces import map_faces
from pipeline.core.params import require
from pipeline.core.polarity import Edges, Gray, luminance, unit
from pipeline.drawing.face_prior import Eyes, face_prior, local_gain, placed_eyes
from pipeline.drawing.scale import face_scale

Gradient = Annotated[float, Range(least=0, most=1500)]  # 3x3 Sobel on 0 to 255, at a 256-px face

MIN_SIGMA_PX = 0.4  # ours: a narrower Gaussian, sampled, is a single pixel
FINENESS = 8  # ours: gradients are kept to an eighth of a gray level, where cv2.Canny takes whole numbers
AUTO_SPREAD = 0.33  # ours, as commonly used: automatic thresholds lie this far from the median on either side
AUTO_LEAST = 20.0  # ours: gradients below are camera noise, however faint the picture
AROUND = 0.8  # ours: local: what is not the face keeps this share of its gradients; 1: an eighth more ink there


@dataclass(frozen=True)
class CannyParams:
    """Section `edges.canny`."""

    # plain: as in the paper; auto: thresholds about the median gradient of each face instead of low and high;
    # local: contrast made alike all over the face first, so that no shaded eye is lost
    method: Literal["plain", "auto", "local"]
    sigma: Pixels  # of the smoothing, px at a 256-px face
    low: Gradient  # that continues an edge
    high: Gradient  # that starts one

    def __post_init__(self) -> None:
        require(self.low <= self.high, "low at most high")


def canny(gray: Gray, params: CannyParams, eyes: Eyes) -> Edges:
    """Gray (H, W) in [0, 1] -> Edges (H, W), 1 = edge, thin, 8-connected (Canny 1986, L2 gradient).

    `eyes`: where an aligned crop has them; method local asks.
    """
    return METHODS[params.method](gray, params, eyes)


def _plain(gray: Gray, params: CannyParams, eyes: Eyes) -> Edges:
    return _edges(*_gradient(gray, params.sigma), params.low, params.high)


def _auto(gray: Gray, params: CannyParams, eyes: Eyes) -> Edges:
    dx, dy = _gradient(gray, params.sigma)
    return _edges(dx, dy, *automatic_thresholds(np.hypot(dx, dy)))


def _local(gray: Gray, params: CannyParams, eyes: Eyes) -> Edges:
    """Gradients raised in the face and a little lowered around it: one pair of thresholds, one hysteresis for both."""
    prior = face_prior(gray.shape, eyes)
    weight = prior * local_gain(gray) + (1 - prior) * np.float32(AROUND)
    dx, dy = _gradient(gray, params.sigma)
    return _edges(weight * dx, weight * dy, params.low, params.high)


METHODS: dict[str, Callable[[Gray, CannyParams, Eyes], Edges]] = {"plain": _plain, "auto": _auto, "local": _local}


def _edges(dx: Gray, dy: Gray, low: float, high: float) -> Edges:
    edges = cv2.Canny(_whole(dx), _whole(dy), low * FINENESS, high * FINENESS, L2gradient=True)
    return Edges(unit(np.asarray(edges, np.uint8)))


def _gradient(gray: Gray, sigma: float) -> tuple[Gray, Gray]:
    """Sobel dx and dy of the smoothed 0 to 255 image, per pixel of a 256-px face."""
    scale = face_scale(gray.shape)
    smooth = cv2.GaussianBlur(gray, (0, 0), max(MIN_SIGMA_PX, sigma * scale))
    dx = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=255 * scale, borderType=cv2.BORDER_REPLICATE)
    dy = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=255 * scale, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(dx, np.float32), np.asarray(dy, np.float32)


def _whole(gradient: Gray) -> NDArray[np.int16]:
    return np.asarray(np.clip(np.rint(gradient * np.float32(FINENESS)), -32767, 32767)).astype(np.int16)


def automatic_thresholds(magnitude: Gray) -> tuple[float, float]:
    """Low and high about the median of the gradients above their mean: a face in half the contrast gets the same edges.

    Not the usual median gray level, which on a light backdrop finds no edges at all.
    """
    strong = magnitude[magnitude > magnitude.mean()]
    median = max(AUTO_LEAST, float(np.median(strong))) if strong.size else AUTO_LEAST
    return median * (1 - AUTO_SPREAD), median * (1 + AUTO_SPREAD)


def run(params: CannyParams, eyes: Eyes, data: Path, jobs: int) -> None:
    """faces/photos/ID.png -> edges/canny/ID.png for every accepted face."""
    layout = Layout(data)
    about = asdict(params) | asdict(eyes)
    map_faces(partial(_one, params, eyes, layout), layout, layout.edges("canny"), about, jobs, "edges canny")


def _one(params: CannyParams, eyes: Eyes, layout: Layout, out: Path, face: str) -> None:
    eyes = placed_eyes(layout, face, eyes)
    write_gray(out / f"{face}.png", canny(luminance(read_photo(layout.photos / f"{face}.png")), params, eyes))
