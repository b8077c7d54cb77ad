"""Commands equalize, edges, style and simplify on pictures of a user's own: whole, as they are, into a folder."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.apps.pictures import work
from pipeline.core import params
from pipeline.core.files import write_bytes
from pipeline.core.image_io import import_picture, write_gray, write_photo
from pipeline.core.outcome import Task
from pipeline.core.polarity import Gray, Photo, luminance
from pipeline.drawing.deformation import deform
from pipeline.drawing.equalization import EqualizeParams, equalize
from pipeline.drawing.face_prior import Eyes, eyes_of_crops
from pipeline.drawing.ink import ink_from_paper
from pipeline.drawing.rasterize import render
from pipeline.drawing.svg import to_svg
from pipeline.stages.canny import CannyParams, canny
from pipeline.stages.hed import HedParams, holistic
from pipeline.stages.simplify import SimplifyParams, generator
from pipeline.stages.simplify import simplify as strokes_of_sketch
from pipeline.styles import STYLES

UNKNOWN_EYES = "drawn plain: {} is local, which knows where the eyes are in crops alone"


def equalized(photos: Sequence[Path], out: Path | None, jobs: int) -> int:
    """OUT/NAME-equalized.png of every photo; returns the exit code, as all here."""
    one = partial(_equalize, params.load(EqualizeParams, "equalize"))
    return work("equalize", photos, out, ("-equalized.png",), one, jobs)


def _equalize(values: EqualizeParams, task: Task) -> tuple[list[Path], list[str]]:
    picture, file = import_picture(task.path), task.file("-equalized.png")
    write_photo(file, equalize(picture.on_white(), values))
    return [file], list(picture.notes)


def canny_edges(photos: Sequence[Path], out: Path | None, jobs: int) -> int:
    """OUT/NAME-canny.png of every photo, white on black."""
    values, notes = params.load(CannyParams, "edges.canny"), list[str]()
    if values.method == "local":
        values, notes = replace(values, method="plain"), [UNKNOWN_EYES.format("edges.canny.method")]
    return _gray("edges canny", photos, out, "-canny.png", partial(_canny, values, eyes_of_crops()), jobs, notes)


def _canny(values: CannyParams, eyes: Eyes, photo: Photo) -> Gray:
    return canny(luminance(photo), values, eyes)


def hed_edges(photos: Sequence[Path], out: Path | None, jobs: int) -> int:
    """OUT/NAME-hed.png of every photo, equalized first, white on black."""
    values = params.load(HedParams, "edges.hed")
    notes = [UNKNOWN_EYES.format("edges.hed.features")] if values.features == "local" else []
    draw = partial(_hed, params.load(EqualizeParams, "equalize"), values)
    return _gray("edges hed", photos, out, "-hed.png", draw, jobs, notes)


def _hed(equalizing: EqualizeParams, values: HedParams, photo: Photo) -> Gray:
    return holistic(equalize(photo, equalizing), values)


def styled(name: str, photos: Sequence[Path], out: Path | None, jobs: int) -> int:
    """OUT/NAME-STYLE.png of every photo, black on white. Raises UserError for an unknown style."""
    values: Any = params.load(STYLES[name].params, f"styles.{name}")
    return _gray(f"style {name}", photos, out, f"-{name}.png", partial(_draw, name, values), jobs)


def _draw(name: str, values: Any, photo: Photo) -> Gray:
    drawn: Gray = STYLES[name].draw(photo, values)
    return drawn


def _gray(
    command: str,
    photos: Sequence[Path],
    out: Path | None,
    ending: str,
    draw: Callable[[Photo], Gray],
    jobs: int,
    notes: Sequence[str] = (),
) -> int:
    return work(command, photos, out, (ending,), partial(_write_gray, draw, ending, notes), jobs)


def _write_gray(
    draw: Callable[[Photo], Gray], ending: str, notes: Sequence[str], task: Task
) -> tuple[list[Path], list[str]]:
    picture, file = import_picture(task.path), task.file(ending)
    write_gray(file, draw(picture.on_white()))
    return [file], [*picture.notes, *notes]


def simplified(drawings: Sequence[Path], out: Path | None, svg: bool, jobs: int) -> int:
    """OUT/NAME-simplified.png, -deformed.png (and .svg) of every drawing, its ink taken from its paper."""
    endings = ("-simplified.png", "-deformed.png", *(("-simplified.svg",) if svg else ()))
    one = partial(_simplify, params.load(SimplifyParams, "simplify"), endings)
    return work("simplify", drawings, out, endings, one, jobs)


def _simplify(values: SimplifyParams, endings: Sequence[str], task: Task) -> tuple[list[Path], list[str]]:
    inked = ink_from_paper(import_picture(task.path), cut=False)
    strokes, shape = strokes_of_sketch(inked.sketch, values), inked.sketch.shape
    rough = deform(strokes, values.deform, generator(task.name, "drawing", values.seed), shape)
    write_gray(task.file("-simplified.png"), render(strokes, shape))
    write_gray(task.file("-deformed.png"), render(rough, shape))
    if len(endings) > 2:
        write_bytes(task.file("-simplified.svg"), to_svg(strokes, shape).encode())
    return [task.file(ending) for ending in endings], list(inked.notes)
