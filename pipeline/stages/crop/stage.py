"""Stage crop: any folder of photos -> aligned square faces, their splits, and a list of what was rejected."""

import hashlib
from collections import Counter
from dataclasses import asdict
from functools import partial
from glob import escape, glob
from pathlib import Path

import cv2
import numpy as np

from pipeline.core.console import console
from pipeline.core.errors import UserError
from pipeline.core.files import new_folder
from pipeline.core.image_io import SUFFIXES, ImageError, import_photo, import_sketch, write_gray, write_photo
from pipeline.core.layout import Layout, write_about
from pipeline.core.manifest import Face, Rejected, write_faces
from pipeline.core.parallel import map_images
from pipeline.core.polarity import Gray, Photo
from pipeline.stages.crop.align import align, crop_photo, crop_sketch
from pipeline.stages.crop.exposures import exposed
from pipeline.stages.crop.ids import make_id
from pipeline.stages.crop.settings import CropParams, Matrix, Unusable
from pipeline.stages.crop.splits import assign_splits, shortage


def find_photos(params: CropParams) -> list[Path]:
    """All image files of the folder, in the order of their names. Raises UserError for none."""
    root = Path(params.photos)
    if not root.is_dir():
        raise UserError(f"{root}: no such folder of photos; put photos there or set crop.photos in params.yaml")
    found = {
        Path(name) for pattern in params.include for name in glob(f"{escape(str(root))}/{pattern}", recursive=True)
    }
    photos = sorted(path for path in found if path.suffix.lower() in SUFFIXES and path.is_file())
    if not photos:
        raise UserError(f"{root}: no photos ({', '.join(sorted(SUFFIXES))}) match {list(params.include)}")
    return photos


def run(params: CropParams, data: Path, jobs: int) -> None:
    """params.photos -> data/faces. Raises UserError where too many sources are unusable."""
    photos, root = find_photos(params), Path(params.photos)
    sources = [path.relative_to(root).as_posix() for path in photos]
    with new_folder(Layout(data).faces) as out:
        tasks = [(photo, source, make_id(source)) for photo, source in zip(photos, sources, strict=True)]
        results = map_images(partial(_one, params, out), tasks, jobs, "crop")
        faces, rejected = _without_duplicates(results, out)
        console.print(f"crop: {len(faces)} faces, {len(rejected)} rejected{_reasons(rejected)}")
        if not faces or len(rejected) > params.max_rejected * len(photos):
            first = "; ".join(f"{r.source}: {r.reason} {r.detail}".strip() for r in rejected[:3])
            raise UserError(
                f"crop: {len(rejected)} of {len(photos)} photos rejected, at most {params.max_rejected:.0%} allowed "
                f"(crop.max_rejected): {first}"
            )
        faces = assign_splits(faces, params.splits)
        if lack := shortage(faces, params.splits):
            console.print(f"crop: {lack}")
        write_faces(out, faces + exposed(faces, params.exposures, out, jobs), rejected)
        write_about(out, asdict(params))


def _reasons(rejected: list[Rejected]) -> str:
    counts = Counter(r.reason for r in rejected)
    return f" ({', '.join(f'{n} {reason}' for reason, n in sorted(counts.items()))})" if counts else ""


def _without_duplicates(results: list[Face | Rejected], out: Path) -> tuple[list[Face], list[Rejected]]:
    faces: dict[str, Face] = {}
    rejected = []
    for result in results:
        if isinstance(result, Rejected):
            rejected.append(result)
        elif result.sha256 in faces:
            rejected.append(Rejected(result.source, "duplicate", f"same file as {faces[result.sha256].source}"))
            for folder in ("photos", "sketches"):
                (out / folder / f"{result.id}.png").unlink(missing_ok=True)
        else:
            faces[result.sha256] = result
    return list(faces.values()), rejected


def _one(params: CropParams, out: Path, task: tuple[Path, str, str]) -> Face | Rejected:
    path, source, face_id = task
    try:
        photo = import_photo(path)
        matrix, alignment = align(path, photo, params)
        if params.sketches:
            write_gray(out / "sketches" / f"{face_id}.png", _sketch(path, photo, matrix, params))
    except ImageError as error:
        return Rejected(source, "unreadable", str(error).removeprefix(f"{path}: "))
    except Unusable as error:
        return Rejected(source, error.reason, error.detail)
    write_photo(out / "photos" / f"{face_id}.png", crop_photo(photo, matrix, params))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    a, b, c, d, e, f = (float(v) for v in matrix.ravel())
    return Face(face_id, source, digest, "", "", alignment, (a, b, c, d, e, f))


def _sketch(path: Path, photo: Photo, matrix: Matrix, params: CropParams) -> Gray:
    """The real sketch that belongs to a photo, cropped; scaled first where its resolution differs."""
    old, new = params.sketches or ("", "")
    stem = Path(*[new if part == old else part for part in path.parts]).with_suffix("")
    file = next((p for p in sorted(stem.parent.glob(f"{stem.name}.*")) if p.suffix.lower() in SUFFIXES), None)
    if file is None:
        raise Unusable("no sketch", f"expected {stem}.*")
    sketch = import_sketch(file)
    if sketch.shape != photo.shape[:2]:
        sketch = cv2.resize(sketch, photo.shape[1::-1], interpolation=cv2.INTER_AREA).astype(np.float32)
    return crop_sketch(sketch, matrix, params)
