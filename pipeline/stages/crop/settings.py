"""What the stage crop is told, and why it may refuse a source."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.stages.crop.exposures import ExposureParams

Point = tuple[float, float]


Matrix = NDArray[np.float64]  # 2x3, source px -> crop px


REASONS = ("unreadable", "no face", "several faces", "too small", "duplicate", "no landmarks", "no sketch")


@dataclass(frozen=True)
class SplitParams:
    """How faces are divided; the same subject is never in two splits."""

    method: Literal["folder", "lists", "subject", "hash"]
    folders: dict[str, str]  # folder: name of the first folder -> split
    lists: dict[str, tuple[str, ...]]  # lists: split -> ids
    subject: str  # subject: regular expression on the relative path whose group 1 is the subject
    test_share: float  # subject, hash: share of the subjects that is tested


@dataclass(frozen=True)
class CropParams:
    """Section `crop`."""

    photos: str  # folder, searched with all below it
    include: tuple[str, ...]  # glob patterns relative to it, e.g. "*/photos/*"
    sketches: tuple[str, str] | None  # a path component and its replacement that lead to the real sketch
    detector: Literal["haar", "yunet", "landmarks", "aligned"]
    size: int  # side of the crop, px
    eye_y: float  # where the eyes go, share of the size from the top
    eye_distance: float  # between the pupils, share of the size
    border: Literal["reflect", "background"]
    min_face_px: int  # distance of the pupils in the source below which a face is too small
    max_rejected: float  # share of the sources that may be rejected before the stage fails
    exposures: ExposureParams
    splits: SplitParams


class Unusable(Exception):
    """A source that goes to rejected.csv: (reason of REASONS, detail)."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


@dataclass(frozen=True)
class Found:
    """What a locator tells of one photo: the pupils, and how it knows."""

    left: Point  # left in the image
    right: Point
    alignment: str
