"""Histogram equalization of the luminance, so that what draws sees no lighting (Section 4.1)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.allowed import Range
from pipeline.core.polarity import Photo

Plane = NDArray[np.uint8]


@dataclass(frozen=True)
class EqualizeParams:
    """How; section `equalize`."""

    method: Literal["global", "clahe"]
    clip_limit: Annotated[float, Range(least=1, most=256)]  # clahe: highest bin, in multiples of the mean bin
    tiles: Annotated[int, Range(least=1, most=16)]  # clahe: tiles a side


def _global(luma: Plane, params: EqualizeParams) -> Plane:
    return cv2.equalizeHist(luma).astype(np.uint8, copy=False)


def _clahe(luma: Plane, params: EqualizeParams) -> Plane:
    clahe = cv2.createCLAHE(params.clip_limit, (params.tiles, params.tiles))
    return clahe.apply(luma).astype(np.uint8, copy=False)


METHODS: dict[str, Callable[[Plane, EqualizeParams], Plane]] = {"global": _global, "clahe": _clahe}


def equalize(photo: Photo, params: EqualizeParams) -> Photo:
    """Photo with the luma of YCrCb equalized, colours kept; a constant photo stays as it is."""
    luma, *chroma = cv2.split(cv2.cvtColor(photo, cv2.COLOR_RGB2YCrCb))
    if luma.min() == luma.max():
        return photo
    merged = cv2.merge([METHODS[params.method](luma.astype(np.uint8, copy=False), params), *chroma])
    return cv2.cvtColor(merged, cv2.COLOR_YCrCb2RGB).astype(np.uint8, copy=False)
