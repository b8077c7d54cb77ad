"""Lines beside other lines, pixel by pixel: thinned, then matched one to one within a reach."""

from typing import Any

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Indices = NDArray[np.int64]


def thinned(mask: Mask) -> Mask:
    """Lines of one pixel (Guo & Hall 1989), (H, W)."""
    return np.asarray(
        cv2.ximgproc.thinning(mask.astype(np.uint8) * 255, thinningType=cv2.ximgproc.THINNING_GUOHALL) > 0  # type: ignore[attr-defined]
    )


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
def _match(points: Indices, index: Indices, count: int, offsets: Indices) -> tuple[Indices, Indices]:
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
    seen, parent, visited = np.zeros(count, np.bool_), np.zeros(count, np.int64), np.zeros(count, np.int64)
    queue = np.zeros(len(points) + 1, np.int64)
    for root in range(len(points)):
        if of_point[root] >= 0:
            continue
        queue[0] = root
        end, touched = _search(points, index, offsets, of_truth, seen, parent, queue, visited)
        if end >= 0:
            seen[visited[:touched]] = False
            _take(root, end, parent, of_point, of_truth)
    return of_point, of_truth


@njit(cache=True)
def _search(
    points: Indices,
    index: Indices,
    offsets: Indices,
    of_truth: Indices,
    seen: Mask,
    parent: Indices,
    queue: Indices,
    visited: Indices,
) -> tuple[int, int]:
    """Breadth first from queue[0]: (the free true point that a path leads to, or -1; how many were visited)."""
    head, tail, touched = 0, 1, 0
    while head < tail:
        i = queue[head]
        head += 1
        for dy, dx in offsets:
            j = index[points[i, 0] + dy, points[i, 1] + dx]
            if j < 0 or seen[j]:
                continue
            seen[j], parent[j], visited[touched] = True, i, j
            touched += 1
            if of_truth[j] < 0:
                return j, touched
            queue[tail] = of_truth[j]
            tail += 1
    return -1, touched


@njit(cache=True)
def _take(root: int, end: int, parent: Indices, of_point: Indices, of_truth: Indices) -> None:
    """Every pair of the path from `root` to `end` changes partners."""
    while end >= 0:
        i = parent[end]
        before = of_point[i]
        of_point[i], of_truth[end] = end, i
        end = before if i != root else -1


def line_counts(detected: Mask, truth: Mask, reach_px: float) -> NDArray[np.int64]:
    """(detected that match, detected, true that are matched, true), px of lines that are one pixel wide."""
    of_detected, of_truth = matched(detected, truth, reach_px)
    return np.array([of_detected.sum(), detected.sum(), of_truth.sum(), truth.sum()], np.int64)


def precision_recall(counts: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of counts (..., 4): shares of what was detected and of what is true; 0 of nothing."""
    found, detected, hit, total = np.moveaxis(np.asarray(counts, np.float64), -1, 0)
    return found / np.maximum(detected, 1), hit / np.maximum(total, 1)


def f_measure(counts: NDArray[Any]) -> NDArray[np.float64]:
    """Harmonic mean of precision and recall of counts (..., 4)."""
    precision, recall = precision_recall(counts)
    return np.asarray(2 * precision * recall / np.maximum(precision + recall, 1e-12))
