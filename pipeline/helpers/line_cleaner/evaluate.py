"""Command evaluate-simplifier: how well a simplifier finds the lines of a rough drawing, on pairs made for it.

It also reads the clean drawings that the training starts from. Those it scores by are of faces no simplifier was
trained on; their rough versions are the same in every run.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.contact_sheet import contact_sheet
from pipeline.core.errors import UserError
from pipeline.core.image_io import read_gray, write_photo
from pipeline.core.layout import Layout
from pipeline.core.manifest import read_photographed
from pipeline.core.parallel import map_images
from pipeline.core.polarity import Sketch, to_uint8
from pipeline.core.tables import print_table
from pipeline.drawing import scale
from pipeline.drawing.rough import PEN_PX, RoughParams, lines, rough_drawing
from pipeline.drawing.scale import FACE_PX, face_scale, stretched
from pipeline.drawing.stroke import Stroke, resized
from pipeline.evaluation.metrics.edges import edge_scores
from pipeline.stages.simplify import CLEANERS, SimplifyParams, simplify

PAIRS = 60  # ours: of each kind a quarter
SEED = 20  # ours: never a training's
TOLERANCE_PX = 2.0
SHEET_ROWS = 12
SHAPE = (FACE_PX, FACE_PX)
KINDS: dict[str, dict] = {  # what a kind of rough drawing is made by
    "pencil": {"tools": {"pencil": 1.0}, "hatching": 0.3, "smudges": 0.0, "photo": 0.0},
    "marker": {"tools": {"marker": 1.0}, "hatching": 0.0, "smudges": 0.0, "photo": 0.0},
    "photo": {"hatching": 0.0, "smudges": 0.0, "photo": 1.0},
    "smudged": {"tools": {"pencil": 2.0, "ink": 1.0}, "hatching": 1.0, "smudges": 1.0, "photo": 0.0},
}


@dataclass(frozen=True)
class Pair:
    """One held-out drawing."""

    kind: str  # of KINDS
    strokes: list[Stroke]
    rough: Sketch  # (256, 256), 1 = paper
    clean: Sketch


@dataclass(frozen=True)
class Scored:
    kind: str
    rough: dict[str, float]  # precision, recall, f
    clean: dict[str, float]
    drawn: Sketch  # what became of the rough drawing


@dataclass(frozen=True)
class Traced:
    """A style's sketch of a face and the strokes that the classical simplifier finds in it."""

    raw: NDArray[np.uint8]  # (256, 256), at the contrast that `simplify` gives it
    strokes: list[Stroke]  # in its px


def read_drawings(folder: Path, splits: Sequence[str], tracing: SimplifyParams) -> list[Traced]:
    """Every raw sketch of the splits' faces in which the classical simplifier finds strokes."""
    layout = Layout(folder)
    ids = [face.id for face in read_photographed(layout) if face.split in splits]
    styles = sorted(path.name for path in (folder / "styles").glob("*") if path.is_dir())
    files = [layout.style(style) / f"{face}.png" for face in ids for style in styles]
    if not files:
        raise UserError(f"{folder}: no sketches of the splits {', '.join(splits)}; run: dvc repro style")
    drawings = map_images(partial(_traced, replace(tracing, method="classical")), files, 1, "simplify")
    return [drawing for drawing in drawings if drawing.strokes]


def _traced(tracing: SimplifyParams, file: Path) -> Traced:
    sketch = read_gray(file)
    strokes = [resized(stroke, 1 / face_scale(sketch.shape)) for stroke in simplify(sketch, tracing)]
    return Traced(to_uint8(scale.resized(stretched(sketch), (FACE_PX, FACE_PX))), strokes)


def pairs(drawings: Sequence[Traced], params: RoughParams) -> list[Pair]:
    """PAIRS of them in turn by kind; the same for the same drawings."""
    rng = np.random.default_rng(SEED)
    order = rng.permutation(len(drawings))
    kinds = [list(KINDS)[i % len(KINDS)] for i in range(PAIRS)]
    return [_pair(drawings[order[i % len(order)]].strokes, kind, params, rng) for i, kind in enumerate(kinds)]


def _pair(strokes: list[Stroke], kind: str, params: RoughParams, rng: np.random.Generator) -> Pair:
    rough = rough_drawing(strokes, SHAPE, replace(params, **KINDS[kind]), rng)
    return Pair(kind, strokes, rough, lines(strokes, SHAPE, PEN_PX))


def centrelines(strokes: Sequence[Stroke], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Strokes as lines of one pixel, (H, W), True = line."""
    drawn = np.zeros(shape, np.uint8)
    cv2.polylines(drawn, [np.round(stroke.points).astype(np.int32) for stroke in strokes], False, 1)
    return drawn > 0


def scored(pair: Pair, params: SimplifyParams) -> Scored:
    """Precision, recall and F of the strokes of `simplify`, within TOLERANCE_PX."""
    truth = centrelines(pair.strokes, SHAPE)
    found = [simplify(sketch, params) for sketch in (pair.rough, pair.clean)]
    rough, clean = (edge_scores(centrelines(strokes, SHAPE), truth, TOLERANCE_PX) for strokes in found)
    return Scored(pair.kind, rough, clean, lines(found[0], SHAPE, PEN_PX))


def run(
    drawings: Sequence[Traced],
    method: str,
    simplifying: SimplifyParams,
    rough: RoughParams,
    sheet: Path | None,
    jobs: int,
) -> None:
    """Print the scores of one method of `simplify`, by kind; write examples to `sheet` where given."""
    if method not in CLEANERS:
        raise UserError(f"evaluate-simplifier: no method '{method}'; there are {', '.join(CLEANERS)}")
    made = pairs(drawings, rough)
    params = replace(simplifying, method=method)  # type: ignore[arg-type]
    results = map_images(partial(scored, params=params), made, jobs, f"evaluate-simplifier {method}")
    rows = [_row(kind, [r for r in results if kind in (r.kind, "all")]) for kind in [*KINDS, "all"]]
    heads = ["drawings", "n", *(f"{source} {key}" for source in ("rough", "clean") for key in ("P", "R", "F"))]
    print_table(heads, rows, f"{method}: lines found within {TOLERANCE_PX:g} px of a 256-px face")
    if sheet:
        shown = list(zip(made, results, strict=True))[:SHEET_ROWS]
        cells = [[pair.rough, result.drawn, pair.clean] for pair, result in shown]
        write_photo(sheet, contact_sheet(cells, ["rough", method, "clean"], [p.kind for p, _ in shown], FACE_PX))


def _row(kind: str, results: Sequence[Scored]) -> list[str]:
    keys = ("precision", "recall", "f")
    means = [np.mean([getattr(r, source)[key] for r in results]) for source in ("rough", "clean") for key in keys]
    return [kind, str(len(results)), *(f"{mean:.3f}" for mean in means)]
