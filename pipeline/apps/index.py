"""Command index: photos of faces found, aligned and embedded once, to search among them."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.apps.embeddings import SIDE, Embedding, opened
from pipeline.apps.face_index import Entry, FaceIndex, check_settings, read_index, write_index
from pipeline.core import params
from pipeline.core.console import console
from pipeline.core.errors import UserError
from pipeline.core.finder import find_pictures
from pipeline.core.image_io import ImageError, import_photo
from pipeline.core.parallel import map_images
from pipeline.core.printable import printable
from pipeline.drawing.face_prior import Eyes
from pipeline.stages.crop.align import align, crop_photo
from pipeline.stages.crop.settings import CropParams, Unusable

SHOWN = 20  # refused photos that are told one by one

Made = tuple[Entry, NDArray[np.float32] | None]


@dataclass(frozen=True)
class Named:
    """How the faces of an index are compared."""

    embedding: str  # a row of EMBEDDINGS, or auto
    face_alone: bool  # without hair


def run(named: Sequence[Path], out: Path, how: Named, jobs: int) -> int:
    """Write the index OUT of all photos named, or bring it up to date; returns the exit code.

    Photos that it has already, by path and content, are not looked at again; those that are gone below a folder that
    is named leave it; those of other folders stay. Raises UserError where OUT is another kind of index.
    """
    crop = params.load(CropParams, "crop")
    old = read_index(out) if out.exists() else None
    asked = old.embedding if old and how.embedding == "auto" else how.embedding
    name, embedding = opened(asked, Eyes(crop.eye_y, crop.eye_distance), how.face_alone)
    if old:
        check_settings(out, old, name, embedding.settings)
    pictures = find_pictures(named)
    for line in pictures.report():
        console.print(f"index: {line}")
    found = [Path(os.path.abspath(source.path)) for source in pictures.sources]
    known = _known(old) if old else {}
    kept = _kept(known, named, found)
    digests = {str(path): _digest(path) for path in found}
    new = [path for path in found if str(path) not in kept or kept[str(path)][0].sha256 != digests[str(path)]]
    one = partial(_one, embedding, replace(crop, size=SIDE), digests)
    made = {entry.file: (entry, vector) for entry, vector in map_images(one, new, jobs, "index")}
    rows = sorted((kept | made).values(), key=lambda row: row[0].file)
    write_index(out, _index(name, embedding, rows))
    return _told(out, rows, made, len(known.keys() - kept.keys() - made.keys()))


def _known(old: FaceIndex) -> dict[str, Made]:
    faces: list[Made] = list(zip(old.faces, old.vectors, strict=True))
    return {entry.file: (entry, vector) for entry, vector in [*faces, *((entry, None) for entry in old.refused)]}


def _kept(known: dict[str, Made], named: Sequence[Path], found: Sequence[Path]) -> dict[str, Made]:
    """Without those that lay below what is named now and are there no more."""
    folders, there = [Path(os.path.abspath(path)) for path in named], {str(path) for path in found}
    return {
        file: row
        for file, row in known.items()
        if file in there or not any(Path(file).is_relative_to(folder) for folder in folders)
    }


def _digest(path: Path) -> str:
    """Of a file's bytes; "" for one that cannot be read, which is told when it is looked at."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _one(embedding: Embedding, crop: CropParams, digests: dict[str, str], path: Path) -> Made:
    """A photo's entry and vector; what is wrong with it alone is its entry's reason."""
    entry = Entry(str(path), digests[str(path)])
    try:
        photo = import_photo(path)
        matrix = align(path, photo, crop)[0]
        vector = embedding.photo(crop_photo(photo, matrix, crop))
    except Unusable as error:
        return replace(entry, reason=f"{error.reason} {error.detail}".strip()), None
    except ImageError as error:
        return replace(entry, reason=str(error).removeprefix(f"{path}: ")), None
    except UserError:
        raise
    except Exception as error:  # whatever a strange file brings about: the others go on
        return replace(entry, reason=f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"), None
    return replace(entry, transform=tuple(float(value) for value in matrix.ravel())), vector


def _index(name: str, embedding: Embedding, rows: Sequence[Made]) -> FaceIndex:
    faces = [(entry, vector) for entry, vector in rows if vector is not None]
    vectors = np.stack([vector for _, vector in faces]) if faces else np.zeros((0, 1), np.float32)
    refused = [entry for entry, vector in rows if vector is None]
    return FaceIndex(name, embedding.settings, vectors, [entry for entry, _ in faces], refused)


def _told(out: Path, rows: Sequence[Made], made: dict[str, Made], gone: int) -> int:
    """What became of the photos, in words; returns the exit code."""
    refused = [entry for entry, vector in rows if vector is None]
    for entry in refused[:SHOWN]:
        console.print(f"{printable(entry.file)}: refused: {printable(entry.reason)}")
    if len(refused) > SHOWN:
        console.print(f"… and {len(refused) - SHOWN} more")
    faces, new = len(rows) - len(refused), sum(vector is not None for _, vector in made.values())
    console.print(
        f"index: {faces} faces, {new} new, {faces - new} as they were, {gone} gone, {len(refused)} photos refused; "
        f"{printable(out)}"
    )
    if not faces:
        raise UserError(f"index: no photo with a face among {len(rows)}")
    return 1 if refused else 0
