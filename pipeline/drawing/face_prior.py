"""Where the face is in an aligned crop, and by how much its contrast is to be raised there.

Crops put the eyes of every face at one place (params `crop.eye_y`, `crop.eye_distance`), so no net and no face points
are asked. Numbers that say so were chosen on half of 700 photos in natural light (docs/results.md).
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated

import cv2
import numpy as np

from pipeline.core.allowed import Range
from pipeline.core.layout import Layout
from pipeline.core.manifest import read_faces
from pipeline.core.params import build, params_path, read_yaml
from pipeline.core.polarity import Gray
from pipeline.drawing.scale import face_scale

CENTRE_Y = 0.61  # ours: middle of the face below the eyes, in distances of the pupils; set by eye
RADII = (1.33, 1.45)  # ours: half width and height in them; brows, eyes, nose and mouth of the 700 lie within
SOFTNESS = 0.25  # ours: the weight falls from 1 to 0 within this share of the radii, inwards and outwards
CONTRAST = 0.25  # ours: deviation that gain raises a neighbourhood to; lower loses lips and shaded eyes
FLAT = 0.07  # ours: added to a neighbourhood's own, so that the noise of smooth skin is hardly raised
REACH_PX = 14.0  # ours: sigma of the neighbourhood's Gaussian at a 256-px face


@dataclass(frozen=True)
class Eyes:
    """Where crop puts the eyes, in shares of the side: keys `crop.eye_y` and `crop.eye_distance`."""

    eye_y: Annotated[float, Range(least=0.1, most=0.9)]
    eye_distance: Annotated[float, Range(least=0.05, most=0.9)]


def eyes_of_crops() -> Eyes:
    """As params.yaml has them. Raises ParamsError."""
    found = read_yaml(params_path()).get("crop")
    keys = ("eye_y", "eye_distance")
    return build(Eyes, {k: found[k] for k in keys if k in found} if isinstance(found, dict) else found, "crop")


def placed_eyes(layout: Layout, face: str, otherwise: Eyes) -> Eyes:
    """Where a face of faces.csv has its eyes: as crop.framings put them, `otherwise` where it did not."""
    path = layout.faces / "faces.csv"
    return _framed(layout, path.stat().st_mtime_ns if path.exists() else 0).get(face, otherwise)


@lru_cache(maxsize=4)
def _framed(layout: Layout, changed: int) -> dict[str, Eyes]:
    """Of the faces that are framed another way, by id; `changed`: when the list was, so that no old one is taken."""
    faces = read_faces(layout) if changed else []
    return {face.id: Eyes(*face.eyes) for face in faces if face.eyes}


def face_prior(shape: tuple[int, ...], eyes: Eyes) -> Gray:
    """How sure a pixel of a crop is of the face without its hair: (H, W) in [0, 1], a soft ellipse.

    Forehead, ears and chin lie on its rim.
    """
    height, width = shape[:2]
    distance = eyes.eye_distance * min(height, width)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    middle = eyes.eye_y * height + CENTRE_Y * distance
    radius = np.hypot((x - (width - 1) / 2) / (RADII[0] * distance), (y - middle) / (RADII[1] * distance))
    inside = np.clip((1 + SOFTNESS - radius) / (2 * SOFTNESS), 0, 1)
    return np.asarray(inside * inside * (3 - 2 * inside), np.float32)


def local_gain(gray: Gray) -> Gray:
    """By how much to raise the gradients of gray, (H, W) in [0, 1], so that contrast is alike everywhere; at least 1.

    CONTRAST over the standard deviation within a Gaussian window, after local contrast normalisation.
    """
    reach = REACH_PX * face_scale(gray.shape)
    off = gray - cv2.GaussianBlur(gray, (0, 0), reach)
    deviation = np.sqrt(cv2.GaussianBlur(off * off, (0, 0), reach))
    return np.asarray(np.maximum(1, CONTRAST / (deviation + FLAT)), np.float32)
