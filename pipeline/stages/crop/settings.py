"""What the stage crop is told, and why it may refuse a source."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.core.allowed import FilePath, Glob, Items, Name, OptionalPath, OptionalRegex, PathPart, Range, Share
from pipeline.core.params import require
from pipeline.drawing.face_prior import Eyes
from pipeline.stages.crop.exposures import ExposureParams

Point = tuple[float, float]


Matrix = NDArray[np.float64]  # 2x3, source px -> crop px


REASONS = (
    "unreadable",
    "no face",
    "several faces",
    "too small",
    "no landmarks",
    "wrong landmarks",
    "no sketch",
    "several sketches",
    "other shape",
    "duplicate",  # an exact copy: does not count against max_rejected
    "failed",  # an error that nobody foresaw
)


@dataclass(frozen=True)
class SplitParams:
    """How faces are divided: a subject's split follows from the subject alone, so more photos never move a face.

    Methods: `hash` and `subject` choose by shares, `folder` and `lists` by what you name. Whoever the photos show is
    known by `subjects`, else by `subject`; without them every photo counts as a person of its own, so that people of
    several photos may be in two splits (near_duplicates.csv names those that are found).
    """

    method: Literal["folder", "lists", "subject", "hash"]
    folders: dict[PathPart, Name]  # folder: name of the first folder -> split
    lists: dict[Name, tuple[FilePath, ...]]  # lists: split -> ids, or paths relative to the photos
    subject: OptionalRegex  # regular expression on the relative path whose group 1 is the subject; "": unknown
    subjects: OptionalPath  # name of tables (file, subject) beside the photos or in a folder above; "": none
    test_share: Share  # hash, subject: share of the subjects that is tested
    val_share: Share  # share of the subjects that is val; folder, lists: of the training ones, where none is named val

    def __post_init__(self) -> None:
        require(self.test_share + self.val_share < 1, "test_share + val_share below 1")
        require(bool(self.subject) or self.method != "subject", "subject where method is subject")


@dataclass(frozen=True)
class CropParams:
    """Section `crop`."""

    photos: FilePath  # folder, searched with all below it
    include: Annotated[tuple[Glob, ...], Items()]  # glob patterns relative to it, e.g. "*/photos/*"
    sketches: (
        tuple[PathPart, PathPart] | None
    )  # folder of photos and of their drawings, side by side below `photos`, in some sets or in all
    detector: Literal["haar", "own", "yunet", "landmarks", "aligned"]
    size: Annotated[int, Range(least=32, most=2048, multiple_of=4)]  # side of the crop, px
    eye_y: Annotated[float, Range(least=0.1, most=0.9)]  # where the eyes go, share of the size from the top
    eye_distance: Annotated[float, Range(least=0.05, most=0.9)]  # between the pupils, share of the size
    framings: dict[PathPart, Eyes]  # first folder below photos -> its own eye_y and eye_distance: photos cut tighter
    border: Literal["reflect", "background"]
    min_face_px: Annotated[int, Range(least=1, most=4096)]  # nearer pupils in the source: the face is too small
    max_rejected: Share  # share of the sources that may be rejected before the stage fails
    exposures: ExposureParams
    splits: SplitParams

    def __post_init__(self) -> None:
        require(self.sketches is None or len(set(self.sketches)) == 2, "sketches with two different names")


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
