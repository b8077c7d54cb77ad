"""How pictures are varied for the helper nets: one place, one angle, one scale for all layers; the photo's light."""

from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.allowed import Range, Share, Side
from pipeline.core.light import toned
from pipeline.core.params import require
from pipeline.core.polarity import Photo

Matrix = NDArray[np.float64]
Scale = Annotated[float, Range(least=0.05, most=20)]


@dataclass(frozen=True)
class CropAugment:
    """Crops out of larger pictures: turned, scaled, mirrored, varied in light."""

    crop_px: Side
    angle_deg: Annotated[float, Range(least=0, most=180)]  # largest turn either way
    scale: tuple[Scale, Scale]
    light: Share  # standard deviation of gain and gamma, in powers of e

    def __post_init__(self) -> None:
        require(self.scale[0] <= self.scale[1], "scale from small to large")


def crop_matrix(rng: np.random.Generator, shape: tuple[int, ...], augment: CropAugment) -> Matrix:
    """Picture px -> crop px, (2, 3): a place, an angle, a scale, maybe mirrored."""
    low, high = np.log(augment.scale)
    scale = float(np.exp(rng.uniform(low, high)))
    angle = float(rng.uniform(-augment.angle_deg, augment.angle_deg))
    reach = augment.crop_px / 2 / scale
    centre = [rng.uniform(min(reach, n / 2), max(n - reach, n / 2)) for n in shape[1::-1]]
    matrix = np.asarray(cv2.getRotationMatrix2D(centre, angle, scale), np.float64)
    matrix[:, 2] += augment.crop_px / 2 - np.array(centre)
    if rng.random() < 0.5:
        matrix[0] *= -1
        matrix[0, 2] += augment.crop_px - 1
    return matrix


def cropped(image: NDArray[np.uint8], matrix: Matrix, side: int) -> NDArray[np.uint8]:
    """(H, W[, C]) -> (side, side[, C]) under `matrix`, the border reflected."""
    moved = cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(moved, np.uint8)


def relit(photo: Photo, spread: float, rng: np.random.Generator) -> Photo:
    """Another gamma and gains of the channels; one in eight gray."""
    varied = toned(photo, np.exp(spread * rng.standard_normal()), np.exp(spread * rng.standard_normal(3) / 2))
    if rng.random() < 1 / 8:
        varied = cv2.cvtColor(cv2.cvtColor(varied, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB).astype(np.uint8)
    return varied
