"""Drawings of faces through the trained nets, as arrays: what all commands on drawings, studio and Python share."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.apps.look import NEUTRAL, Look, like, tone, tones
from pipeline.apps.model import model_file, open_model
from pipeline.apps.skin import has_colour
from pipeline.apps.system import System
from pipeline.apps.understand import Intake, Understood, understand
from pipeline.core import params
from pipeline.core.errors import UserError
from pipeline.core.image_io import Picture, import_picture
from pipeline.core.outcome import Task
from pipeline.core.polarity import Photo, Sketch, Strokes, to_uint8
from pipeline.core.printable import printable
from pipeline.drawing.face_prior import Eyes, eyes_of_crops
from pipeline.stages.crop.settings import CropParams, Unusable


@dataclass(frozen=True)
class Style:
    """Whose tones a photo takes: one of the three, or none of them, the neutral ones."""

    like: Path | None = None  # those of a photo of a face
    tone: str = ""  # one of the system's own, by name
    seed: int | None = None  # one of its training photos'

    def __post_init__(self) -> None:
        if sum(value not in (None, "") for value in (self.like, self.tone, self.seed)) > 1:
            raise UserError("generate: one of --like, --tone, --seed")


@dataclass(frozen=True)
class Asked:
    """The system that a command asks for."""

    model: str
    runtime: str
    device: str
    data: Path
    mirrored: bool = False

    def opened(self, refine: float) -> System:
        """The system, told how far strokes may leave the drawing. Raises UserError."""
        system = replace(open_model(model_file(self.model, self.data), self.device, self.runtime), level=refine)
        return system.mirrored() if self.mirrored else system

    def told(self, system: System) -> dict[str, object]:
        """For summary.json, of the system that was opened."""
        file = printable(model_file(self.model, self.data))
        return {"model": file, "runtime": system.runtime, "device": self.device, "mirrored": self.mirrored}


@dataclass(frozen=True)
class Face:
    """One face of a drawing."""

    drawing: Sketch  # (S, S) as it was understood, laid as the nets know faces
    strokes: Strokes  # (S, S) calibrated, 1 = ink
    photo: Photo  # (S, S, 3)
    notes: tuple[str, ...]  # what was done to the drawing


def look(system: System, style: Style) -> Look:
    """What a style comes to. A system without styles can be given a photo's skin alone.

    Raises UserError for a tone that there is none, a photo without a face, a seed of a system that has no draws.
    """
    if style == Style():
        return NEUTRAL
    if style.like is not None:
        crop = photo_crop(style.like, import_picture(style.like), system.size)
        return like_photo(system, style.like, crop, eyes_of_crops())
    if style.seed is not None:
        return _draw(system, style.seed)
    known = tones(system)
    if not known:
        raise UserError("generate: --tone: this file has no tones; cali-sketch export writes one that has")
    if style.tone not in known:
        raise UserError(f"generate: no tone '{printable(style.tone)}'; there are {', '.join(known)}")
    return tone(system, style.tone, eyes_of_crops())


def like_photo(system: System, path: Path, crop: Photo, eyes: Eyes) -> Look:
    """As `like`, of a photo that a user gave. Raises UserError for a drawing, or a photo in black and white."""
    found = like(system, crop, eyes)
    if found.skin is None or not has_colour(found.skin):
        why = "its skin has no colour, as in a drawing or a photo in black and white"
        raise UserError(f"--like {printable(path)}: {why}; give a photo in colours")
    return found


def _draw(system: System, seed: int) -> Look:
    if not system.takes_styles:
        raise UserError("generate: this system has one photo of a drawing: --seed goes with --model photo")
    draws = system.card.get("draws", [])
    if not draws:
        raise UserError("generate: --seed: this file has no draws; cali-sketch export writes one that has")
    return Look(np.asarray(draws[seed % len(draws)], np.float32))


def photo_crop(path: Path, picture: Picture, side: int) -> Photo:
    """The face of a photo, cut as the training photos are. Raises UserError where there is none."""
    from pipeline.stages.crop.align import align, crop_photo  # not at the top: few commands read photos

    crop = replace(params.load(CropParams, "crop"), size=side)
    photo = picture.on_white()
    try:
        return crop_photo(photo, align(path, photo, crop)[0], crop)
    except Unusable as error:
        raise UserError(f"--like {printable(path)}: {error.reason} {error.detail}".rstrip()) from error


def calibrated(system: System, picture: Picture, intake: Intake) -> tuple[list[Understood], NDArray[np.float32]]:
    """A picture of a drawing through the SCN: its faces, and the strokes (N, S, S) of each, 1 = ink. Raises Refused."""
    found = understand(picture, system.size, intake)
    return found, system.refine(np.stack([to_uint8(face.sketch) for face in found]))


def faces(system: System, picture: Picture, intake: Intake, wanted: Look = NEUTRAL) -> list[Face]:
    """A picture of a drawing through both nets, a Face each that was found. Raises Refused."""
    found, strokes = calibrated(system, picture, intake)
    made = zip(found, strokes, wanted.photos(system, strokes), strict=True)
    return [Face(face.sketch, Strokes(lines), photo, face.notes) for face, lines, photo in made]


def numbered(task: Task, count: int) -> list[Task]:
    """The task itself, or one a face, NAME.face1 and so on."""
    return [task] if count == 1 else [replace(task, name=f"{task.name}.face{i + 1}") for i in range(count)]


def told(notes: Sequence[tuple[str, ...]]) -> list[str]:
    """Of several faces, each note once."""
    return list(dict.fromkeys(note for some in notes for note in some))
