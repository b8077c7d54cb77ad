"""Photocopy: dark where darker than the surroundings, after the GIMP 2 plug-in (algorithm only).

Stands in for Photoshop's filter of the same name, whose method is not published.
"""

from dataclasses import dataclass
from functools import partial
from typing import Annotated

import cv2
import numpy as np

from pipeline.core.allowed import Range, Share
from pipeline.core.polarity import Gray, Photo, Sketch, to_uint8
from pipeline.drawing.dog import blur
from pipeline.drawing.scale import face_scale, on_canvas
from pipeline.styles import Style

BINS = 1000  # of the histograms of relative darkness, as GIMP's
WHITE = np.float32(255)
LARGEST_PX = 2048  # ours: a larger face is drawn at this size and enlarged, to bound time and memory


@dataclass(frozen=True)
class PhotocopyParams:
    mask_radius: Annotated[float, Range(above=0, most=256)]  # of the surroundings, px at a 256-px face
    sharpness: Share  # how little the tone is smoothed
    threshold: Share  # tone / surroundings below this goes towards black
    black: Share  # share of the dark pixels that become fully black
    white: Share  # share of the light pixels that become fully white


def lightness(photo: Photo) -> Gray:
    """HSL lightness, (H, W, 3) uint8 -> (H, W) float32 in [0, 1]."""
    red, green, blue = cv2.split(photo)
    low, high = cv2.min(cv2.min(red, green), blue), cv2.max(cv2.max(red, green), blue)
    return np.asarray(cv2.addWeighted(low, 0.5, high, 0.5, 0, dtype=cv2.CV_32F), np.float32) / WHITE


def photocopy(gray: Gray, params: PhotocopyParams) -> Sketch:
    """Gray (H, W) in [0, 1], as from `lightness` -> Sketch (H, W) in [0, 1], 0 = ink."""
    return Sketch(on_canvas(gray, partial(_draw, params=params), LARGEST_PX))


def _draw(gray: Gray, params: PhotocopyParams) -> Sketch:
    tone, surroundings = _blurred(gray, params)
    ratio: Gray = np.divide(tone, np.maximum(surroundings, 1))
    down, up = _ramps(ratio, params)
    dark = np.multiply(tone, _rise(ratio, params.threshold - down, down))
    light = WHITE - (1 - _rise(ratio, params.threshold, up)) * (WHITE - tone)
    drawn: Gray = np.where(ratio < params.threshold, dark, light)
    drawn[surroundings <= 2] = 0  # too black for a ratio
    return Sketch(np.divide(drawn, WHITE))


def _blurred(gray: Gray, params: PhotocopyParams) -> tuple[Gray, Gray]:
    """Tone and the tone of its surroundings, 0 to 255."""
    level = to_uint8(gray).astype(np.float32)
    scale = face_scale(gray.shape)
    sharp, wide = gimp_sigma(max(1.0, 10 * (1 - params.sharpness))), gimp_sigma(params.mask_radius)
    return blur(level, sharp * scale), blur(level, wide * scale)


def gimp_sigma(radius: float) -> float:
    """Sigma of the Gaussian that falls to 1/255 at radius + 1."""
    return float(np.sqrt(-((abs(radius) + 1) ** 2) / (2 * np.log(1 / WHITE))))


def _rise(ratio: Gray, start: float, ramp: float) -> Gray:
    """0 up to `start`, 1 from `start + ramp` on; a ramp of no width is a step."""
    distance = ratio - np.float32(start)
    return (distance >= 0).astype(np.float32) if ramp == 0 else np.clip(distance / np.float32(ramp), 0, 1)


def _ramps(ratio: Gray, params: PhotocopyParams) -> tuple[float, float]:
    """Widths of the ramps below and above the threshold, from the histograms of the ratio."""
    dark = ratio[ratio < params.threshold]
    light = ratio[(ratio >= params.threshold) & (ratio < 2)]
    down = params.threshold - _quantile(dark, params.black) if dark.size else 1.0
    up = _quantile(light, 1 - params.white) - params.threshold if light.size else 0.0
    return down, max(0.0, up)


def _quantile(values: Gray, fraction: float) -> float:
    """Lower end of the first bin of 1/1000 up to which more than `fraction` of the values lie."""
    counts = np.cumsum(np.bincount((values * BINS).astype(np.int32)))
    return float(np.argmax(counts > fraction * values.size)) / BINS


STYLE = Style(PhotocopyParams, lambda photo, params: photocopy(lightness(photo), params))
