"""One line of a drawing as points, widths and pressures. All lengths are pixels of the image at hand."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

PRESSURE_STEPS = 2.0  # ours: standard deviation, in points, of the smoothing of a stroke's pressure


@dataclass(frozen=True)
class Stroke:
    """One line of a drawing."""

    points: NDArray[np.float32]  # (n, 2) x, y, px
    widths: NDArray[np.float32]  # (n,) px
    pressures: NDArray[np.float32]  # (n,) darkness of the ink, 1 = black

    @classmethod
    def even(cls, points: NDArray[np.float32], widths: NDArray[np.float32]) -> "Stroke":
        """Black all along."""
        return cls(points, widths, np.ones(len(widths), np.float32))

    @property
    def length(self) -> float:
        return float(np.linalg.norm(np.diff(self.points, axis=0), axis=1).sum())


def pressed(strokes: Sequence[Stroke], ink: NDArray[np.float32], lightest: float) -> list[Stroke]:
    """Strokes as dark as the ink (H, W) under them, 0 = none, 1 = black; none is lighter than `lightest`."""
    return [_pressed(stroke, ink, np.float32(lightest)) for stroke in strokes]


def _pressed(stroke: Stroke, ink: NDArray[np.float32], lightest: np.float32) -> Stroke:
    at = stroke.points[:, None]
    found = cv2.remap(ink, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0]
    even = gaussian_filter1d(np.clip(found, 0, 1), PRESSURE_STEPS, mode="nearest")
    return replace(stroke, pressures=(lightest + (1 - lightest) * even).astype(np.float32))


def smooth(strokes: Sequence[Stroke], sigma: float, min_length: float, step: float) -> list[Stroke]:
    """Strokes longer than `min_length`, smoothed along their length, ends kept, one point every `step`."""
    return [_smooth(stroke, sigma, step) for stroke in strokes if stroke.length >= min_length]


def _smooth(stroke: Stroke, sigma: float, step: float) -> Stroke:
    dense = resample(stroke, 1.0)
    n = len(dense.points)
    reach = min(n - 1, int(4 * sigma) + 1)
    points = dense.points.astype(np.float64)
    before = 2 * points[0] - points[reach:0:-1]
    after = 2 * points[-1] - points[-2 : -reach - 2 : -1]
    longer = gaussian_filter1d(np.concatenate([before, points, after]), sigma, axis=0)[reach : reach + n]
    widths = gaussian_filter1d(dense.widths, 2 * sigma, mode="nearest")
    return resample(Stroke(longer.astype(np.float32), widths, dense.pressures), step)


def resample(stroke: Stroke, step: float) -> Stroke:
    """The same line with points about `step` apart, ends kept."""
    steps = stroke.points[1:] - stroke.points[:-1]
    along = np.concatenate([[0], np.cumsum(np.sqrt((steps * steps).sum(1)))])
    at = np.linspace(0, along[-1], max(2, round(along[-1] / step) + 1))
    x, y, w, p = (np.interp(at, along, v) for v in (*stroke.points.T, stroke.widths, stroke.pressures))
    return Stroke(np.stack([x, y], 1).astype(np.float32), w.astype(np.float32), p.astype(np.float32))


def resized(stroke: Stroke, factor: float) -> Stroke:
    """The stroke of an image whose sides are `factor` times as long; pixel centres lie at whole numbers."""
    points = ((stroke.points + 0.5) * factor - 0.5).astype(np.float32)
    return replace(stroke, points=points, widths=(stroke.widths * factor).astype(np.float32))
