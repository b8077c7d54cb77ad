"""XDoG sketch: soft-thresholded, sharpened difference of Gaussians (Winnemoeller, Kyprianidis, Olsen 2012)."""

from dataclasses import dataclass

from pipeline.images import Gray, Sketch
from pipeline.styles.dog import dog, scaled_sigma, soft_threshold


@dataclass(frozen=True)
class XdogParams:
    sigma: float  # of the narrow Gaussian, px at a 256-px face: line width
    k: float  # wide sigma / narrow sigma
    p: float  # strength of the edges beside the tone
    epsilon: float  # responses above are paper; near 0: pure lines, .5 to .8: dark hair fills
    phi: float  # steepness of the ramp from paper to ink


def xdog(gray: Gray, params: XdogParams) -> Sketch:
    """Gray (H, W) in [0, 1] -> Sketch (H, W) in [0, 1], 0 = ink."""
    sharpened = sharpen(gray, scaled_sigma(params.sigma, gray.shape), params.k, params.p)
    return soft_threshold(sharpened, params.epsilon, params.phi)


def sharpen(gray: Gray, sigma: float, k: float, p: float) -> Gray:
    """S = (1 + p) G_sigma * I - p G_(k sigma) * I (Eq. 7), by way of tau = p / (1 + p)."""
    return dog(gray, sigma, k, p / (1 + p)) * (1 + p)
