"""Stage simplify: each sketch as fewer, longer, cleaner lines, and the same as an unpractised hand draws it."""

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.allowed import Items, Pixels, Range, Seed, Share
from pipeline.core.files import write_bytes
from pipeline.core.image_io import read_sketch, write_gray
from pipeline.core.layout import Layout, made_with
from pipeline.core.map_faces import map_faces
from pipeline.core.polarity import Sketch, strokes_of
from pipeline.drawing.deformation import DeformParams, deform, displacement_field, warp
from pipeline.drawing.rasterize import render
from pipeline.drawing.scale import enlarged, face_scale, on_canvas, stretched
from pipeline.drawing.stroke import Stroke, pressed, resized, smooth
from pipeline.drawing.svg import to_svg
from pipeline.drawing.trace import trace
from pipeline.styles import StyleName
from pipeline.weights import drawing_nets

LARGEST_PX = 2048  # ours: a larger sketch is traced at this size
FULL_INK = 0.8  # ours: mean ink under a stroke drawn with full pressure
OWN_PX = 384  # ours: and cleaned by the own net at this, near to what it was trained at
OWN_PAPER = 1 / 3  # ours: ink is as likely as not, to a net whose loss counts it twice (line_cleaner.yaml)


@dataclass(frozen=True)
class SimplifyParams:
    """Section `simplify`. Lengths are px at a 256-px face."""

    # classical: ink as it is; gan, mse: cleaned by Simo-Serra et al.'s net first; own: by the project's line
    # cleaner; then traced, merged, smoothed
    method: Literal["classical", "gan", "mse", "own"]
    untouched: Annotated[
        tuple[StyleName, ...], Items(least=0)
    ]  # styles that are not simplified; the paper leaves photo-sketch as it is
    threshold: Annotated[float, Range(above=0, most=1)]  # ink is darker than this
    solid_px: Pixels  # wider ink is drawn as its outline
    hatch_px: Pixels  # and filled with lines this far apart; 0: left white
    close_px: Pixels  # nearer lines merge
    gap_px: Pixels  # shorter breaks are joined
    smooth_px: Pixels  # standard deviation of the smoothing along a line
    min_length_px: Annotated[float, Range(least=0, most=256)]  # shorter lines are specks
    width_px: Pixels  # of the pen; a stroke's own width counts by half
    pressure_px: Pixels  # a stroke is as dark as the ink within this (standard deviation); 0: all are black
    lightest: Share  # darkness of the lightest stroke, where there is pressure
    deform: DeformParams
    seed: Seed


def simplify(sketch: Sketch, params: SimplifyParams) -> list[Stroke]:
    """Sketch (H, W) -> the strokes a person would draw, in its own px. Raises ImageError for what cannot be a face."""
    canvas = enlarged(sketch, LARGEST_PX)
    scale = face_scale(canvas.shape)
    solid, close = max(3.0, params.solid_px * scale), max(1.0, params.close_px * scale)
    drawn = stretched(canvas)
    gap, hatch = max(2.0, params.gap_px * scale), params.hatch_px * scale
    strokes = trace(CLEANERS[params.method](drawn), params.threshold, solid, close, gap, hatch)
    lines = smooth(strokes, max(1.0, params.smooth_px * scale), params.min_length_px * scale, 2.0)
    if params.pressure_px > 0:
        ink = cv2.GaussianBlur(strokes_of(drawn), (0, 0), params.pressure_px * scale)
        lines = pressed(lines, ink / np.float32(FULL_INK), params.lightest)
    pen = params.width_px * scale
    back = sketch.shape[1] / canvas.shape[1]
    return [resized(replace(line, widths=_pen_widths(line.widths, pen)), back) for line in lines]


CLEANERS: dict[str, Callable[[Sketch], Sketch]] = {
    "classical": lambda sketch: sketch,
    "gan": lambda sketch: Sketch(drawing_nets.runner("simplify_gan")(sketch)),
    "mse": lambda sketch: Sketch(drawing_nets.runner("simplify_mse")(sketch)),
    "own": lambda sketch: _paper(on_canvas(sketch, drawing_nets.runner("line_cleaner"), OWN_PX)),
}


def _paper(drawn: NDArray[np.float32]) -> Sketch:
    """What the project's own net drew, ink or paper."""
    return Sketch((drawn > OWN_PAPER).astype(np.float32))


def _pen_widths(widths: NDArray[np.float32], pen: float) -> NDArray[np.float32]:
    return ((pen + np.clip(widths, 0, 2 * pen)) / 2).astype(np.float32)


def generator(face: str, style: str, seed: int) -> np.random.Generator:
    """Randomness that belongs to one drawing of one face."""
    digest = hashlib.sha256(f"{seed}/{style}/{face}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


@dataclass(frozen=True)
class Drawing:
    """One sketch, simplified, and as an unpractised hand repeats it."""

    clean: Sketch
    deformed: Sketch
    strokes: list[Stroke]  # of the clean one; none where it is not simplified


def redraw(raw: Sketch, style: str, face: str, params: SimplifyParams) -> Drawing:
    """Raw sketch (H, W) of a style -> its Drawing; the hand depends on the face's name, the style and the seed."""
    rng = generator(face, style, params.seed)
    if style in params.untouched:
        return Drawing(raw, warp(raw, displacement_field(raw.shape, params.deform, rng)), [])
    strokes = simplify(raw, params)
    deformed = deform(strokes, params.deform, rng, raw.shape)
    return Drawing(render(strokes, raw.shape), render(deformed, raw.shape), strokes)


def svg_of(drawing: Drawing, params: SimplifyParams) -> bytes:
    """The clean strokes as an SVG file; a sketch that was not simplified is traced for it."""
    return to_svg(drawing.strokes or simplify(drawing.clean, params), drawing.clean.shape).encode()


def run(style: str, params: SimplifyParams, data: Path, jobs: int, svg: bool = False) -> None:
    """styles/STYLE/ID.png -> simplified/STYLE/clean/ID.png (and .svg) and simplified/STYLE/deformed/ID.png."""
    layout = Layout(data)
    about = asdict(params) | {"style": made_with(layout.style(style))}
    one = partial(_one, style, params, layout, svg)
    together = drawing_nets.at_once(nets=style not in params.untouched and params.method != "classical")
    map_faces(one, layout, layout.simplified(style), about, jobs, f"simplify {style}", together)


def _one(style: str, params: SimplifyParams, layout: Layout, svg: bool, out: Path, face: str) -> None:
    drawing = redraw(read_sketch(layout.style(style) / f"{face}.png"), style, face, params)
    write_gray(out / "clean" / f"{face}.png", drawing.clean)
    write_gray(out / "deformed" / f"{face}.png", drawing.deformed)
    if svg:
        write_bytes(out / "clean" / f"{face}.svg", svg_of(drawing, params))
