"""Command generate: drawings of faces -> calibrated sketches and photos."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.apps.faces import Asked, Face, Style, faces, look, numbered, told
from pipeline.apps.look import Look
from pipeline.apps.pictures import work
from pipeline.apps.system import System
from pipeline.apps.understand import Intake
from pipeline.core.contact_sheet import contact_sheet
from pipeline.core.errors import UserError
from pipeline.core.image_io import import_picture, write_gray, write_photo
from pipeline.core.outcome import Task
from pipeline.core.polarity import sketch_of, to_uint8, unit
from pipeline.core.printable import printable

REFINED, PHOTO, SHEET, STRIP = ".refined.png", ".photo.png", ".sheet.png", ".strip.png"
LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the strip


@dataclass(frozen=True)
class Wanted:
    """What is written of every drawing."""

    strip: bool  # a row of pictures from refine 0 to 1 besides
    size: int  # side of the pictures, px


def run(
    drawings: Sequence[Path], out: Path, asked: Asked, refine: float, style: Style, intake: Intake, wanted: Wanted
) -> int:
    """Write OUT/NAME.refined.png (ink on paper), .photo.png and .sheet.png of every drawing; returns the exit code."""
    system = asked.opened(refine)
    if wanted.strip and not system.takes_levels:
        raise UserError(f"--strip: {asked.told(system)['model']} takes no level of refinement; --model photo does")
    chosen = look(system, style)
    given = {name: printable(value) for name, value in vars(style).items() if value not in (None, "")}
    settings = asked.told(system) | {"refine": refine} | vars(intake) | {"size": wanted.size} | given
    endings = (REFINED, PHOTO, SHEET, *([STRIP] if wanted.strip else []))
    return work("generate", drawings, out, endings, partial(_one, system, intake, wanted, chosen), settings=settings)


def _one(system: System, intake: Intake, wanted: Wanted, chosen: Look, task: Task) -> tuple[list[Path], list[str]]:
    """The files of one drawing, a set a face. Raises ImageError, Refused."""
    made = faces(system, import_picture(task.path), intake, chosen)
    tasks = numbered(task, len(made))
    written = (_write(system, wanted, chosen, face, part) for face, part in zip(made, tasks, strict=True))
    return [file for files in written for file in files], told([face.notes for face in made])


def _write(system: System, wanted: Wanted, chosen: Look, face: Face, task: Task) -> list[Path]:
    refined = sketch_of(face.strokes)
    write_gray(task.file(REFINED), unit(resized(to_uint8(refined), wanted.size)))
    write_photo(task.file(PHOTO), resized(face.photo, wanted.size))
    sheet = contact_sheet([[face.drawing, refined, face.photo]], ["drawing", "calibrated", "photo"], [""], wanted.size)
    write_photo(task.file(SHEET), sheet)
    if wanted.strip:
        drawing = to_uint8(face.drawing)
        photos = [chosen.photos(system, replace(system, level=level).refine(drawing[None]))[0] for level in LEVELS]
        heads = ["drawing", *(f"refine {level:g}" for level in LEVELS)]
        write_photo(task.file(STRIP), contact_sheet([[drawing, *photos]], heads, [""], wanted.size))
    return [task.file(ending) for ending in (REFINED, PHOTO, SHEET, *([STRIP] if wanted.strip else []))]


def resized(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """A square picture at another size: area mean when shrinking, Lanczos when growing; the nets work at their own."""
    if len(pixels) == side:
        return pixels
    method = cv2.INTER_AREA if side < len(pixels) else cv2.INTER_LANCZOS4
    return np.asarray(cv2.resize(pixels, (side, side), interpolation=method), np.uint8)
