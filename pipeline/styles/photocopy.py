"""Photocopy: dark where darker than the surroundings, after the GIMP 2 plug-in (algorithm only).

Stands in for Photoshop's filter of the same name, whose method is not published.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.images import Gray, Photo, Sketch, to_uint8
from pipeline.styles.dog import blur, scaled_sigma

BINS = 1000  # of the histograms of relative darkness, as GIMP's
WHITE = 255


@dataclass(frozen=True)
class PhotocopyParams:
    mask_radius: float  # of the surroundings, px at a 256-px face
    sharpness: float  # 0 to 1: how little the tone is smoothed
    threshold: float  # tone / surroundings below this goes towards black
    black: float  # share of the dark pixels that become fully black
    white: float  # share of the light pixels that become fully white


def lightness(photo: Photo) -> Gray:
    """HSL lightness, (H, W, 3) uint8 -> (H, W) float32 in [0, 1]."""
    red, green, blue = cv2.split(photo)
    low, high = cv2.min(cv2.min(red, green), blue), cv2.max(cv2.max(red, green), blue)
    return cv2.addWeighted(low, 0.5, high, 0.5, 0, dtype=cv2.CV_32F) / np.float32(WHITE)


def photocopy(gray: Gray, params: PhotocopyParams) -> Sketch:
    """Gray (H, W) in [0, 1], as from `lightness` -> Sketch (H, W) in [0, 1], 0 = ink."""
    tone, surroundings = _blurred(gray, params)
    ratio = tone / np.maximum(surroundings, 1)
    down, up = _ramps(ratio, params)
    dark = tone * _rise(ratio - np.float32(params.threshold - down), down)
    light = WHITE - (1 - _rise(ratio - np.float32(params.threshold), up)) * (WHITE - tone)
    drawn = np.where(ratio < params.threshold, dark, light)
    drawn[surroundings <= 2] = 0  # no ratio to be had in the black
    return drawn / np.float32(WHITE)


def _blurred(gray: Gray, params: PhotocopyParams) -> tuple[Gray, Gray]:
    level = to_uint8(gray).astype(np.float32)
    radii = max(1.0, 10 * (1 - params.sharpness)), params.mask_radius
    tone, surroundings = (blur(level, scaled_sigma(gimp_sigma(radius), gray.shape)) for radius in radii)
    return tone, surroundings


def gimp_sigma(radius: float) -> float:
    """Sigma of the Gaussian that falls to 1/255 at radius + 1."""
    return float(np.sqrt(-((abs(radius) + 1) ** 2) / (2 * np.log(1 / WHITE))))


def _rise(distance: Gray, ramp: float) -> Gray:
    """0 at distance <= 0, 1 from `ramp` on; a ramp of no width is a step."""
    if ramp == 0:
        return (distance >= 0).astype(np.float32)
    return np.clip(distance / np.float32(ramp), 0, 1)


def _ramps(ratio: Gray, params: PhotocopyParams) -> tuple[float, float]:
    """Widths of the ramps below and above the threshold, from the histograms of the ratio."""
    dark = _histogram(ratio, 0, params.threshold)
    light = _histogram(ratio, params.threshold, 2)
    down = params.threshold - _quantile(dark, params.black, 0) if dark.any() else 1.0
    up = _quantile(light, 1 - params.white, 0) - params.threshold if light.any() else 0.0
    return down, max(0.0, up)


def _histogram(ratio: Gray, low: float, high: float) -> np.ndarray:
    """Counts of low <= ratio < high in bins of 1/1000."""
    inside = ratio[(ratio >= low) & (ratio < high)]
    return np.bincount((inside * BINS).astype(np.int32).ravel(), minlength=1)


def _quantile(histogram: np.ndarray, fraction: float, first: int) -> float:
    """Lower end of the first bin up to which more than `fraction` of the counts lie."""
    share = np.cumsum(histogram) / histogram.sum()
    return float(first + np.argmax(share > fraction)) / BINS
