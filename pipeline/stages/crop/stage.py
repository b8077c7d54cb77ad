"""Stage crop: any folder of photos -> aligned square faces, their splits, and a list of what was rejected."""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from pipeline.core.console import console
from pipeline.core.errors import UserError
from pipeline.core.files import new_folder
from pipeline.core.finder import Source, find_pictures
from pipeline.core.image_io import ImageError, import_photo, write_gray, write_photo
from pipeline.core.layout import Layout, write_about
from pipeline.core.manifest import TRAIN, Face, Rejected, write_faces, write_rejected
from pipeline.core.parallel import map_images
from pipeline.core.polarity import Photo, Sketch
from pipeline.core.printable import printable
from pipeline.stages.crop.align import align, crop_photo, crop_sketch
from pipeline.stages.crop.exposures import exposed
from pipeline.stages.crop.ids import make_id
from pipeline.stages.crop.near_duplicates import warn_of_near_duplicates
from pipeline.stages.crop.pairs import has_drawings, is_photo, read_sketch, sketch_file
from pipeline.stages.crop.settings import CropParams, Matrix, Unusable
from pipeline.stages.crop.splits import assign_splits, shortage

Cropped = tuple[Photo, Sketch | None, Matrix, str]  # and how the eyes were found
REJECTED = "faces_rejected.csv"  # beside the folder of faces, which a stage that fails does not leave
COPY = re.compile(
    r"( ?\(\d+\)|[ _-]*(copy|kopie|copie|copia)( ?\d+)?)$", re.IGNORECASE
)  # as browsers and desktops mark


def find_photos(params: CropParams) -> list[Source]:
    """All photos of the folder, in the order of their names; says what else lies there. Raises UserError for none."""
    root = Path(params.photos)
    if not root.is_dir():
        raise UserError(f"{root}: no such folder of photos; put photos there or set crop.photos in params.yaml")
    found = find_pictures([root], params.include)
    photos = [source for source in found.sources if is_photo(source.name, params.sketches)]
    others = len(found.sources) - len(photos)
    for line in found.report():
        console.print(f"crop: {line}")
    if params.sketches and not photos:
        raise UserError(f"{root}: no picture lies in a folder {params.sketches[0]} (crop.sketches) below it")
    if params.sketches and others:
        console.print(f"crop: left out, in no folder {params.sketches[0]} (crop.sketches): {others}")
    if params.sketches:
        _tell_of_drawings(root, photos, params.sketches)
    return photos


def _tell_of_drawings(root: Path, photos: Sequence[Source], pair: tuple[str, str]) -> None:
    """Says how many photos are of sets without drawings. Raises UserError where all are."""
    without = sum(not has_drawings(root, source.name, pair) for source in photos)
    if without == len(photos):
        raise UserError(
            f"{root}: no folder {pair[1]} stands beside a folder {pair[0]} (crop.sketches) below it; "
            "null where nobody has one"
        )
    if without:
        console.print(
            f"crop: photos of sets without a folder {pair[1]} (crop.sketches), which have no drawing: {without}"
        )


def run(params: CropParams, data: Path, jobs: int) -> None:
    """params.photos -> data/faces. Raises UserError where too many sources are unusable, but lists them."""
    layout, photos = Layout(data), find_photos(params)
    with new_folder(layout.faces) as out:
        results = map_images(partial(_one, params, out), photos, jobs, "crop", killed=_killed)
        faces, rejected = _without_copies(results, out)
        console.print(f"crop: {len(faces)} faces, {len(rejected)} rejected{_reasons(rejected)}")
        _check_count(faces, rejected, params, layout)
        faces = assign_splits(faces, params.splits, Path(params.photos))
        faces = without_framed_held_out(faces, out)
        if lack := shortage(faces, params.splits):
            console.print(f"crop: {lack}")
        warn_of_near_duplicates(faces, out, jobs)
        write_faces(out, faces + exposed(faces, params.exposures, out, jobs), rejected)
        write_about(out, asdict(params))
    (layout.root / REJECTED).unlink(missing_ok=True)


def without_framed_held_out(faces: Sequence[Face], folder: Path) -> list[Face]:
    """The faces without those that are held out and framed another way, whose pictures are removed.

    What is measured at fixed places of a crop needs one framing; what trains does not.
    """
    kept = [face for face in faces if face.split == TRAIN or face.eyes is None]
    for face in set(faces) - set(kept):
        for pictures in ("photos", "sketches"):
            (folder / pictures / f"{face.id}.png").unlink(missing_ok=True)
    if len(kept) < len(faces):
        console.print(f"crop: left out, held out but framed another way (crop.framings): {len(faces) - len(kept)}")
    return kept


def _check_count(faces: Sequence[Face], rejected: Sequence[Rejected], params: CropParams, layout: Layout) -> None:
    """Raises UserError where too many of the sources, copies not counted, are rejected; their list outlives it."""
    unusable = [r for r in rejected if r.reason != "duplicate"]
    count = len(faces) + len(unusable)
    if faces and len(unusable) <= params.max_rejected * count:
        return
    write_rejected(layout.root / REJECTED, rejected)
    first = "; ".join(f"{r.source}: {r.reason} {r.detail}".strip() for r in unusable[:3])
    raise UserError(
        f"crop: {len(unusable)} of {count} photos rejected, at most {params.max_rejected:.0%} allowed "
        f"(crop.max_rejected): {first}; all: {layout.root / REJECTED}"
    )


def first_folder(source: str) -> str:
    """Of a path relative to the photos; "" for a photo in none."""
    return source.partition("/")[0] if "/" in source else ""


def _reasons(rejected: Sequence[Rejected]) -> str:
    counts = Counter(r.reason for r in rejected)
    return f" ({', '.join(f'{n} {reason}' for reason, n in sorted(counts.items()))})" if counts else ""


def _without_copies(results: Sequence[Face | Rejected], out: Path) -> tuple[list[Face], list[Rejected]]:
    """The results with every exact copy rejected; the original is the one with the plainest name."""
    found = sorted((result for result in results if isinstance(result, Face)), key=_plainness)
    originals: dict[str, Face] = {}
    for face in found:
        originals.setdefault(face.sha256, face)
    rejected = [result for result in results if isinstance(result, Rejected)]
    for face in found:
        original = originals[face.sha256]
        if face is not original:
            rejected.append(Rejected(face.source, "duplicate", f"same file as {original.source}"))
            for folder in ("photos", "sketches"):
                (out / folder / f"{face.id}.png").unlink(missing_ok=True)
    return sorted(originals.values(), key=lambda face: face.id), rejected


def _plainness(face: Face) -> tuple[bool, int, str]:
    return bool(COPY.search(Path(face.source).stem)), len(face.source), face.source


def _one(params: CropParams, out: Path, source: Source) -> Face | Rejected:
    """One photo into the folder `out`; what is wrong with it alone becomes its row among the rejected."""
    name, face_id = printable(source.name), make_id(source.name)
    try:
        photo, sketch, matrix, alignment = _cropped(params, source)
    except ImageError as error:
        return Rejected(name, "unreadable", printable(str(error).removeprefix(f"{source.path}: ")))
    except Unusable as error:
        return Rejected(name, error.reason, printable(error.detail))
    except UserError:
        raise
    except Exception as error:  # whatever a strange file brings about: the others go on
        return Rejected(name, "failed", printable(f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"))
    write_photo(out / "photos" / f"{face_id}.png", photo)
    if sketch is not None:
        write_gray(out / "sketches" / f"{face_id}.png", sketch)
    digest = hashlib.sha256(source.path.read_bytes()).hexdigest()
    a, b, c, d, e, f = (float(v) for v in matrix.ravel())
    eyes = params.framings.get(first_folder(source.name))
    placed = (eyes.eye_y, eyes.eye_distance) if eyes else None
    return Face(face_id, name, digest, "", "", alignment, (a, b, c, d, e, f), eyes=placed)


def _killed(source: Source) -> Face | Rejected:
    return Rejected(printable(source.name), "failed", "its process was killed (out of memory?)")


def _cropped(params: CropParams, source: Source) -> Cropped:
    """Raises ImageError and Unusable."""
    photo, eyes = import_photo(source.path), params.framings.get(first_folder(source.name))
    params = replace(params, **asdict(eyes)) if eyes else params
    matrix, alignment = align(source.path, photo, params)
    sketch = None
    if params.sketches and has_drawings(Path(params.photos), source.name, params.sketches):
        file = sketch_file(Path(params.photos), source.name, params.sketches)
        sketch = crop_sketch(read_sketch(file, photo), matrix, params)
    return crop_photo(photo, matrix, params), sketch, matrix, alignment
