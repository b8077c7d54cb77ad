"""The four drawing styles, by name, and the stage that draws every face in one of them.

A table entry imports its module when called: one style runs without the others' code and compilers.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.core.errors import UserError
from pipeline.core.image_io import read_photo, write_gray
from pipeline.core.layout import Layout
from pipeline.core.map_faces import map_faces
from pipeline.core.polarity import Photo, Sketch, luminance
from pipeline.weights.loaders import at_once


@dataclass(frozen=True)
class Style:
    params: type  # dataclass of params.yaml's section styles.NAME
    draw: Callable[[Photo, Any], Sketch]
    nets: Callable[[Any], bool] = lambda params: False  # whether a net draws


def _xdog() -> Style:
    from pipeline.styles.xdog import XdogParams, xdog

    return Style(XdogParams, lambda photo, params: xdog(luminance(photo), params))


def _fdog() -> Style:
    from pipeline.styles.fdog import FdogParams, fdog

    return Style(FdogParams, lambda photo, params: fdog(luminance(photo), params))


def _photocopy() -> Style:
    from pipeline.styles.photocopy import PhotocopyParams, lightness, photocopy

    return Style(PhotocopyParams, lambda photo, params: photocopy(lightness(photo), params))


def _photosketch() -> Style:
    from pipeline.styles.photosketch import PhotosketchParams, photosketch

    return Style(PhotosketchParams, photosketch, lambda params: params.method != "contour")


STYLES: dict[str, Callable[[], Style]] = {
    "xdog": _xdog,
    "fdog": _fdog,
    "photocopy": _photocopy,
    "photosketch": _photosketch,
}


def style(name: str) -> Style:
    """The style of that name. Raises UserError for any other."""
    if name not in STYLES:
        raise UserError(f"no style '{name}'; there are {', '.join(STYLES)}")
    return STYLES[name]()


def run(name: str, params: Any, data: Path, jobs: int) -> None:
    """faces/photos/ID.png -> styles/NAME/ID.png for every accepted face; params as style(name).params."""
    layout = Layout(data)
    one, together = partial(_one, name, params, layout), at_once(style(name).nets(params))
    map_faces(one, layout, layout.style(name), asdict(params), jobs, f"style {name}", together)


def _one(name: str, params: Any, layout: Layout, out: Path, face: str) -> None:
    write_gray(out / f"{face}.png", style(name).draw(read_photo(layout.photos / f"{face}.png"), params))
