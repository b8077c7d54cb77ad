"""Tones to choose from: styles of the training photos, by how light their skin and hair are, and some drawn at random.

They hold colours and light alone: codes of some dozen numbers, read in a thumbnail of a photo.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from skimage.color import rgb2lab

from pipeline.apps.system import Codes
from pipeline.core.polarity import unit
from pipeline.drawing.face_prior import Eyes
from pipeline.evaluation.metrics.places import skin_mask

SKIN = (("dark", 45.0), ("medium", 62.0), ("light", 101.0))  # ours: name, L* (D65) that it stays below
HAIR = (("black", 20.0), ("brown", 42.0), ("fair", 101.0))
HAIR_AT = (0.06, 0.14, 0.38, 0.62)  # ours: rows and columns of a crop, shares of the side, where hair is on most
LEAST = 5  # photos of which a tone is made
DRAWS = 64
DIGITS = 3


def tone_name(photo: NDArray[np.uint8], eyes: Eyes) -> str:
    """Crop (S, S, 3), where it has its eyes -> "medium-brown": its skin, then its hair."""
    side = len(photo)
    top, bottom, left, right = (round(share * side) for share in HAIR_AT)
    hair = photo[top:bottom, left:right].reshape(-1, 3)
    return "-".join(
        next(name for name, most in names if _lightness(pixels) < most)
        for names, pixels in ((SKIN, photo[skin_mask(side, eyes)]), (HAIR, hair))
    )


def _lightness(pixels: NDArray[np.uint8]) -> float:
    """L* of the median colour of (N, 3)."""
    colour = rgb2lab(np.median(unit(pixels), axis=0))  # type: ignore[no-untyped-call]
    return float(colour[0])


def tones(codes: Codes, names: Sequence[str]) -> dict[str, list[float]]:
    """Codes (N, code) of photos, and their tones' names -> name -> the code nearest to the mean of its own.

    A tone of fewer than 5 photos is none. From light to dark.
    """
    order = [f"{skin}-{hair}" for skin, _ in reversed(SKIN) for hair, _ in reversed(HAIR)]
    found = {}
    for name in order:
        own = codes[[i for i, one in enumerate(names) if one == name]]
        if len(own) >= LEAST:
            found[name] = _listed(own[np.linalg.norm(own - own.mean(0), axis=1).argmin()])
    return found


def draws(codes: Codes) -> list[list[float]]:
    """64 of the codes (N, code), or all, far from each other: each next one is the furthest from those before."""
    chosen = [int(np.linalg.norm(codes - codes.mean(0), axis=1).argmin())]
    far = np.full(len(codes), np.inf, np.float32)
    while len(chosen) < min(DRAWS, len(codes)):
        far = np.minimum(far, np.linalg.norm(codes - codes[chosen[-1]], axis=1))
        chosen.append(int(far.argmax()))
    return [_listed(codes[i]) for i in chosen]


def _listed(code: NDArray[np.float32]) -> list[float]:
    return [round(float(value), DIGITS) for value in code]
