"""Soft contours by classical means: the named stand-in for a learned holistic edge detector.

Gaussian derivatives of every colour channel over a range of scales (Lindeberg 1998), each scale
normalised, thinned to no width at all, then combined: thick, soft, complete outlines.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.polarity import Edges, Photo, unit
from pipeline.drawing.scale import face_scale

SCALES_PX = (1.5, 3.0, 4.5)  # ours: at a 256-px face, from the lips' width to the hair's
STRONG = 97.0  # ours: percentile of the gradient that counts as a full contour


def soft_edges(photo: Photo, floor: float, spread_px: float) -> Edges:
    """Photo (H, W, 3) -> Edges (H, W): 1 on strong contours, falling off over `spread_px` at 256; blank -> 0.

    Gradients below `floor` of the strong ones are texture and vanish.
    """
    scale = face_scale(photo.shape)
    image = unit(photo)
    strength = np.mean([_gradient(image, sigma * scale) for sigma in SCALES_PX], axis=0)
    strong = float(np.percentile(strength, STRONG))
    if strong < 1e-3:  # ours: less contrast than a gray level in ten pixels is no contour
        return Edges(np.zeros(photo.shape[:2], np.float32))
    kept = np.clip((strength / strong - floor) / (1 - floor), 0, 1).astype(np.float32)
    soft = cv2.GaussianBlur(kept, (0, 0), max(0.5, spread_px * scale))
    return Edges(np.clip(np.maximum(soft, kept) ** 0.7, 0, 1).astype(np.float32))  # ours: 0.7 lifts the middle tones


def _gradient(image: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Scale-normalised gradient magnitude of the strongest channel, (H, W, 3) -> (H, W)."""
    smooth = cv2.GaussianBlur(image, (0, 0), max(0.6, sigma))
    dx, dy = cv2.Scharr(smooth, cv2.CV_32F, 1, 0), cv2.Scharr(smooth, cv2.CV_32F, 0, 1)
    return np.asarray(np.hypot(dx, dy).max(axis=2) * np.float32(max(0.6, sigma) / 32), np.float32)
