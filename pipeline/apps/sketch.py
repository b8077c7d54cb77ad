"""Command sketch: any photo of a face -> aligned, drawn in a style, simplified. In one go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.apps.pictures import work
from pipeline.core import params
from pipeline.core.files import write_bytes
from pipeline.core.image_io import Picture, import_picture, write_gray
from pipeline.core.outcome import Refused, Task
from pipeline.core.polarity import Photo
from pipeline.stages.crop.align import align, crop_photo
from pipeline.stages.crop.settings import CropParams, Unusable
from pipeline.stages.simplify import SimplifyParams, redraw, svg_of
from pipeline.styles import STYLES


@dataclass(frozen=True)
class Drawer:
    """How a photo becomes sketches, and which files are written."""

    crop: CropParams
    simple: SimplifyParams
    styles: Mapping[str, Any]  # name -> its params
    svg: bool
    deform: bool

    def endings(self) -> list[str]:
        """Of a photo's files."""
        kinds = [".png", *(["-deformed.png"] if self.deform else []), *([".svg"] if self.svg else [])]
        return [f"-{name}{kind}" for name in self.styles for kind in kinds]

    def __call__(self, task: Task) -> tuple[list[Path], list[str]]:
        """Draw one photo. Raises ImageError, Refused."""
        picture = import_picture(task.path)
        face = self._face(task.path, picture)
        for name, style in self.styles.items():
            drawing = redraw(STYLES[name].draw(face, style), name, task.name, self.simple)
            write_gray(task.file(f"-{name}.png"), drawing.clean)
            if self.deform:
                write_gray(task.file(f"-{name}-deformed.png"), drawing.deformed)
            if self.svg:
                write_bytes(task.file(f"-{name}.svg"), svg_of(drawing, self.simple))
        return [task.file(ending) for ending in self.endings()], list(picture.notes)

    def _face(self, path: Path, picture: Picture) -> Photo:
        photo = picture.on_white()
        try:
            return crop_photo(photo, align(path, photo, self.crop)[0], self.crop)
        except Unusable as error:
            raise Refused(f"{error.reason} {error.detail}".rstrip(), "give a photo of one upright face") from error


def run(photos: Sequence[Path], out: Path, style: str, size: int, svg: bool, deform: bool, jobs: int) -> int:
    """Write OUT/NAME-STYLE.png (and -deformed.png, .svg) for every photo; returns the exit code."""
    names = list(STYLES) if style == "all" else [style]
    styles: dict[str, Any] = {name: params.load(STYLES[name].params, f"styles.{name}") for name in names}
    crop = replace(params.load(CropParams, "crop"), size=size)
    drawer = Drawer(crop, params.load(SimplifyParams, "simplify"), styles, svg, deform)
    settings = {"styles": names, "size": size, "detector": crop.detector}
    return work("sketch", photos, out, drawer.endings(), drawer, jobs, settings)
