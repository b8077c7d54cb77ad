"""How wide a drawing's pen is, and the same drawing by a pen of another width. Widths are px of the image at hand."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.polarity import Sketch, Strokes, sketch_of, strokes_of

INK = 0.4  # ours: of the darkest strokes' darkness, from which on a pixel is ink
FAINTEST = 0.04  # ours: paper is no darker
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Lines:
    """What is drawn on (H, W)."""

    ink: Strokes
    mask: Mask  # where there is ink rather than paper
    middle: Mask  # the same, thinned to lines of one pixel

    @cached_property
    def inner(self) -> NDArray[np.float32]:
        """How far the paper is from each pixel of ink, px; 0 on paper."""
        return np.asarray(cv2.distanceTransform(self.mask.astype(np.uint8), cv2.DIST_L2, 5), np.float32)


def lines_of(sketch: Sketch) -> Lines:
    """The lines of (H, W); none of blank paper."""
    ink = strokes_of(sketch)
    mask = _inked(ink)
    return Lines(ink, mask, _thinned(mask))


def pen_width(lines: Lines) -> float:
    """Median width, each as wide as a black line with as much ink; 0 of none."""
    if not lines.mask.any():
        return 0.0
    around = cv2.boxFilter(lines.ink * lines.mask, -1, (3, 3), normalize=False)
    ink, inner = lines.ink[lines.middle], lines.inner[lines.middle]
    across = around[lines.middle] / 3  # of a px of the line and what is beside it
    return float(np.median(np.where(inner > 2, (2 * inner - 1) * ink, np.minimum(across, 2 * inner))))


def with_pen(lines: Lines, width: float, least: float, most: float) -> Sketch:
    """What a pen of `width` drew -> the same by one no thinner than `least` and no wider than `most`."""
    if width > most:
        return _thinner(lines, round((width - most) / 2 + 0.5), most)
    return _thicker(lines, width, least) if 0 < width < least else sketch_of(lines.ink)


def _thinner(lines: Lines, radius: int, width: float) -> Sketch:
    """Ink eaten from its rims by `radius`; of lines that would vanish the middle is left, `width` wide."""
    middle = cv2.dilate(lines.middle.astype(np.uint8), _disk(max(0, round((width - 1) / 2))))
    kept = lines.ink * cv2.GaussianBlur(middle.astype(np.float32), (0, 0), 0.6)
    left = np.maximum(cv2.erode(lines.ink, _disk(radius)), kept)
    return sketch_of(np.asarray(np.minimum(left, lines.ink), np.float32))


def _thicker(lines: Lines, width: float, least: float) -> Sketch:
    """Faint hairlines: as dark as they would be `least` wide, and that wide."""
    grown = np.asarray(cv2.dilate(lines.ink, _disk(max(1, round((least - 1) / 2)))), np.float32)
    soft = np.maximum(cv2.GaussianBlur(grown, (0, 0), 0.6), lines.ink)
    darkest = float(np.percentile(lines.ink[lines.mask], 90))
    gain = np.float32(min(1 / max(darkest, FAINTEST), least / width))
    return sketch_of(np.asarray(np.clip(soft * gain, 0, 1), np.float32))


def _inked(ink: NDArray[np.float32]) -> Mask:
    """Where there is ink rather than paper: by the darkness of the darker strokes."""
    seen = ink[ink > FAINTEST]
    return np.asarray(ink > max(FAINTEST, INK * float(np.percentile(seen, 90)))) if seen.size else ink > 1


def _thinned(mask: Mask) -> Mask:
    """To lines of one pixel (Guo and Hall 1989): what OpenCV's thinning gives, in a third of the time.

    Only pixels are looked at whose neighbours went since they were looked at last.
    """
    row = mask.shape[1] + 2
    around = np.array([-row, 1 - row, 1, row + 1, row, row - 1, -1, -row - 1])  # from above, clockwise
    left = np.pad(mask, 1)
    rim = left & (cv2.erode(left.view(np.uint8), np.ones((3, 3), np.uint8)) == 0)
    ink, free = left.ravel(), np.pad(mask[1:-1, 1:-1], 2).ravel()  # the image's border stays
    changed, kept = [rim.ravel(), rim.ravel().copy()], 0
    while kept < 2:  # passes without a change
        for sides, goes in zip(changed, GOES, strict=True):
            places = np.flatnonzero(sides & free)
            sides[:] = False
            codes = np.packbits(ink[places[:, None] + around], axis=1, bitorder="little")[:, 0]
            gone = places[goes[codes]]
            ink[gone] = free[gone] = False
            kept = 0 if len(gone) else kept + 1
            beside = (gone[:, None] + around).ravel()
            for one in changed:
                one[beside] = True
    return left[1:-1, 1:-1]


def _goes() -> NDArray[np.bool_]:
    """Whether a pixel goes, by the eight around it, first above, clockwise, as bits; in each of the two passes."""
    p2, p3, p4, p5, p6, p7, p8, p9 = (np.arange(256) >> np.arange(8)[:, None] & 1).astype(bool)
    turns = [~p2 & (p3 | p4), ~p4 & (p5 | p6), ~p6 & (p7 | p8), ~p8 & (p9 | p2)]
    pairs = [p9 | p2, p3 | p4, p5 | p6, p7 | p8], [p2 | p3, p4 | p5, p6 | p7, p8 | p9]
    beside = np.minimum(*(np.sum(some, 0) for some in pairs))
    ends = np.stack([(p6 | p7 | ~p9) & p8, (p2 | p3 | ~p5) & p4])
    return np.asarray((np.sum(turns, 0) == 1) & (beside >= 2) & (beside <= 3) & ~ends)


GOES = _goes()


def _disk(radius: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8)
