"""Stages style@NAME: every face drawn in one style."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.core.image_io import read_photo, write_gray
from pipeline.core.layout import Layout
from pipeline.core.map_faces import map_faces
from pipeline.styles import STYLES
from pipeline.weights.drawing_nets import at_once


def run(name: str, params: Any, data: Path, jobs: int) -> None:
    """faces/photos/ID.png -> styles/NAME/ID.png for every accepted face; params as STYLES[name].params."""
    layout = Layout(data)
    one, side_by_side = partial(_one, name, params, layout), at_once(STYLES[name].nets(params))
    map_faces(one, layout, layout.style(name), asdict(params), jobs, f"style {name}", side_by_side)


def _one(name: str, params: Any, layout: Layout, out: Path, face: str) -> None:
    write_gray(out / f"{face}.png", STYLES[name].draw(read_photo(layout.photos / f"{face}.png"), params))
