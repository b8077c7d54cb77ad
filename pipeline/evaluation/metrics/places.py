"""Where a face's parts are in our crops, as shares of the side: of `crop.eye_y` .48 and `crop.eye_distance` .27.

ours: placed by eye on 24 FFHQ crops. The cheeks' discs lie beside the nose, the forehead's between brows and hair.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from pipeline.drawing.face_prior import Eyes

Mask = NDArray[np.bool_]  # (S, S)

EYES = Eyes(0.48, 0.27)
SKIN = ((0.345, 0.66), (0.655, 0.66), (0.5, 0.34))  # middle x, y of both cheeks and of the forehead
SKIN_RADIUS = 0.04
FACE = (0.5, 0.60, 0.23, 0.33)  # ellipse from the upper forehead to the chin: middle x, y, half width, half height


def _ellipse(size: int, x: float, y: float, half_width: float, half_height: float) -> Mask:
    """Pixels whose middle lies within."""
    at = (np.arange(size) + 0.5) / size
    inside: Mask = ((at[None] - x) / half_width) ** 2 + ((at[:, None] - y) / half_height) ** 2 <= 1
    return inside


@cache
def skin_mask(size: int) -> Mask:
    """Cheeks and forehead of a crop of `size` px."""
    discs = [_ellipse(size, x, y, SKIN_RADIUS, SKIN_RADIUS) for x, y in SKIN]
    inside: Mask = np.logical_or.reduce(discs)
    return inside


@cache
def face_mask(size: int) -> Mask:
    """The face without hair, ears and neck."""
    return _ellipse(size, *FACE)
