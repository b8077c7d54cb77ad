"""Whether a generated face is the person's, with hair and without."""

from array import array

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.evaluation.metrics.features import Features, frechet_scores
from pipeline.evaluation.metrics.places import USUAL, face_mask
from pipeline.weights.identity import identity_vector
from pipeline.weights.registry import weight_file

AT_ONCE = 64  # faces compared with all others at once
GRAY = np.uint8(128)  # ours: what takes the place of hair and background


class Identity:
    """MobileFaceNet, on the CPU. Raises WeightsError where its file is missing."""

    size = 128

    def __init__(self, device: torch.device) -> None:
        weight_file("mobilefacenet")  # raises here, not after the first batch

    def __call__(self, photos: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Crops (N, S, S, 3) -> unit identity vectors (N, 128)."""
        return np.stack([identity_vector(photo) for photo in photos])


class IdentityFace(Identity):
    """The same of the face alone: outside of an ellipse in our crops, with hair, ears and neck, all is gray."""

    def __call__(self, photos: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Crops (N, S, S, 3) -> unit identity vectors (N, 128)."""
        inside = face_mask(photos.shape[1], USUAL)[None, :, :, None]
        return super().__call__(np.where(inside, photos, GRAY))


def likeness(real: Features, generated: Features) -> tuple[float, float]:
    """Mean cosine between each photo and its generation, and how often its own photo is the nearest of all.

    Unit vectors (N, D) and (M, D), M a multiple of N: several sets of generations one after the other.
    """
    cosines, nearest = array("d"), array("b")
    for i in range(0, len(generated), AT_ONCE):
        part = generated[i : i + AT_ONCE]
        similarity, own = np.matmul(part, real.T), (np.arange(len(part)) + i) % len(real)
        cosines.extend(similarity[np.arange(len(part)), own].tolist())
        nearest.extend((similarity.argmax(1) == own).tolist())
    return float(np.mean(cosines)), float(np.mean(nearest))


def identity_scores(real: Features, generated: Features) -> dict[str, float | None]:
    """With the hair that the crop of the face shows; and the Fréchet distance of the vectors."""
    cosine, rank1 = likeness(real, generated)
    return {"identity": cosine, "identity_rank1": rank1} | frechet_scores("fd_identity", real, generated)


def identity_face_scores(real: Features, generated: Features) -> dict[str, float | None]:
    """Without hair."""
    cosine, rank1 = likeness(real, generated)
    return {"identity_face": cosine, "identity_face_rank1": rank1}
