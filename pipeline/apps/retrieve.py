"""Command retrieve: the faces of an index that a drawing is most like. A ranking of look-alikes, no identification.

OUT/NAME.matches.json   the faces, best first: file and cosine
OUT/NAME.matches.png    the drawing, what was made of it, and the faces
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from pipeline.apps.embeddings import EMBEDDINGS, SIDE, Embedding, Vector, opened
from pipeline.apps.face_index import ANEW, Entry, FaceIndex, check_settings, read_index
from pipeline.apps.faces import Asked, Face, faces, numbered, told
from pipeline.apps.pictures import work
from pipeline.apps.system import System
from pipeline.apps.understand import Intake
from pipeline.core import params
from pipeline.core.console import console
from pipeline.core.contact_sheet import Picture, contact_sheet
from pipeline.core.errors import UserError
from pipeline.core.files import write_bytes
from pipeline.core.image_io import ImageError, import_photo, import_picture, write_photo
from pipeline.core.outcome import Task
from pipeline.core.polarity import Photo, sketch_of, strokes_of
from pipeline.core.printable import printable
from pipeline.core.tables import print_table
from pipeline.drawing.face_prior import Eyes
from pipeline.stages.crop.align import crop_photo
from pipeline.stages.crop.settings import CropParams

MATCHES, SHEET = ".matches.json", ".matches.png"
ACROSS = 5  # pictures in a row of the sheet
NOTE = "a ranking of look-alikes, never an identification"
Match = tuple[Entry, float]


def run(
    drawings: Sequence[Path], index: Path, top: int, out: Path, asked: Asked, refine: float, intake: Intake, raw: bool
) -> int:
    """Write OUT/NAME.matches.json and .png of every drawing and print its table; returns the exit code.

    `raw`: the drawing itself is compared, not its calibrated strokes. Raises UserError for an index that is none, or
    that was made in another way than this program compares.
    """
    known, embedding, crop = comparing(index)
    system = asked.opened(refine)
    one = partial(_one, system, known, embedding, intake, raw, top, crop)
    settings = asked.told(system) | {"refine": refine, "index": printable(index), "embedding": known.embedding}
    settings |= {"face_alone": embedding.face_alone, "calibrated": not raw, "top": top} | vars(intake)
    code = work("retrieve", drawings, out, (MATCHES, SHEET), one, settings=settings)
    console.print(f"retrieve: {NOTE}")
    return code


def comparing(index: Path) -> tuple[FaceIndex, Embedding, CropParams]:
    """An index, the embedding that it was made by, and how its faces are cut.

    Raises UserError for one without faces and one that was made in another way than this program compares.
    """
    crop, known = params.load(CropParams, "crop"), read_index(index)
    if known.embedding not in EMBEDDINGS:
        raise UserError(f"{printable(index)}: faces by '{printable(known.embedding)}', which is not known here; {ANEW}")
    alone = bool(known.settings.get("face_alone"))
    name, embedding = opened(known.embedding, Eyes(crop.eye_y, crop.eye_distance), alone)
    check_settings(index, known, name, embedding.settings)
    if not known.faces:
        raise UserError(f"{printable(index)}: no face in it")
    return known, embedding, replace(crop, size=SIDE)


def _one(
    system: System,
    known: FaceIndex,
    embedding: Embedding,
    intake: Intake,
    raw: bool,
    top: int,
    crop: CropParams,
    task: Task,
) -> tuple[list[Path], list[str]]:
    """The matches of one drawing, a list a face. Raises ImageError, Refused."""
    made = faces(system, import_picture(task.path), intake)
    files = []
    for face, part in zip(made, numbered(task, len(made)), strict=True):
        shown = uncalibrated(system, face) if raw else face
        found = known.nearest(query(embedding, shown), top)
        files += _write(part, shown, found, known, crop)
    return files, told([face.notes for face in made])


def query(embedding: Embedding, face: Face) -> Vector:
    """A drawing's vector, by what the embedding compares."""
    return embedding.photo(face.photo) if embedding.by == "photo" else embedding.strokes(face.strokes)


def uncalibrated(system: System, face: Face) -> Face:
    """The same face as if no SCN were: the drawing's own lines, and the photo made of them."""
    own = strokes_of(face.drawing)
    return replace(face, strokes=own, photo=system.photos(np.asarray(own, np.float32)[None])[0])


def _write(part: Task, face: Face, found: Sequence[Match], known: FaceIndex, crop: CropParams) -> list[Path]:
    ranked = list(enumerate(found, 1))
    rows = [{"rank": rank, "file": entry.file, "cosine": round(cosine, 5)} for rank, (entry, cosine) in ranked]
    about = {"drawing": printable(part.path), "embedding": known.embedding, "of": len(known.faces), "note": NOTE}
    write_bytes(part.file(MATCHES), json.dumps(about | {"matches": rows}, indent=1, ensure_ascii=False).encode())
    write_photo(part.file(SHEET), matches_sheet(face, found, crop))
    cells = [[str(rank), f"{cosine:.3f}", printable(entry.file)] for rank, (entry, cosine) in ranked]
    print_table(["rank", "cosine", "photo"], cells, printable(part.name), keys=3)
    return [part.file(MATCHES), part.file(SHEET)]


def matches_sheet(face: Face, found: Sequence[Match], crop: CropParams) -> Photo:
    """The drawing, its strokes and its photo; below, the faces found, best first; a photo that is gone leaves a gap."""
    pictures: list[Picture | None] = [entry_crop(entry, crop) for entry, _ in found]
    rows = [pictures[i : i + ACROSS] for i in range(0, len(pictures), ACROSS)]
    across = min(ACROSS, max(3, len(pictures)))
    first: list[Picture | None] = [face.drawing, sketch_of(face.strokes), face.photo]
    ranks = [f"{i + 1} to {min(i + ACROSS, len(pictures))}" for i in range(0, len(pictures), ACROSS)]
    filled = [[*row, *[None] * (across - len(row))] for row in (first, *rows)]
    return contact_sheet(filled, [""] * across, ["drawing", *ranks], crop.size // 2)


def entry_crop(entry: Entry, crop: CropParams) -> Photo | None:
    """The face of a photo of an index; None: the photo is gone."""
    try:
        photo = import_photo(Path(entry.file))
    except ImageError:
        return None
    return crop_photo(photo, np.array(entry.transform).reshape(2, 3), crop)
