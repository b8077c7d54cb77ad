"""How rough a drawing is: whether its lines are single, or searched for by many strokes, hatched and smudged."""

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.polarity import Sketch, strokes_of
from pipeline.drawing.pen_width import inked, thinned

CLOSE_PX = 5  # ours: strokes nearer than this, at a 256-px face, search for one line


def roughness(sketch: Sketch, scale: float) -> float:
    """(H, W), `scale` px a px of a 256-px face -> share of its length of line that is one line drawn again, in [0, 1].

    What is left where strokes near to each other are joined is what one line would be. 0 of blank paper.
    """
    mask = inked(strokes_of(sketch))
    if not mask.any():
        return 0.0
    side = max(3, round(CLOSE_PX * scale) | 1)
    joined = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, _ring(side)) > 0
    before, after = int(thinned(mask).sum()), int(thinned(np.asarray(joined)).sum())
    return max(0.0, 1 - after / max(1, before))


def _ring(side: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)
