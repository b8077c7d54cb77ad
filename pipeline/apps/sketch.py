"""Command sketch: any photo of a face -> aligned, drawn in a style, simplified. In one go."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.apps.generate import files_of, unique_names
from pipeline.core import params
from pipeline.core.console import console
from pipeline.core.errors import UserError
from pipeline.core.files import write_bytes
from pipeline.core.image_io import ImageError, import_photo, write_gray
from pipeline.core.parallel import map_images
from pipeline.stages.crop.align import align, crop_photo
from pipeline.stages.crop.settings import CropParams, Unusable
from pipeline.stages.simplify import SimplifyParams, redraw, svg_of
from pipeline.styles import STYLES


def run(photos: list[Path], out: Path, style: str, size: int, svg: bool, deform: bool, jobs: int) -> None:
    """Write OUT/NAME-STYLE.png (and -deformed.png, .svg) for every photo; photos that cannot be used are named.

    Raises UserError where no photo could be used.
    """
    names = list(STYLES) if style == "all" else [style]
    if style != "all" and style not in STYLES:
        raise UserError(f"--style {style}: there are {', '.join(STYLES)} and all")
    crop = replace(params.load(CropParams, "crop"), size=size, detector="haar")
    simple = params.load(SimplifyParams, "simplify")
    styles: dict[str, Any] = {name: params.load(STYLES[name]().params, f"styles.{name}") for name in names}
    files = files_of(photos)
    tasks = list(zip(files, unique_names(files), strict=True))
    failures = [
        f for f in map_images(partial(_one, crop, simple, styles, svg, deform, out), tasks, jobs, "sketch") if f
    ]
    for failure in failures:
        console.print(failure)
    if len(failures) == len(files):
        raise UserError(f"sketch: none of {len(files)} photos could be used: {failures[0]}")
    console.print(f"sketch: {(len(files) - len(failures)) * len(names)} sketches in {out}")


def _one(
    crop: CropParams,
    simple: SimplifyParams,
    styles: dict[str, Any],
    svg: bool,
    deform: bool,
    out: Path,
    task: tuple[Path, str],
) -> str | None:
    """Draw one photo; returns why not, if not."""
    file, stem = task
    try:
        photo = import_photo(file)
        face = crop_photo(photo, align(file, photo, crop)[0], crop)
    except ImageError as error:
        return str(error)
    except Unusable as error:
        return f"{file}: {error.reason} {error.detail}".rstrip()
    for name, style in styles.items():
        drawing = redraw(STYLES[name]().draw(face, style), name, stem, simple)
        write_gray(out / f"{stem}-{name}.png", drawing.clean)
        if deform:
            write_gray(out / f"{stem}-{name}-deformed.png", drawing.deformed)
        if svg:
            write_bytes(out / f"{stem}-{name}.svg", svg_of(drawing, simple))
    return None
