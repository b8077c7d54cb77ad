"""Where a face's parts are in our crops, in distances of the pupils from the middle between them.

ours: placed by eye on 24 FFHQ crops. The cheeks' discs lie beside the nose, the forehead's between brows and hair.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from pipeline.core.dataset import Split
from pipeline.drawing.face_prior import Eyes

Mask = NDArray[np.bool_]  # (S, S)

USUAL = Eyes(0.48, 0.27)  # where packed data does not tell: the values of params.yaml
SKIN = ((-0.57, 0.67), (0.57, 0.67), (0, -0.52))  # middle u, v of both cheeks and of the forehead
SKIN_RADIUS = 0.15
FACE = (0, 0.44, 0.85, 1.22)  # ellipse from the upper forehead to the chin: middle u, v, half width, half height


def eyes_of(split: Split, face: str = "") -> Eyes:
    """Where its crops have the eyes; where this face has them, if it was framed otherwise."""
    crop = split.made_with.get("photo", {})
    usual = crop.get("eye_y", USUAL.eye_y), crop.get("eye_distance", USUAL.eye_distance)
    return Eyes(*split.eyes.get(face, usual))


def _ellipse(size: int, eyes: Eyes, u: float, v: float, half_width: float, half_height: float) -> Mask:
    """Pixels whose middle lies within."""
    at = (np.arange(size) + 0.5) / size
    across, down = (at - 0.5) / eyes.eye_distance, (at - eyes.eye_y) / eyes.eye_distance
    inside: Mask = ((across[None] - u) / half_width) ** 2 + ((down[:, None] - v) / half_height) ** 2 <= 1
    return inside


@cache
def skin_mask(size: int, eyes: Eyes) -> Mask:
    """Cheeks and forehead of a crop of `size` px."""
    discs = [_ellipse(size, eyes, u, v, SKIN_RADIUS, SKIN_RADIUS) for u, v in SKIN]
    inside: Mask = np.logical_or.reduce(discs)
    return inside


@cache
def face_mask(size: int, eyes: Eyes) -> Mask:
    """The face without hair, ears and neck."""
    return _ellipse(size, eyes, *FACE)
