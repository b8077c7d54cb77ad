"""Stage evaluate: systems measured on the splits that they were not trained on, kind by kind and style by style.

Faces pass in batches: drawn, scored, written down and forgotten, so that memory does not grow with their number.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.allowed import FilePath, Items, Name, OneOf, Range, Share
from pipeline.core.console import console
from pipeline.core.contact_sheet import contact_sheet
from pipeline.core.dataset import ARTIST, Split, read_split, splits
from pipeline.core.devices import pick_device
from pipeline.core.errors import UserError
from pipeline.core.files import new_folder
from pipeline.core.image_io import write_photo
from pipeline.core.layout import Layout
from pipeline.core.params import require
from pipeline.core.polarity import sketch_of
from pipeline.evaluation import results
from pipeline.evaluation.completion import completion
from pipeline.evaluation.face_scores import Face, Scorer, scorer
from pipeline.evaluation.feature_sets import BATCH, FeatureNets, feature_nets
from pipeline.evaluation.metrics.places import eyes_of
from pipeline.evaluation.pair_nets import PairNets, pair_nets
from pipeline.evaluation.summaries import Columns, Scores, mean_of, rounded
from pipeline.evaluation.systems import SYSTEMS, Drawings, LikeSystem, Manner, Opened, drawings, row

TRAIN, VAL = "train", "val"


@dataclass(frozen=True)
class EvaluateParams:
    """Section `evaluate`."""

    # name -> what it reads of data/trained, for DVC: a folder, or "." for several
    systems: Annotated[dict[Annotated[str, OneOf(lambda: SYSTEMS)], FilePath], Items()]
    splits: Annotated[tuple[Name, ...], Items(least=0)]  # none named: all but train; [val] while choosing
    threshold: Share  # an edge is > threshold in R
    tolerance_px: Annotated[float, Range(least=0, most=64)]  # of the near precision and recall
    sheet_rows: Annotated[int, Range(least=1, most=64)]  # faces on each sheet
    mirrored: bool  # each net's output is the mean of it and of that for the mirror image: twice the time
    level: Share  # how far the strokes may leave the drawing, of systems that are told

    def __post_init__(self) -> None:
        for name, folder in self.systems.items():
            needs = SYSTEMS[name].needs
            wanted = needs[0] if len(needs) == 1 else "."
            require(folder == wanted, f"{name}: {wanted} in systems")

    @property
    def manner(self) -> Manner:
        return Manner(self.mirrored, self.level)


@dataclass(frozen=True)
class Meters:
    """All that measures: of single faces without nets, of pairs of photos, of sets of photos."""

    score: Scorer
    pairs: PairNets
    nets: FeatureNets

    @property
    def missing(self) -> dict[str, str]:
        """Scores that cannot be computed -> why."""
        return self.nets.missing | self.pairs.missing


def run(
    params: EvaluateParams, names: Sequence[str], only: Sequence[str], data: Path, device_name: str, jobs: int
) -> None:
    """data/packed and data/trained -> data/evaluation/SYSTEM/SPLIT/ of the systems named, or of all in params.

    `only`: splits; none: those of params. Raises UserError for a system or split that does not exist, before any work.
    """
    layout, device = Layout(data), pick_device(device_name)
    systems = {name: row(name) for name in names or params.systems}
    opened = {name: of.system(layout, device, params.manner) for name, of in systems.items()}
    measured = {name: read_split(layout, name) for name in chosen_splits(splits(layout), only or params.splits)}
    scoring = scorer(params.threshold, params.tolerance_px, jobs)
    with feature_nets(device, layout.evaluation) as nets, scoring as score:
        meters = Meters(score, pair_nets(device), nets)
        for name, system in opened.items():
            with new_folder(layout.evaluation / name) as out:
                for split_name, split in measured.items():
                    to = out / split_name
                    found = measure(f"{name}, {split_name}", system, systems[name].reads, split, meters, to)
                    results.write(to, found.details(meters, split_name, split), meters.missing)
                    if split_name == VAL:
                        for kind, sheet in sheets(split, system, found.first, params.sheet_rows).items():
                            write_photo(to / "sheets" / f"{kind}.png", sheet)
        for what, reason in meters.missing.items():
            console.print(f"evaluate: {what} not computed: {reason}")


def chosen_splits(present: Sequence[str], asked: Sequence[str]) -> list[str]:
    """The splits to measure: those asked for, else all but train. Raises UserError for none, and for train."""
    held_out = [name for name in present if name != TRAIN]
    unknown = [name for name in asked if name not in held_out]
    if unknown or not held_out:
        raise UserError(f"evaluate: no split {', '.join(unknown) or 'but train'} to measure; there are {held_out}")
    return [name for name in held_out if not asked or name in asked]


@dataclass
class OfKind:
    """One kind of drawing, measured: of each style every face's figures, and features (styles, N, D) by net."""

    faces: dict[str, Columns]
    features: dict[str, NDArray[np.float32]]
    completed: Scores  # of drawings with erased parts

    def scores(self, meters: Meters, split_name: str, split: Split) -> dict[str, Scores]:
        """Of each style, their mean, and of all of them pooled. People's drawings stand apart from the synthetic."""
        nets, found = meters.nets, dict[str, Scores]()
        real, unknown = nets.of_photos(split_name, split), dict.fromkeys(meters.pairs.missing)
        for place, (style, columns) in enumerate(self.faces.items()):
            of_sets = nets.scores(real, {net: part[place] for net, part in self.features.items()})
            found[style] = columns.summary() | unknown | of_sets
        synthetic = [place for place, style in enumerate(self.faces) if style != ARTIST]
        of_styles = [scores for style, scores in found.items() if style != ARTIST]
        pooled = {net: part[: len(synthetic)].reshape(-1, part.shape[-1]) for net, part in self.features.items()}
        count = {"n": len(synthetic) * len(split.ids)}
        return found | {
            results.MEAN: mean_of(of_styles) | self.completed,
            results.POOLED: count | nets.scores(real, pooled),
        }


@dataclass
class Measured:
    """All kinds of drawing that a system reads; the first is what it is for."""

    kinds: dict[str, OfKind]

    @property
    def first(self) -> tuple[str, OfKind]:
        return next(iter(self.kinds.items()))

    def details(self, meters: Meters, split_name: str, split: Split) -> dict[str, dict[str, Scores]]:
        """As results.py describes it; six digits."""
        return {kind: rounded(of.scores(meters, split_name, split)) for kind, of in self.kinds.items()}


def measure(label: str, system: Opened, kinds: Sequence[str], split: Split, meters: Meters, out: Path) -> Measured:
    """One system on one split -> OUT/images.csv, written as the faces pass."""
    out.mkdir(parents=True)
    found = {}
    with (out / "images.csv").open("w", newline="", encoding="utf-8") as file:
        table = Rows(file)
        for kind in kinds:
            styles = drawings(split, kind)
            completed = completion(f"evaluate {label}: {kind}", system, split, styles)
            of = OfKind({}, meters.nets.rooms(kind, len(styles), len(split.ids)), completed)
            for place, (style, drawn) in enumerate(styles.items()):
                columns = of.faces[style] = Columns()
                for faces, rows, made in passing(f"evaluate {label}: {kind} {style}", system, drawn, split, meters):
                    table.write(kind, style, split.ids[faces], rows)
                    columns.add(rows)
                    for net, features in meters.nets.embedded(made).items():
                        of.features[net][place, faces] = features
            found[kind] = of
    return Measured(found)


def passing(
    label: str, system: LikeSystem, drawn: Drawings, split: Split, meters: Meters
) -> Iterator[tuple[slice, list[dict[str, float]], NDArray[np.uint8]]]:
    """Batch by batch: which faces, their metrics, the photos made of them."""
    from pipeline.core.progress import tracked  # not at the top: no result depends on how it looks

    starts = range(0, len(split.ids), BATCH)
    for start in tracked(starts, label, len(starts)):
        faces = slice(start, start + BATCH)
        sketches, photos, canny = drawn[faces], *(np.asarray(split.layers[name][faces]) for name in ("photo", "canny"))
        made, strokes = system(sketches, photos)
        refined = [None] * len(made) if strokes is None else list(strokes)
        eyes = [eyes_of(split, face) for face in split.ids[faces]]
        alone = meters.score([Face(*of) for of in zip(photos, canny, made, refined, sketches, eyes, strict=True)])
        beside = meters.pairs.scores(photos, made)
        yield faces, [a | b for a, b in zip(alone, beside, strict=True)], made


class Rows:
    """images.csv, written row by row."""

    def __init__(self, file: Any) -> None:
        self.writer, self.columns = csv.writer(file, lineterminator="\n"), list[str]()

    def write(self, kind: str, style: str, ids: Sequence[str], rows: Sequence[Mapping[str, float]]) -> None:
        if not self.columns:
            self.columns = list(rows[0])
            self.writer.writerow(["id", "kind", "style", *self.columns])
        self.writer.writerows(
            [face, kind, style, *(f"{scores[column]:.5f}" for column in self.columns)]
            for face, scores in zip(ids, rows, strict=True)
        )


def sheets(split: Split, system: LikeSystem, of: tuple[str, OfKind], count: int) -> dict[str, NDArray[np.uint8]]:
    """Best, median and worst faces by PSNR, a row each with its style; drawn anew by the system."""
    kind, measured = of
    styles = drawings(split, kind)
    ranked = sorted(
        (-value, split.ids[face], style, face)
        for style, columns in measured.faces.items()
        for face, value in enumerate(columns.of["psnr"])
    )
    middle = max(0, len(ranked) // 2 - count // 2)
    chosen = {"best": ranked[:count], "median": ranked[middle : middle + count], "worst": ranked[-count:]}
    return {
        name: sheet(split, system, [(styles[style], style, face, -value) for value, _, style, face in part])
        for name, part in chosen.items()
    }


def sheet(split: Split, system: LikeSystem, rows: Sequence[tuple[Drawings, str, int, float]]) -> NDArray[np.uint8]:
    """A row a face: drawing, calibrated strokes where there are any, generated, photo."""
    pictures, heads = [], ["sketch", "generated", "photo"]
    for drawn, _, face, _ in rows:
        one = slice(face, face + 1)
        sketch, photo = drawn[one], np.asarray(split.layers["photo"][one])
        made, strokes = system(sketch, photo)
        between = [] if strokes is None else [sketch_of(strokes[0])]
        heads = ["sketch", *(["refined"] if between else []), "generated", "photo"]
        pictures.append([sketch[0], *between, made[0], photo[0]])
    labels = [f"{style}\n{value:.1f} dB" for _, style, _, value in rows]
    return contact_sheet(pictures, heads, labels, split.size)
