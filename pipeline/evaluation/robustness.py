"""Stage robustness: every system on the same faces' drawings, good and spoilt, and where each breaks.

Drawings are those of the synthetic styles by turns, as `completion` takes them; people's own where there are any.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.allowed import Items, Name, Pixels, Range
from pipeline.core.console import console
from pipeline.core.contact_sheet import contact_sheet
from pipeline.core.dataset import ARTIST, Split, read_split
from pipeline.core.devices import pick_device
from pipeline.core.files import new_folder, write_bytes
from pipeline.core.image_io import write_photo
from pipeline.core.layout import Layout
from pipeline.core.polarity import Sketch, to_uint8, unit
from pipeline.core.tables import print_table
from pipeline.evaluation.changes import CHANGES, Case, deformed
from pipeline.evaluation.completion import by_turns
from pipeline.evaluation.evaluate import EvaluateParams, Meters, passing
from pipeline.evaluation.face_scores import scorer
from pipeline.evaluation.feature_sets import feature_nets
from pipeline.evaluation.figures import number
from pipeline.evaluation.metrics.places import eyes_of
from pipeline.evaluation.pair_nets import pair_nets
from pipeline.evaluation.summaries import Columns, Scores, rounded
from pipeline.evaluation.systems import Drawings, LikeSystem, drawings, row

FOLDER = "robustness"
SHOWN = {  # column -> score
    "psnr": "psnr",
    "ssim": "ssim",
    "fid": "fid",
    "fd_efficientnet": "fd_efficientnet",
    "fd_identity": "fd_identity",
    "identity_face": "identity_face",
    "faithful_recall": "faithful_recall",
}
CURVES = ("psnr", "ssim", "identity_face", "faithful_recall")
Pictures = NDArray[np.uint8]  # (N, S, S), 255 = paper
Found = dict[str, dict[str, Scores]]  # system -> drawings -> scores


@dataclass(frozen=True)
class RobustnessParams:
    """Section `robustness`."""

    split: Name  # val while choosing
    faces: Annotated[int, Range(least=0, most=10**6)]  # the first so many; 0: all
    strengths_px: Annotated[tuple[Pixels, ...], Items()]  # of the curves: largest displacement at a 256-px face


def run(
    params: RobustnessParams, of: EvaluateParams, names: Sequence[str], data: Any, device_name: str, jobs: int
) -> None:
    """data/packed and data/trained -> data/robustness/SPLIT: table.csv, details.json, curves.svg, sheet.png.

    `names`: systems; none: those of `evaluate.systems` that read drawings and are told nothing else.
    """
    layout, device = Layout(data), pick_device(device_name)
    chosen = names or [name for name in of.systems if _is_general(name)]
    systems = {name: row(name).system(layout, device, of.manner) for name in chosen}
    split = first_faces(read_split(layout, params.split), params.faces)
    given = dict(spoilt(split, params.strengths_px))
    with ExitStack() as stack:
        nets = stack.enter_context(feature_nets(device, layout.root / FOLDER))
        score = stack.enter_context(scorer(of.threshold, of.tolerance_px, jobs))
        meters = Meters(score, pair_nets(device), nets)
        found = {
            name: {
                kind: measured(f"robustness: {name}, {kind}", system, drawn, split, params.split, meters)
                for kind, drawn in given.items()
            }
            for name, system in systems.items()
        }
    _write(layout, params, {name: rounded(of_kinds) for name, of_kinds in found.items()}, systems, given, split)
    for what, reason in meters.missing.items():
        console.print(f"robustness: {what} not computed: {reason}")


def _is_general(name: str) -> bool:
    """Whether a system makes photos of drawings alone."""
    of = row(name)
    return not of.likes and of.reads[0] != "product"


def first_faces(split: Split, count: int) -> Split:
    """The first so many of a split; 0: all."""
    if not count:
        return split
    layers = {name: layer[:count] for name, layer in split.layers.items()}
    return Split(split.ids[:count], layers, split.digest, split.made_with, split.eyes, split.only)


def spoilt(split: Split, strengths_px: Sequence[float]) -> Iterator[tuple[str, Pictures]]:
    """Name -> the drawings of all faces: clean, as an unpractised hand draws, changed, deformed, by people."""
    faces = len(split.ids)
    clean = by_turns(drawings(split, "simplified"), 0, faces)
    yield "clean", clean
    yield "unpractised", by_turns(drawings(split, "deformed"), 0, faces)
    cases = [
        Case(Sketch(unit(sketch)), eyes_of(split, face), seed)
        for seed, (sketch, face) in enumerate(zip(clean, split.ids, strict=True))
    ]
    for name, change in CHANGES.items():
        yield name, np.stack([to_uint8(change(case)) for case in cases])
    for px in strengths_px:
        yield strength(px), np.stack([to_uint8(deformed(case, px)) for case in cases])
    if ARTIST in (styles := drawings(split, "deformed")):
        yield "people", styles[ARTIST][0:faces]


def strength(px: float) -> str:
    """How a point of the curves is called."""
    return f"deformed_{px:g}_px"


def measured(label: str, system: LikeSystem, drawn: Pictures, split: Split, split_name: str, meters: Meters) -> Scores:
    """A system on one set of drawings of the faces of a split."""
    columns, parts = Columns(), dict[str, list[NDArray[np.float32]]]()
    for _, rows, made in passing(label, system, Drawings(drawn, False), split, meters):
        columns.add(rows)
        for net, features in meters.nets.embedded(made).items():
            parts.setdefault(net, []).append(features)
    made_of = {net: np.concatenate(features) for net, features in parts.items()}
    return columns.summary() | meters.nets.scores(meters.nets.of_photos(split_name, split), made_of)


def table(found: Mapping[str, Mapping[str, Scores]]) -> tuple[list[str], list[list[str]]]:
    """Heads and rows: a system and its drawings a row, what was computed of anything."""
    known = [
        name
        for name, score in SHOWN.items()
        if any(s.get(score) is not None for of in found.values() for s in of.values())
    ]
    rows = [
        [system, kind, *(number(scores.get(SHOWN[name])) for name in known)]
        for system, kinds in found.items()
        for kind, scores in kinds.items()
    ]
    return ["system", "drawings", *known], rows


def _write(
    layout: Layout,
    params: RobustnessParams,
    found: Found,
    systems: Mapping[str, LikeSystem],
    given: Mapping[str, Pictures],
    split: Split,
) -> None:
    heads, rows = table(found)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([heads, *rows])
    with new_folder(layout.root / FOLDER / params.split) as out:
        write_bytes(out / "table.csv", text.getvalue().encode())
        write_bytes(out / "details.json", json.dumps({"n": len(split.ids), "systems": found}, indent=1).encode())
        write_bytes(out / "curves.svg", curves(found, params.strengths_px).encode())
        write_photo(out / "sheet.png", sheet(systems, given, split))
    print_table(heads, rows, f"{params.split}, {len(split.ids)} faces", keys=2)
    console.print(f"robustness: {layout.root / FOLDER / params.split}")


def curves(found: Mapping[str, Mapping[str, Scores]], strengths_px: Sequence[float]) -> str:
    """Scores over the strength of deformation, a line a system, as SVG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, len(CURVES), figsize=(3.2 * len(CURVES), 2.8))
    for axis, score in zip(axes, CURVES, strict=True):
        for system, kinds in found.items():
            points = [(px, kinds[strength(px)].get(score)) for px in strengths_px]
            known = [(px, value) for px, value in points if value is not None]
            if known:
                axis.plot(*zip(*known, strict=True), marker="o", ms=3, lw=1.2, label=system)
        axis.set_title(score, fontsize=9)
        axis.set_xlabel("displacement, px at 256", fontsize=7)
        axis.tick_params(labelsize=7)
    axes[0].legend(fontsize=6)
    figure.tight_layout()
    text = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": FOLDER}):
        figure.savefig(text, format="svg", metadata={"Date": None})
    plt.close(figure)
    return text.getvalue()


def sheet(systems: Mapping[str, LikeSystem], given: Mapping[str, Pictures], split: Split) -> NDArray[np.uint8]:
    """The first face: a row a kind of drawing, a column a system, and the photo."""
    photo = np.asarray(split.layers["photo"][:1])
    rows = [
        [drawn[0], *(system(drawn[:1], photo)[0][0] for system in systems.values()), photo[0]]
        for drawn in given.values()
    ]
    return contact_sheet(rows, ["sketch", *systems, "photo"], list(given), max(96, split.size))
