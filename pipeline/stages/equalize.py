"""Stage equalize: every face with its luminance equalized, which HED sees (Section 4.1)."""

from dataclasses import asdict
from functools import partial
from pathlib import Path

from pipeline.core.image_io import read_photo, write_photo
from pipeline.core.layout import Layout
from pipeline.core.map_faces import map_faces
from pipeline.drawing.equalization import EqualizeParams, equalize


def run(params: EqualizeParams, data: Path, jobs: int) -> None:
    """faces/photos/ID.png -> equalized/ID.png for every accepted face."""
    layout = Layout(data)
    map_faces(partial(_one, params, layout), layout, layout.equalized, asdict(params), jobs, "equalize")


def _one(params: EqualizeParams, layout: Layout, out: Path, face: str) -> None:
    write_photo(out / f"{face}.png", equalize(read_photo(layout.photos / f"{face}.png"), params))
