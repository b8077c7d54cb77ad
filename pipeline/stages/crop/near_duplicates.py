"""People and pictures that seem to be in two splits: near_duplicates.csv and one line.

Pictures are told by a hash of the crop, people by the identity net where its weights are present. Both warn alone:
who is who is for the user to say (crop.splits.subject).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.console import console
from pipeline.core.image_io import read_photo
from pipeline.core.manifest import Face, write_rows
from pipeline.core.parallel import map_images
from pipeline.core.polarity import Photo
from pipeline.weights.identity import identity_vector
from pipeline.weights.registry import find

FILE = "near_duplicates.csv"
Vectors = NDArray[np.float32]

# ours, measured on crops (128 px) of CUFS, FFHQ, London and CelebA. Pictures: 28 bits of 255; other people differ by 40
# and more (0 of 303,000 pairs found), JPEG at quality 40, half the size and gray by at most 10, gamma 1.5 by at most 20
# of 95 %. People: of 542,000 pairs of different people 4 are found (7e-6), of 446 of one person in other pictures 13 %.
SAME_PICTURE = 0.78
SAME_PERSON = 0.75
HASH_SIDE = 16  # lowest frequencies each way
AT_ONCE = 1024  # faces compared with all others at once
NAMED = 3  # first pairs that the line tells


@dataclass(frozen=True)
class NearDuplicate:
    """Two faces of different splits that may be one picture or one person."""

    a: str  # id
    a_split: str
    b: str
    b_split: str
    same: str  # "picture" or "person"
    cosine: str


def picture_vector(crop: Photo) -> Vectors:
    """DCT hash as a unit vector, (S, S, 3) -> (255,): which low frequencies of 64x64 gray px lie above their median.

    As pHash, with 255 bits: aligned faces are alike, and in OpenCV's 64 bits two people may differ as little as a
    picture and its copy (2 and 4 bits on CUFS).
    """
    gray = np.asarray(cv2.cvtColor(np.ascontiguousarray(crop), cv2.COLOR_RGB2GRAY), np.float32)
    waves = cv2.dct(cv2.resize(gray, (64, 64), interpolation=cv2.INTER_AREA))
    low = waves[:HASH_SIDE, :HASH_SIDE].ravel()[1:]
    return np.where(low > np.median(low), 1, -1).astype(np.float32) / np.float32(np.sqrt(low.size))


VECTORS: dict[str, Callable[[Photo], Vectors]] = {"picture": picture_vector, "person": identity_vector}


def near_duplicates(faces: Sequence[Face], folder: Path, jobs: int) -> list[NearDuplicate]:
    """Pairs of faces in different splits that seem to be one; crops are read from `folder`."""
    kinds = {"picture": SAME_PICTURE} | ({"person": SAME_PERSON} if find("mobilefacenet") else {})
    told = map_images(partial(_vectors, folder, tuple(kinds)), [face.id for face in faces], jobs, "crop: pairs")
    splits = [face.split for face in faces]
    found: dict[tuple[int, int], NearDuplicate] = {}
    for (same, least), vectors in zip(kinds.items(), zip(*told, strict=True), strict=True):
        for i, j, cosine in alike(np.stack(vectors), splits, least):
            a, b = faces[i], faces[j]
            found.setdefault((i, j), NearDuplicate(a.id, a.split, b.id, b.split, same, f"{cosine:.2f}"))
    return [found[pair] for pair in sorted(found)]


def alike(vectors: Vectors, splits: Sequence[str], least: float) -> Iterator[tuple[int, int, float]]:
    """Pairs i < j of different splits whose unit vectors (N, D) have a cosine of `least` or more, and it."""
    names = np.unique(splits, return_inverse=True)[1]
    for start in range(0, len(vectors), AT_ONCE):
        cosines = vectors[start : start + AT_ONCE] @ vectors.T
        for row, column in np.argwhere(cosines >= least):
            if start + row < column and names[start + row] != names[column]:
                yield int(start + row), int(column), float(cosines[row, column])


def warn_of_near_duplicates(faces: Sequence[Face], folder: Path, jobs: int) -> None:
    """Write FILE beside photos/ of `folder`, and say how many pairs it lists and the first."""
    pairs = near_duplicates(faces, folder / "photos", jobs)
    write_rows(folder / FILE, NearDuplicate, pairs)
    if pairs:
        first = ", ".join(f"{pair.a} ({pair.a_split}) and {pair.b} ({pair.b_split})" for pair in pairs[:NAMED])
        console.print(f"crop: {len(pairs)} pairs of faces in two splits may be one person, see {FILE}: {first}")


def _vectors(folder: Path, kinds: tuple[str, ...], face_id: str) -> list[Vectors]:
    crop = read_photo(folder / f"{face_id}.png")
    return [VECTORS[kind](crop) for kind in kinds]
