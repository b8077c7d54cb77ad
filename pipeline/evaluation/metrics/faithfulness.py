"""Whether a generated photo, and the calibrated strokes it is made of, show what the drawing says."""

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.polarity import Photo, luminance, strokes_of, unit
from pipeline.drawing.scale import face_scale
from pipeline.evaluation.metrics.edges import edge_scores

INK = 0.5  # darker is a stroke
SIGMA_PX, LOW, HIGH = 1.5, 30, 80  # ours: plain Canny at a face of 256 px, one yardstick whatever the nets learn from
FINENESS = 8  # gradients are kept to an eighth of a gray level


def faithfulness(drawing: NDArray[np.uint8], generated: Photo, tolerance_px: float) -> dict[str, float]:
    """Sketch (S, S), 255 = paper, and the photo made of it (S, S, 3).

    faithful_precision: share of the photo's edges with a stroke within `tolerance_px`; faithful_recall: share of the
    strokes' pixels with an edge as near.
    """
    found = edge_scores(photo_edges(generated), _ink(drawing), tolerance_px)
    return {"faithful_precision": found["precision"], "faithful_recall": found["recall"]}


def strokes_kept(drawing: NDArray[np.uint8], refined: NDArray[np.bool_], tolerance_px: float) -> dict[str, float]:
    """Sketch (S, S), 255 = paper, and what calibration drew of it (S, S), True = ink.

    kept_precision: share of what is drawn with a stroke within `tolerance_px`; kept_recall: share of the strokes'
    pixels with calibrated ink as near. The lower, the further R leaves the drawing.
    """
    found = edge_scores(refined, _ink(drawing), tolerance_px)
    return {"kept_precision": found["precision"], "kept_recall": found["recall"]}


def _ink(drawing: NDArray[np.uint8]) -> NDArray[np.bool_]:
    ink: NDArray[np.bool_] = strokes_of(unit(drawing)) > INK
    return ink


def photo_edges(photo: Photo) -> NDArray[np.bool_]:
    """Canny (1986) with fixed thresholds on the gray photo, L2 gradient: (S, S, 3) -> (S, S)."""
    scale = face_scale(photo.shape[:2])
    smooth = cv2.GaussianBlur(luminance(photo), (0, 0), SIGMA_PX * scale)
    dx, dy = (
        np.rint(cv2.Sobel(smooth, cv2.CV_32F, *along, scale=255 * scale * FINENESS)).astype(np.int16)
        for along in ((1, 0), (0, 1))
    )
    return cv2.Canny(dx, dy, LOW * FINENESS, HIGH * FINENESS, L2gradient=True) > 0
