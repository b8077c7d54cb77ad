"""Binary edge maps beside each other."""

import cv2
import numpy as np
from numpy.typing import NDArray


def edge_scores(edges: NDArray[np.bool_], truth: NDArray[np.bool_], tolerance_px: float) -> dict[str, float]:
    """Precision, recall, F of binary edge maps (H, W); a pixel counts within `tolerance_px` of the other map.

    Nothing predicted: precision 0 unless nothing is true, then both are 1.
    """
    if not edges.any() or not truth.any():
        same = float(edges.any() == truth.any())
        return {"precision": same, "recall": same, "f": same}
    precision = float((_distance(truth)[edges] <= tolerance_px).mean())
    recall = float((_distance(edges)[truth] <= tolerance_px).mean())
    return {"precision": precision, "recall": recall, "f": 2 * precision * recall / max(precision + recall, 1e-12)}


def _distance(edges: NDArray[np.bool_]) -> NDArray[np.float32]:
    return cv2.distanceTransform((~edges).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE).astype(np.float32)
