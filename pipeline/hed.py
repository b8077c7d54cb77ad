"""Stage edges@hed: holistic contours of the equalized face, the global contour E_gc of the paper."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from pipeline.contours import soft_contours
from pipeline.images import Edges, Photo, map_images, new_folder, read_photo, write_gray
from pipeline.manifest import Layout, read_faces


@dataclass(frozen=True)
class HedParams:
    """Section `edges.hed`."""

    method: Literal["soft"]  # classical multi-scale contours; not HED itself, and named so
    floor: float  # share of a strong contour's gradient below which it is texture
    spread_px: float  # softness at a 256-px face


def holistic(photo: Photo, params: HedParams) -> Edges:
    """Equalized photo (H, W, 3) -> Edges (H, W), thick and soft, 1 = contour."""
    return soft_contours(photo, params.floor, params.spread_px)


def run(params: HedParams, data: Path, jobs: int) -> None:
    """equalized/ID.png -> edges/hed/ID.png for every accepted face."""
    layout = Layout(data)
    ids = [face.id for face in read_faces(layout)]
    with new_folder(layout.edges("hed")) as out:
        map_images(partial(_one, params, layout, out), ids, jobs, f"edges hed ({params.method})")


def _one(params: HedParams, layout: Layout, out: Path, face: str) -> None:
    write_gray(out / f"{face}.png", holistic(read_photo(layout.equalized / f"{face}.png"), params))
