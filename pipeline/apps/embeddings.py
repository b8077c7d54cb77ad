"""The table EMBEDDINGS: faces as vectors, of which the nearer are the more alike. Photos and drawings have both.

A drawing is compared by its strokes or by the photo that was made of it: `strokes` and `photo`. Crops are laid as the
stage crop lays them; with `face_alone` nothing counts but the face within its hair.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError
from pipeline.core.params import load
from pipeline.core.polarity import Edges, Photo, Sketch, Strokes, luminance, sketch_of, to_uint8
from pipeline.core.printable import printable
from pipeline.drawing.equalization import EqualizeParams, equalize
from pipeline.drawing.face_prior import Eyes
from pipeline.evaluation.metrics.places import face_mask
from pipeline.stages.canny import CannyParams, canny
from pipeline.stages.hed import HedParams, holistic, holistic_local
from pipeline.stages.pack import PackParams, product
from pipeline.weights.identity import identity_vector
from pipeline.weights.registry import find, sha256, weight_file

Vector = NDArray[np.float32]  # (D,), of length 1
SIDE = 256  # px, of the crops compared
GRAY = np.uint8(128)  # ours: what takes the place of hair and background
SHAPE_SIDE, CELLS, TURNS = 120, 10, 8  # ours: px, cells a side, directions of lines
THUMBNAIL = 24  # ours: px a side


class Embedding(Protocol):
    """One way to compare faces."""

    @property
    def face_alone(self) -> bool:
        """Whether hair and background count for nothing."""

    @property
    def by(self) -> Literal["photo", "strokes"]:
        """What of a drawing it compares, where nobody asks for the other."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """All that its vectors follow from; those of others do not compare."""

    def photo(self, crop: Photo) -> Vector:
        """Of a crop (S, S, 3), of a photo or made."""

    def strokes(self, strokes: Strokes) -> Vector:
        """Of strokes (S, S), 1 = ink."""


@dataclass(frozen=True)
class Identity:
    """Who a face is: MobileFaceNet. Raises WeightsError where its file is missing."""

    eyes: Eyes
    face_alone: bool
    by: Literal["photo", "strokes"] = "photo"

    @cached_property
    def settings(self) -> Mapping[str, Any]:
        return {"net": sha256(weight_file("mobilefacenet")), **asdict(self.eyes), "face_alone": self.face_alone}

    def photo(self, crop: Photo) -> Vector:
        return identity_vector(_alone(crop, self.eyes) if self.face_alone else crop)

    def strokes(self, strokes: Strokes) -> Vector:
        return self.photo(on_paper(strokes))


@dataclass(frozen=True)
class Shapes:
    """Where which lines run: directions of strokes, cell by cell; of a photo, those of its Canny ⊙ HED.

    ours, after histograms of oriented gradients (Dalal and Triggs 2005): every project has it, no net but the shipped.
    """

    eyes: Eyes
    face_alone: bool
    by: Literal["photo", "strokes"] = "strokes"

    @cached_property
    def settings(self) -> Mapping[str, Any]:
        equalizing, fine, whole, packing = _edges()
        drawn = {"equalize": asdict(equalizing), "canny": asdict(fine), "hed": asdict(whole), "pack": asdict(packing)}
        return {"cells": CELLS, "turns": TURNS, **drawn, **asdict(self.eyes), "face_alone": self.face_alone}

    def photo(self, crop: Photo) -> Vector:
        return self.strokes(_lines(crop.tobytes(), len(crop), self.eyes))

    def strokes(self, strokes: Strokes) -> Vector:
        lines = strokes * face_mask(len(strokes), self.eyes) if self.face_alone else strokes
        return directions(np.asarray(lines, np.float32))


@dataclass(frozen=True)
class Pixels:
    """Light and dark: a gray thumbnail, its mean taken off. What any better way has to beat."""

    eyes: Eyes
    face_alone: bool
    by: Literal["photo", "strokes"] = "photo"

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"thumbnail": THUMBNAIL, **asdict(self.eyes), "face_alone": self.face_alone}

    def photo(self, crop: Photo) -> Vector:
        whole = _alone(crop, self.eyes) if self.face_alone else crop
        small = cv2.resize(luminance(whole), (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
        return unit_length((small - small.mean()).ravel())

    def strokes(self, strokes: Strokes) -> Vector:
        return self.photo(on_paper(strokes))


EMBEDDINGS: dict[str, Callable[[Eyes, bool], Embedding]] = {"identity": Identity, "shapes": Shapes, "pixels": Pixels}


def opened(name: str, eyes: Eyes, face_alone: bool) -> tuple[str, Embedding]:
    """A row by its name; "auto": identity where its net is, else shapes. Raises UserError, WeightsError."""
    if name == "auto":
        name = "identity" if find("mobilefacenet") else "shapes"
    if name not in EMBEDDINGS:
        raise UserError(f"--embedding {printable(name)}: there are auto, {', '.join(EMBEDDINGS)}")
    embedding = EMBEDDINGS[name](eyes, face_alone)
    _ = embedding.settings  # a missing net is told before the work
    return name, embedding


def directions(lines: NDArray[np.float32]) -> Vector:
    """Lines (S, S), 1 = ink -> how much of each direction is in each cell, (CELLS² · TURNS,), of length 1."""
    small = cv2.resize(lines, (SHAPE_SIDE, SHAPE_SIDE), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small, (0, 0), 1.5)
    dx, dy = cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)
    strength, turn = np.hypot(dx, dy), np.mod(np.arctan2(dy, dx) / np.pi * TURNS, TURNS)
    cell = SHAPE_SIDE // CELLS
    found = []
    for direction in range(TURNS):
        off = np.abs(turn - direction)
        share = np.clip(1 - np.minimum(off, TURNS - off), 0, 1) * strength
        spread = cv2.GaussianBlur(share.astype(np.float32), (0, 0), cell / 2)
        found.append(spread[cell // 2 :: cell, cell // 2 :: cell])
    return unit_length(np.sqrt(np.stack(found, -1)).ravel())


def unit_length(values: NDArray[Any]) -> Vector:
    """The same of length 1; of nothing, nothing."""
    length = float(np.linalg.norm(values))
    return np.asarray(values / length if length > 0 else values, np.float32)


def on_paper(strokes: Strokes) -> Photo:
    """Strokes (S, S) as a picture (S, S, 3) of ink on paper."""
    return np.repeat(to_uint8(Sketch(sketch_of(strokes)))[..., None], 3, 2)


def _alone(crop: Photo, eyes: Eyes) -> Photo:
    return np.where(face_mask(len(crop), eyes)[..., None], crop, GRAY).astype(np.uint8)


@lru_cache(maxsize=1)
def _lines(pixels: bytes, side: int, eyes: Eyes) -> Strokes:
    """Canny ⊙ HED of a crop (side, side, 3), given as bytes; with hair and without are asked one after the other."""
    crop = np.frombuffer(pixels, np.uint8).reshape(side, side, 3)
    equalizing, fine, whole, packing = _edges()
    level = equalize(crop, equalizing)
    hed = holistic_local(crop, level, whole, eyes) if whole.features == "local" else holistic(level, whole)
    return Strokes(product(canny(luminance(crop), fine, eyes), Edges(hed), packing, eyes))


def _edges() -> tuple[EqualizeParams, CannyParams, HedParams, PackParams]:
    """How this project draws the edges of a photo, by params.yaml."""
    return (
        load(EqualizeParams, "equalize"),
        load(CannyParams, "edges.canny"),
        load(HedParams, "edges.hed"),
        load(PackParams, "pack"),
    )
