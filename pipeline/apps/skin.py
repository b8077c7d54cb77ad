"""A photo's skin in the colour of another's: albedo apart from light, as far as one factor a channel goes.

Reinhard et al. (2001) move a picture's mean colour to another's; here it is the skin's, and skin alone follows.
Of OpenCV it asks for nothing that the package without contrib has not.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.polarity import Photo, to_uint8, unit
from pipeline.drawing.face_prior import Eyes
from pipeline.evaluation.metrics.places import FACE, USUAL, skin_mask

Colour = NDArray[np.float32]  # (3,) sRGB in [0, 1]

SHADES, HUES = 0.6, 14.0  # ours: how far skin's L* is from its median, a share of it, and its a* and b*
TONES = {"light": (216, 184, 160), "medium": (160, 120, 88), "dark": (96, 65, 52)}  # ours, by eye, on eight faces
GRAY = 0.03  # ours: channels of skin differ by more, .12 and up in 20 photos of FFHQ
NONE, ALL = 0.1, 0.5  # ours: less alike is no skin, more is skin through and through
NEAR, FAR = 1.5, 1.8  # ours: within and beyond which ellipse, of the face's, all and nothing can be skin
SMOOTH = 0.02  # ours: radius of the edge-preserving blur of what is skin, a share of the side
EDGE = 1e-3  # its regularisation, of a photo in [0, 1]
ROUNDS = 3  # ours: what is clipped and what is not quite skin move the mean
MOST = 4.0  # a factor's bounds: 1/4 to 4


def skin_of(photo: Photo, eyes: Eyes = USUAL) -> Colour:
    """Mean colour of cheeks and forehead of a crop (S, S, 3)."""
    return np.asarray(unit(photo[skin_mask(len(photo), eyes)]).mean(0))


def has_colour(skin: Colour) -> bool:
    """Whether it is of a photo in colours: paper and black-and-white photos have none."""
    return bool(np.ptp(skin) > GRAY)


def with_skin(photo: Photo, colour: Colour, eyes: Eyes = USUAL) -> Photo:
    """A crop (S, S, 3) with the skin's mean colour, shades, lips and all else as they were."""
    mask = skin_mask(len(photo), eyes)
    made = unit(photo)
    share = _skin(made, mask, eyes)[..., None]
    for _ in range(ROUNDS):
        factor = np.clip(_linear(colour) / np.maximum(_linear(made[mask].mean(0)), 1e-4), 1 / MOST, MOST)
        made = _encoded(np.clip(_linear(made) * (1 + share * (factor - 1)), 0, 1))
    return to_uint8(made)


def _skin(photo: NDArray[np.float32], mask: NDArray[np.bool_], eyes: Eyes) -> NDArray[np.float32]:
    """How much each pixel is skin, (S, S) in [0, 1]: by its colour, beside cheeks and forehead, and its place."""
    lab = cv2.cvtColor(photo, cv2.COLOR_RGB2LAB)
    usual = np.median(lab[mask], axis=0)
    far = (lab - usual) / np.array([max(1, SHADES * usual[0]), HUES, HUES], np.float32)
    alike = np.clip((np.exp(-0.5 * (far**2).sum(-1)) - NONE) / (ALL - NONE), 0, 1) * _place(len(photo), eyes)
    return np.clip(_guided(alike, photo.mean(-1), 2 * max(1, round(SMOOTH * len(photo))) + 1), 0, 1)


def _guided(values: NDArray[np.float32], guide: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Values (H, W) blurred over boxes of `side` px, but not over edges of the guide: He et al. 2013, Algorithm 1."""

    def mean(array: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(cv2.blur(array, (side, side)), np.float32)

    slope = (mean(guide * values) - mean(guide) * mean(values)) / (mean(guide**2) - mean(guide) ** 2 + np.float32(EDGE))
    return mean(slope) * guide + mean(mean(values) - slope * mean(guide))


def _place(side: int, eyes: Eyes) -> NDArray[np.float32]:
    """1 in the face, 0 far off it, above all; below it, where the neck is, 1."""
    u, v, half_width, half_height = FACE
    at = (np.arange(side, dtype=np.float32) + 0.5) / side
    across = ((at - 0.5) / eyes.eye_distance - u) / half_width
    down = np.minimum(((at - eyes.eye_y) / eyes.eye_distance - v) / half_height, 0)
    far = np.hypot(across[None], down[:, None])
    return np.clip((FAR - far) / (FAR - NEAR), 0, 1)


def _linear(colour: NDArray[np.float32]) -> NDArray[np.float32]:
    """SRGB -> linear light (IEC 61966-2-1)."""
    return np.asarray(np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4), np.float32)


def _encoded(light: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055), np.float32)
