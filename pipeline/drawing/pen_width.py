"""How wide a drawing's pen is, and the same drawing by a pen of another width. Widths are px of the image at hand."""

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.polarity import Sketch, sketch_of, strokes_of

INK = 0.4  # ours: of the darkest strokes' darkness, from which on a pixel is ink
FAINTEST = 0.04  # ours: paper is no darker
Mask = NDArray[np.bool_]


def pen_width(sketch: Sketch) -> float:
    """Median width of the lines of (H, W), each as wide as a black line with as much ink; 0 of blank paper."""
    ink = strokes_of(sketch)
    mask = inked(ink)
    if not mask.any():
        return 0.0
    middle = thinned(mask)
    across = cv2.boxFilter(ink * mask, -1, (3, 3), normalize=False) / 3  # ink of a pixel's neighbourhood, a px of line
    inner = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    widths = np.where(inner > 2, 2 * inner - 1, np.minimum(across, 2 * inner)) * np.where(inner > 2, ink, 1)
    return float(np.median(widths[middle]))


def with_pen(sketch: Sketch, width: float, least: float, most: float) -> Sketch:
    """(H, W) drawn by a pen of `width` -> by one no thinner than `least` and no wider than `most`."""
    if width > most:
        return _thinner(sketch, round((width - most) / 2 + 0.5), most)
    return _thicker(sketch, width, least) if 0 < width < least else sketch


def _thinner(sketch: Sketch, radius: int, width: float) -> Sketch:
    """Ink eaten from its rims by `radius`; of lines that would vanish the middle is left, `width` wide."""
    ink = strokes_of(sketch)
    middle = cv2.dilate(thinned(inked(ink)).astype(np.uint8), _disk(max(0, round((width - 1) / 2))))
    left = np.maximum(cv2.erode(ink, _disk(radius)), ink * (cv2.GaussianBlur(middle.astype(np.float32), (0, 0), 0.6)))
    return sketch_of(np.asarray(np.minimum(left, ink), np.float32))


def _thicker(sketch: Sketch, width: float, least: float) -> Sketch:
    """Faint hairlines: as dark as they would be `least` wide, then that wide."""
    ink = strokes_of(sketch)
    grown = np.asarray(cv2.dilate(ink, _disk(max(1, round((least - 1) / 2)))), np.float32)
    soft = cv2.GaussianBlur(grown, (0, 0), 0.6)
    darkest = float(np.percentile(ink[inked(ink)], 90))
    gain = min(1 / max(darkest, FAINTEST), least / width)
    return sketch_of(np.asarray(np.clip(np.maximum(soft, ink) * np.float32(gain), 0, 1), np.float32))


def inked(ink: NDArray[np.float32]) -> Mask:
    """Where there is ink rather than paper: by the darkness of the darker strokes."""
    seen = ink[ink > FAINTEST]
    return np.asarray(ink > max(FAINTEST, INK * float(np.percentile(seen, 90)))) if seen.size else ink > 1


def thinned(mask: Mask) -> Mask:
    thin = cv2.ximgproc.thinning(mask.astype(np.uint8) * 255, thinningType=cv2.ximgproc.THINNING_GUOHALL)  # type: ignore[attr-defined]
    return np.asarray(thin > 0)


def _disk(radius: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8)
