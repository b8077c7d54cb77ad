"""Boundaries drawn by people (BSDS500), and the field's protocol for those who detect them.

Martin, Fowlkes, Malik 2004; Arbelaez et al. 2011: a detector's map is thinned, thresholded, and matched one to one
with each annotator's boundaries, within 0.0075 of the image's diagonal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.io import loadmat

from pipeline.core.errors import UserError
from pipeline.core.image_io import import_photo
from pipeline.core.polarity import Edges, Photo

Mask = NDArray[np.bool_]
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
    edges = cv2.GaussianBlur(edges, (0, 0), SMOOTH_SIGMA_PX).astype(np.float32)
    smooth = cv2.GaussianBlur(edges, (0, 0), ORIENTATION_SIGMA_PX)
    xx, yy, xy = (cv2.Sobel(smooth, cv2.CV_32F, *order, ksize=5) for order in ((2, 0), (0, 2), (1, 1)))
    across = 0.5 * np.arctan2(2 * xy, xx - yy) + np.pi / 2  # where the second derivative is most negative
    ys, xs = np.mgrid[: edges.shape[0], : edges.shape[1]].astype(np.float32)
    dx, dy = np.cos(across).astype(np.float32), np.sin(across).astype(np.float32)
    beside = [
        cv2.remap(edges, xs + way * dx, ys + way * dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for way in (-1, 1)
    ]
    kept = edges * (edges * np.float32(RIDGE_SLACK) >= np.maximum(*beside))
    h, w = edges.shape
    inside = np.minimum(np.minimum(xs, w - 1 - xs), np.minimum(ys, h - 1 - ys))
    return (kept * np.clip(inside / BORDER_PX, 0, 1)).astype(np.float32)


def thinned(mask: Mask) -> Mask:
    """Lines of one pixel (Guo & Hall 1989)."""
    return cv2.ximgproc.thinning(mask.astype(np.uint8) * 255, thinningType=cv2.ximgproc.THINNING_GUOHALL) > 0  # type: ignore[attr-defined]


def matched(detected: Mask, truth: Mask, reach_px: float) -> tuple[Mask, Mask]:
    """Largest one-to-one matching of pixels at most `reach_px` apart: which of either (H, W) are in it."""
    radius = int(reach_px)
    ys, xs = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    offsets = np.stack([ys.ravel(), xs.ravel()], 1)
    distance = np.hypot(offsets[:, 0], offsets[:, 1])
    offsets = offsets[np.argsort(distance, kind="stable")][: int((distance <= reach_px).sum())]
    found = [np.argwhere(mask) + radius for mask in (detected, truth)]
    index = np.full((detected.shape[0] + 2 * radius, detected.shape[1] + 2 * radius), -1, np.int64)
    index[found[1][:, 0], found[1][:, 1]] = np.arange(len(found[1]))
    partners = _match(found[0], index, len(found[1]), offsets)
    masks = (np.zeros_like(detected), np.zeros_like(truth))
    for mask, points, partner in zip(masks, found, partners, strict=True):
        mask[points[:, 0] - radius, points[:, 1] - radius] = partner >= 0
    return masks


@njit(cache=True)
def _match(points: NDArray, index: NDArray, count: int, offsets: NDArray) -> tuple[NDArray, NDArray]:
    """Partners of the detected points and of the true ones, -1: none. Nearest first, then augmenting paths.

    What a search that failed has seen can be in no later path either, so it is never looked at again.
    """
    of_point, of_truth = np.full(len(points), -1, np.int64), np.full(count, -1, np.int64)
    for dy, dx in offsets:
        for i in range(len(points)):
            if of_point[i] < 0:
                j = index[points[i, 0] + dy, points[i, 1] + dx]
                if j >= 0 and of_truth[j] < 0:
                    of_point[i], of_truth[j] = j, i
    seen, parent = np.zeros(count, np.bool_), np.zeros(count, np.int64)
    queue, visited = np.zeros(len(points) + 1, np.int64), np.zeros(count, np.int64)
    for root in range(len(points)):
        if of_point[root] >= 0:
            continue
        queue[0], head, tail, touched, end = root, 0, 1, 0, -1
        while head < tail and end < 0:
            i = queue[head]
            head += 1
            for dy, dx in offsets:
                j = index[points[i, 0] + dy, points[i, 1] + dx]
                if j < 0 or seen[j]:
                    continue
                seen[j], parent[j], visited[touched] = True, i, j
                touched += 1
                if of_truth[j] < 0:
                    end = j
                    break
                queue[tail] = of_truth[j]
                tail += 1
        if end >= 0:
            for k in range(touched):
                seen[visited[k]] = False
            while end >= 0:
                i = parent[end]
                before = of_point[i]
                of_point[i], of_truth[end] = end, i
                end = before if i != root else -1
    return of_point, of_truth


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


def f_measure(rows: NDArray) -> NDArray[np.float64]:
    """Harmonic mean of precision and recall of counts (..., 4)."""
    precision, recall = _precision_recall(rows)
    return 2 * precision * recall / np.maximum(precision + recall, 1e-12)


def _precision_recall(rows: NDArray) -> tuple[NDArray, NDArray]:
    found, detected, hit, total = np.moveaxis(np.asarray(rows, np.float64), -1, 0)
    return found / np.maximum(detected, 1), hit / np.maximum(total, 1)


def summary(rows: NDArray[np.int64]) -> dict[str, float]:
    """Counts (images, thresholds, 4) -> ODS and its precision, recall and threshold, OIS, AP."""
    over_all = rows.sum(0)
    f, (precision, recall) = f_measure(over_all), _precision_recall(over_all)
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


def average_precision(precision: NDArray, recall: NDArray) -> float:
    """Mean of the precision interpolated at recalls 0, 0.01, …, 1; 0 beyond what is reached."""
    order = np.argsort(recall)
    at = np.interp(np.linspace(0, 1, 101), recall[order], precision[order], left=0, right=0)
    return float(at.mean())
