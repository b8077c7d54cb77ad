"""Command evaluate-contour-drawer: style photosketch beside people's drawings, on pairs that no training saw.

Both are thinned to their centrelines and matched one to one, as BSDS500's boundaries are, but within 4 px of a 256-px
face, since people's drawings miss the photo. The people's drawing is what training aims at: its line art, in which
hatching is an outline. The split test is scored; `val` is for choosing settings.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.core.contact_sheet import Picture, contact_sheet
from pipeline.core.errors import UserError
from pipeline.core.files import write_bytes
from pipeline.core.image_io import write_photo
from pipeline.core.parallel import map_images
from pipeline.core.polarity import Photo, Sketch, strokes_of
from pipeline.helpers.contour_drawer.fs2k import line_art, read_pair, split_ids
from pipeline.helpers.contour_drawer.train import ContourDrawerParams
from pipeline.helpers.line_matching import f_measure, line_counts, precision_recall, thinned
from pipeline.styles.photosketch import METHODS, PhotosketchParams, photosketch

REACH_PX = 4.0  # at a 256-px face
SHEET_PAIRS = 8
BLACK = 0.5  # darker is a line


def held_out_scores(drawn: Sequence[Sketch], people: Sequence[Sketch]) -> dict[str, float]:
    """Of drawings and people's (H, W) each: precision, recall and F of all their lines together; shares of ink."""
    return summary([counts(ours, theirs) for ours, theirs in zip(drawn, people, strict=True)])


def counts(drawn: Sketch, person: Sketch) -> NDArray[np.float64]:
    """(drawn that match, drawn, person's that are matched, person's) in px of centreline; ink of either, as shares."""
    lines = line_counts(thinned(np.asarray(drawn < BLACK)), thinned(np.asarray(person < BLACK)), REACH_PX)
    return np.array([*lines, strokes_of(drawn).mean(), strokes_of(person).mean()])


def summary(rows: Sequence[NDArray[np.float64]]) -> dict[str, float]:
    """Counts of each drawing -> the scores of all."""
    total, (ink, people_ink) = np.sum(rows, axis=0)[:4], np.mean(rows, axis=0)[4:]
    precision, recall = precision_recall(total)
    return {
        "n": len(rows),
        "f": float(f_measure(total)),
        "precision": float(precision),
        "recall": float(recall),
        "ink": float(ink),
        "people_ink": float(people_ink),
    }


def drawer(method: str, params: PhotosketchParams) -> Callable[[Photo], Sketch]:
    """Style photosketch by one of its methods, black and unhatched: where lines are is judged, not how dark.

    Raises UserError for another name.
    """
    if method not in METHODS:
        raise UserError(f"evaluate-contour-drawer: no method '{method}'; there are {', '.join(METHODS)}")
    params = replace(params, method=method, pressure_px=0, hatch_px=0)  # type: ignore[arg-type]
    return partial(photosketch, params=params)


def run(
    method: str,
    split: str,
    params: PhotosketchParams,
    trained: ContourDrawerParams,
    out: Path | None,
    sheet: Path | None,
    jobs: int,
) -> None:
    """Print the scores of one method on a split; write them to `out`, and a contact sheet to `sheet`, where given."""
    draw, folder = drawer(method, params), Path(trained.pairs)
    splits = split_ids(folder, trained.styles, trained.val_share, trained.test_share)
    if split not in splits:
        raise UserError(f"evaluate-contour-drawer: no split '{split}'; there are {', '.join(splits)}")
    names = splits[split]
    scores = summary(map_images(partial(_one, draw, folder), names, jobs, f"evaluate-contour-drawer {method}"))
    print(f"{method} on {split}: " + ", ".join(f"{key} {value:.4g}" for key, value in scores.items()))
    if out:
        write_bytes(out, json.dumps({"method": method, "split": split} | scores, indent=1).encode())
    if sheet:
        write_photo(sheet, _sheet(draw, folder, names[:SHEET_PAIRS]))


def _one(draw: Callable[[Photo], Sketch], folder: Path, name: str) -> NDArray[np.float64]:
    pair = read_pair(folder, name)
    return counts(draw(pair.photo), line_art(pair.drawing))


def _sheet(draw: Callable[[Photo], Sketch], folder: Path, names: Sequence[str]) -> Photo:
    pairs = [read_pair(folder, name) for name in names]
    rows: list[list[Picture]] = [[p.photo, p.drawing, line_art(p.drawing), draw(p.photo)] for p in pairs]
    return contact_sheet(rows, ["photo", "person", "person's lines", "ours"], list(names), 256)
