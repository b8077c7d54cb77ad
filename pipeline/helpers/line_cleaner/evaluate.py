"""Command evaluate-line-cleaner: how well a simplifier finds the lines of a rough drawing, and of a clean one.

The lines are known by construction (`known`); the same drawings are made in every run, none of a person who was
trained on. Lines found are matched one to one with the true ones. `blind` shows what luck is worth: the lines of
another drawing of the same source.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.contact_sheet import contact_sheet
from pipeline.core.errors import UserError
from pipeline.core.files import write_bytes
from pipeline.core.image_io import write_photo
from pipeline.core.parallel import map_images
from pipeline.core.polarity import Sketch
from pipeline.core.tables import print_table
from pipeline.drawing.rasterize import render
from pipeline.drawing.rough import PEN_PX, RoughParams, lines, rough_drawing
from pipeline.drawing.scale import FACE_PX
from pipeline.drawing.stroke import Stroke
from pipeline.helpers.contour_drawer.fs2k import split_ids
from pipeline.helpers.contour_drawer.train import ContourDrawerParams
from pipeline.helpers.line_cleaner import known
from pipeline.helpers.line_matching import f_measure, line_counts, precision_recall
from pipeline.stages.simplify import CLEANERS, SimplifyParams, simplify

OF_EACH = 10  # ours: drawings of each source and kind
SEEDS = {"val": 19, "test": 20}  # ours: of the drawings of a split
REACH_PX = 2.0
SHAPE = (FACE_PX, FACE_PX)
BLIND = "blind"
KINDS: dict[str, dict[str, Any]] = {  # what a kind of rough drawing is made by
    "pencil": {"tools": {"pencil": 1.0}, "hatching": 0.3, "smudges": 0.0, "photo": 0.0},
    "marker": {"tools": {"marker": 1.0}, "hatching": 0.0, "smudges": 0.0, "photo": 0.0},
    "photo": {"hatching": 0.0, "smudges": 0.0, "photo": 1.0},
    "smudged": {"tools": {"pencil": 2.0, "ink": 1.0}, "hatching": 1.0, "smudges": 1.0, "photo": 0.0},
}


@dataclass(frozen=True)
class Pair:
    """One drawing, rough and clean, (256, 256) each, and the lines that both show."""

    source: str
    kind: str  # of KINDS
    strokes: list[Stroke]
    rough: Sketch
    clean: Sketch


@dataclass(frozen=True)
class Scored:
    """What became of a Pair."""

    labels: tuple[str, str]  # source and kind
    rough: NDArray[np.int64]  # see `line_counts`
    clean: NDArray[np.int64]
    drawn: Sketch  # what became of the rough drawing


def pairs(split: str, people: ContourDrawerParams, params: RoughParams) -> list[Pair]:
    """OF_EACH drawings of every source and kind, always the same. Says so where there are none of people.

    Raises UserError for another split than val and test.
    """
    if split not in SEEDS:
        raise UserError(f"evaluate-line-cleaner: no split '{split}'; there are {', '.join(SEEDS)}")
    folder, names = Path(people.pairs), list[str]()
    if folder.is_dir():
        names = split_ids(folder, people.styles, people.val_share, people.test_share)[split]
    else:
        print(f"evaluate-line-cleaner: people's drawings are left out: no folder {folder}")
    rng, made = np.random.default_rng(SEEDS[split]), []
    for source, strokes_of in known.sources(folder, names).items():
        for n in range(OF_EACH * len(KINDS)):
            made.append(_pair(source, list(KINDS)[n % len(KINDS)], strokes_of(n, rng), params, rng))
    return made


def _pair(source: str, kind: str, strokes: list[Stroke], params: RoughParams, rng: np.random.Generator) -> Pair:
    rough = rough_drawing(strokes, SHAPE, replace(params, **KINDS[kind]), rng)
    return Pair(source, kind, strokes, rough, render(strokes, SHAPE))


def centrelines(strokes: Sequence[Stroke], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Strokes as lines of one pixel, (H, W), True = line."""
    drawn = np.zeros(shape, np.uint8)
    cv2.polylines(drawn, [np.round(stroke.points).astype(np.int32) for stroke in strokes], False, 1)
    return drawn > 0


def scored(pair: Pair, other: Pair, params: SimplifyParams | None) -> Scored:
    """The strokes of `simplify` beside the true ones; without params, those of the `other` drawing."""
    truth = centrelines(pair.strokes, SHAPE)
    found = [other.strokes if params is None else simplify(sketch, params) for sketch in (pair.rough, pair.clean)]
    rough, clean = (line_counts(centrelines(strokes, SHAPE), truth, REACH_PX) for strokes in found)
    return Scored((pair.source, pair.kind), rough, clean, lines(found[0], SHAPE, PEN_PX))


def run(
    made: Sequence[Pair], method: str, simplifying: SimplifyParams, out: Path | None, sheet: Path | None, jobs: int
) -> None:
    """Print the scores of one method, by source and by kind; write them to `out`, examples to `sheet`, where given."""
    if method not in (*CLEANERS, BLIND):
        raise UserError(f"evaluate-line-cleaner: no method '{method}'; there are {', '.join([*CLEANERS, BLIND])}")
    params = None if method == BLIND else replace(simplifying, method=method)  # type: ignore[arg-type]
    results = map_images(partial(_one, params), _with_another(made), jobs, f"evaluate-line-cleaner {method}")
    labels = [*dict.fromkeys(pair.source for pair in made), *KINDS, "all"]
    scores = {label: summary([r for r in results if label in (*r.labels, "all")]) for label in labels}
    heads = ["drawings", *scores["all"]]
    rows = [[label, *_written(row)] for label, row in scores.items()]
    print_table(heads, rows, f"{method}: lines found within {REACH_PX:g} px of a 256-px face")
    if out:
        write_bytes(out, json.dumps({"method": method, "scores": scores}, indent=1).encode())
    if sheet:
        _write_sheet(sheet, method, made, results)


def _written(row: dict[str, float]) -> list[str]:
    return [f"{value:.0f}" if key == "n" else f"{value:.3f}" for key, value in row.items()]


def _with_another(made: Sequence[Pair]) -> list[tuple[Pair, Pair]]:
    """Every pair beside the next of the same source."""
    alike = [[pair for pair in made if pair.source == source] for source in dict.fromkeys(p.source for p in made)]
    return [(pair, part[(i + 1) % len(part)]) for part in alike for i, pair in enumerate(part)]


def _one(params: SimplifyParams | None, both: tuple[Pair, Pair]) -> Scored:
    return scored(*both, params)


def summary(results: Sequence[Scored]) -> dict[str, float]:
    """How many drawings, and the means over them of precision, recall and F, rough and clean."""
    found: dict[str, float] = {"n": len(results)}
    for name in ("rough", "clean"):
        counts = np.stack([getattr(result, name) for result in results])
        values = (*precision_recall(counts), f_measure(counts))
        found |= {f"{name} {key}": float(value.mean()) for key, value in zip("PRF", values, strict=True)}
    return found


def _write_sheet(sheet: Path, method: str, made: Sequence[Pair], results: Sequence[Scored]) -> None:
    at = {(pair.source, pair.kind): i for i, pair in reversed(list(enumerate(made)))}  # the first of each
    shown = [(made[i], results[i]) for i in sorted(at.values())]
    cells = [[pair.rough, result.drawn, pair.clean] for pair, result in shown]
    labels = [f"{pair.source}, {pair.kind}" for pair, _ in shown]
    write_photo(sheet, contact_sheet(cells, ["rough", method, "clean"], labels, FACE_PX))
