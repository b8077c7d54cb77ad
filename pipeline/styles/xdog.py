"""XDoG sketch: soft-thresholded, sharpened difference of Gaussians (Winnemoeller, Kyprianidis, Olsen 2012)."""

from dataclasses import dataclass
from functools import partial
from typing import Annotated

import numpy as np

from pipeline.core.allowed import Range
from pipeline.core.polarity import Gray, Sketch, luminance
from pipeline.drawing.dog import dog, soft_threshold
from pipeline.drawing.scale import face_scale, on_canvas
from pipeline.styles import Style

LARGEST_PX = 2048  # ours: a larger face is drawn at this size and enlarged, to bound time and memory


@dataclass(frozen=True)
class XdogParams:
    sigma: Annotated[float, Range(above=0, most=16)]  # of the narrow Gaussian, px at a 256-px face: line width
    k: Annotated[float, Range(above=1, most=16)]  # wide sigma / narrow sigma
    p: Annotated[float, Range(least=0, most=1e4)]  # strength of the edges beside the tone
    epsilon: Annotated[
        float, Range(least=-100, most=100)
    ]  # responses above are paper; below 0: only strong lines, 0: lines, .5 to .8: dark hair fills
    phi: Annotated[float, Range(above=0, most=1e12)]  # steepness of the ramp from paper to ink


def xdog(gray: Gray, params: XdogParams) -> Sketch:
    """Gray (H, W) in [0, 1] -> Sketch (H, W) in [0, 1], 0 = ink."""
    return Sketch(on_canvas(gray, partial(_draw, params=params), LARGEST_PX))


def _draw(gray: Gray, params: XdogParams) -> Sketch:
    sharpened = sharpen(gray, params.sigma * face_scale(gray.shape), params.k, params.p)
    return soft_threshold(sharpened, params.epsilon, params.phi)


def sharpen(gray: Gray, sigma: float, k: float, p: float) -> Gray:
    """S = (1 + p) G_sigma * I - p G_(k sigma) * I (Eq. 7), by way of tau = p / (1 + p)."""
    return dog(gray, sigma, k, p / (1 + p)) * np.float32(1 + p)


STYLE = Style(XdogParams, lambda photo, params: xdog(luminance(photo), params))
