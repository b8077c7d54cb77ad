"""Boundaries drawn by people (BSDS500), and the field's protocol for those who detect them.

Martin, Fowlkes, Malik 2004; Arbelaez et al. 2011: a detector's map is thinned, thresholded, and matched one to one
with each annotator's boundaries, within 0.0075 of the image's diagonal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat

from pipeline.core.errors import UserError
from pipeline.core.image_io import import_photo
from pipeline.core.polarity import Edges, Photo
from pipeline.helpers.line_matching import Mask, f_measure, matched, precision_recall, thinned

TOLERANCE = 0.0075  # of the diagonal
SMOOTH_SIGMA_PX = 0.7  # as a triangle of radius 1, which the field's scripts put before the thinning
ORIENTATION_SIGMA_PX = 2.0  # as a triangle of radius 4 (Dollar & Zitnick 2015)
RIDGE_SLACK = 1.01  # a ridge may be this much weaker than its neighbour (the same)
BORDER_PX = 5  # detections fade out so near the border (the same)


@dataclass(frozen=True)
class Annotated:
    """One photo and the boundaries of each annotator, (H, W) each."""

    id: str
    photo: Photo
    boundaries: tuple[Mask, ...]


def annotated_ids(folder: Path, split: str) -> list[str]:
    """Names of one split of a BSDS500 folder. Raises UserError where there are none."""
    ids = sorted(path.stem for path in (folder / "groundTruth" / split).glob("*.mat"))
    if not ids:
        raise UserError(f"{folder}: no groundTruth/{split}/*.mat; lay BSDS500 out as images/, groundTruth/, or name it")
    return ids


def read_annotated(folder: Path, split: str, name: str) -> Annotated:
    """One photo with its annotators. Raises UserError for files that are not BSDS500's."""
    path = folder / "groundTruth" / split / f"{name}.mat"
    try:
        cells = loadmat(path)["groundTruth"].ravel()
        boundaries = tuple(np.asarray(cell["Boundaries"][0, 0]) > 0 for cell in cells)
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise UserError(f"{path}: not a ground truth of BSDS500 ({error})") from error
    return Annotated(name, import_photo(folder / "images" / split / f"{name}.jpg"), boundaries)


def ridges(edges: Edges) -> Edges:
    """Non-maximum suppression: (H, W) -> the same where it is largest across the line, else 0; faded at the border."""
    soft = cv2.GaussianBlur(edges, (0, 0), SMOOTH_SIGMA_PX).astype(np.float32)
    smooth = cv2.GaussianBlur(soft, (0, 0), ORIENTATION_SIGMA_PX)
    xx, yy, xy = (cv2.Sobel(smooth, cv2.CV_32F, *order, ksize=5) for order in ((2, 0), (0, 2), (1, 1)))
    across = 0.5 * np.arctan2(2 * xy, xx - yy) + np.pi / 2  # where the second derivative is most negative
    ys, xs = np.mgrid[: edges.shape[0], : edges.shape[1]].astype(np.float32)
    dx, dy = np.cos(across).astype(np.float32), np.sin(across).astype(np.float32)
    beside = [
        cv2.remap(soft, xs + way * dx, ys + way * dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for way in (-1, 1)
    ]
    kept = soft * (soft * np.float32(RIDGE_SLACK) >= np.maximum(*beside))
    h, w = edges.shape
    inside = np.minimum(np.minimum(xs, w - 1 - xs), np.minimum(ys, h - 1 - ys))
    return Edges((kept * np.clip(inside / BORDER_PX, 0, 1)).astype(np.float32))


def counts(detected: Mask, truths: Sequence[Mask]) -> NDArray[np.int64]:
    """(detected that match any annotator, detected, annotated that are matched, annotated) for one binary map."""
    reach = TOLERANCE * float(np.hypot(*detected.shape))
    any_match, hit, total = np.zeros_like(detected), 0, 0
    for truth in truths:
        of_detected, of_truth = matched(detected, truth, reach)
        any_match |= of_detected
        hit, total = hit + int(of_truth.sum()), total + int(truth.sum())
    return np.array([any_match.sum(), detected.sum(), hit, total], np.int64)


def counts_by_threshold(thin: Edges, truths: Sequence[Mask], thresholds: int) -> NDArray[np.int64]:
    """`counts` of a thinned map at `thresholds` levels between 0 and 1, (thresholds, 4)."""
    levels = np.arange(1, thresholds + 1) / (thresholds + 1)
    return np.stack([counts(thinned(thin >= level), truths) for level in levels])


def summary(rows: NDArray[np.int64]) -> dict[str, float]:
    """Counts (images, thresholds, 4) -> ODS and its precision, recall and threshold, OIS, AP."""
    over_all = rows.sum(0)
    f, (precision, recall) = f_measure(over_all), precision_recall(over_all)
    best = int(f.argmax())
    own = rows[np.arange(len(rows)), f_measure(rows).argmax(1)].sum(0)
    return {
        "n": len(rows),
        "ods": float(f[best]),
        "precision": float(precision[best]),
        "recall": float(recall[best]),
        "threshold": (best + 1) / (len(f) + 1),
        "ois": float(f_measure(own)),
        "ap": average_precision(precision, recall),
    }


def average_precision(precision: NDArray[np.float64], recall: NDArray[np.float64]) -> float:
    """Mean of the precision interpolated at recalls 0, 0.01, …, 1; 0 beyond what is reached."""
    order = np.argsort(recall)
    at = np.interp(np.linspace(0, 1, 101), recall[order], precision[order], left=0, right=0)
    return float(at.mean())
