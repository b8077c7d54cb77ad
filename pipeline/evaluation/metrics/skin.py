"""Skin: the mean colour of cheeks and forehead, generated beside true."""

import numpy as np
from numpy.typing import NDArray
from skimage.color import rgb2lab

from pipeline.core.polarity import Photo, unit
from pipeline.drawing.face_prior import Eyes
from pipeline.evaluation.metrics.places import skin_mask


def skin_colour(photo: Photo, eyes: Eyes) -> NDArray[np.float64]:
    """Crop (S, S, 3) -> CIE L*a*b* (D65) of the mean sRGB over both cheeks and the forehead."""
    mean = unit(photo[skin_mask(len(photo), eyes)]).mean(0, dtype=np.float64)
    return np.asarray(rgb2lab(mean), np.float64)  # type: ignore[no-untyped-call]


def skin_scores(photo: Photo, generated: Photo, eyes: Eyes) -> dict[str, float]:
    """skin_de: CIE76, the Euclidean distance in L*a*b*; skin_light: the true L*; skin_lighter: made L* - true L*."""
    true, made = skin_colour(photo, eyes), skin_colour(generated, eyes)
    return {
        "skin_de": float(np.linalg.norm(made - true)),
        "skin_light": float(true[0]),
        "skin_lighter": float(made[0] - true[0]),
    }
