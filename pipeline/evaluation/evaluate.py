"""Stage evaluate: systems measured on the splits that they were not trained on, kind by kind and style by style.

Faces pass in batches: drawn, scored, written down and forgotten, so that memory does not grow with their number.
"""

import csv
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import cv2
import joblib
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
from pipeline.core.polarity import Photo, sketch_of
from pipeline.evaluation import results
from pipeline.evaluation.feature_sets import BATCH, FeatureNets, feature_nets
from pipeline.evaluation.metrics import image
from pipeline.evaluation.metrics.edges import edge_scores
from pipeline.evaluation.systems import SYSTEMS, Drawings, System, drawings, row

TRAIN, VAL = "train", "val"
Scores = dict[str, float | None]


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

    def __post_init__(self) -> None:
        for name, folder in self.systems.items():
            needs = SYSTEMS[name].needs
            wanted = needs[0] if len(needs) == 1 else "."
            require(folder == wanted, f"{name}: {wanted} in systems")


Task = tuple[Photo, NDArray[np.uint8], Photo, NDArray[np.float32] | None]
Scorer = Callable[[Sequence[Task]], list[dict[str, float]]]


def run(
    params: EvaluateParams, names: Sequence[str], only: Sequence[str], data: Path, device_name: str, jobs: int
) -> None:
    """data/packed and data/trained -> data/evaluation/SYSTEM/SPLIT/ of the systems named, or of all in params.

    `only`: splits; none: those of params. Raises UserError for a system or split that does not exist, before any work.
    """
    layout, device = Layout(data), pick_device(device_name)
    systems = {name: row(name) for name in names or params.systems}
    opened = {name: of.open(layout, device, params.mirrored) for name, of in systems.items()}
    measured = {name: read_split(layout, name) for name in chosen_splits(splits(layout), only or params.splits)}
    with feature_nets(device, layout.evaluation) as nets, scorer(params, jobs) as score:
        for name, system in opened.items():
            with new_folder(layout.evaluation / name) as out:
                for split_name, split in measured.items():
                    to = out / split_name
                    found = measure(f"{name}, {split_name}", system, systems[name].reads, split, score, nets, to)
                    details = found.details(nets, split_name, split)
                    results.write(to, details, nets.missing)
                    if split_name == VAL:
                        for kind, sheet in sheets(split, system, found.first, params.sheet_rows).items():
                            write_photo(to / "sheets" / f"{kind}.png", sheet)
        for what, reason in nets.missing.items():
            console.print(f"evaluate: {what} not computed: {reason}")


def chosen_splits(present: Sequence[str], asked: Sequence[str]) -> list[str]:
    """The splits to measure: those asked for, else all but train. Raises UserError for none, and for train."""
    held_out = [name for name in present if name != TRAIN]
    unknown = [name for name in asked if name not in held_out]
    if unknown or not held_out:
        raise UserError(f"evaluate: no split {', '.join(unknown) or 'but train'} to measure; there are {held_out}")
    return [name for name in held_out if not asked or name in asked]


def image_scores(task: Task, threshold: float, tolerance_px: float) -> dict[str, float]:
    """Photo, its Canny edges, what was generated, what was refined -> metrics of one image.

    precision, recall, f: exact; `_near`: within `tolerance_px`. None of them where nothing was refined.
    """
    photo, canny, made, refined = task
    measures = (image.psnr, image.ssim, image.psnr_gray, image.ssim_51)
    scores = {measure.__name__: measure(photo, made) for measure in measures}
    if refined is None:
        return scores
    edges, truth = refined > threshold, canny > 127
    near = edge_scores(edges, truth, tolerance_px)
    return scores | edge_scores(edges, truth, 0) | {f"{key}_near": value for key, value in near.items()}


def _scored(task: Task, threshold: float, tolerance_px: float) -> dict[str, float]:
    cv2.setNumThreads(1)
    return image_scores(task, threshold, tolerance_px)


@contextmanager
def scorer(params: EvaluateParams, jobs: int) -> Iterator[Scorer]:
    """The metrics of a batch of images, in `jobs` processes that stay."""
    with joblib.Parallel(n_jobs=jobs) as pool:
        one = joblib.delayed(_scored)
        yield lambda tasks: list(pool(one(task, params.threshold, params.tolerance_px) for task in tasks))


class Sums:
    """Means of what passes by."""

    def __init__(self) -> None:
        self.n, self.sums = 0, dict[str, float]()

    def add(self, scores: Iterable[Mapping[str, float]]) -> None:
        for one in scores:
            self.n += 1
            for key, value in one.items():
                self.sums[key] = self.sums.get(key, 0.0) + value

    def means(self) -> Scores:
        """With N."""
        return {"n": self.n} | {key: total / self.n for key, total in self.sums.items()}


@dataclass
class OfKind:
    """One kind of drawing, measured: of each style the means, each face's PSNR, and features (styles, N, D) by net."""

    means: dict[str, Scores]
    psnr: dict[str, "array[float]"]
    features: dict[str, NDArray[np.float32]]

    def scores(self, nets: FeatureNets, split_name: str, split: Split) -> dict[str, Scores]:
        """Of each style, their mean, and of all of them pooled. People's drawings stand apart from the synthetic."""
        real, found = nets.of_photos(split_name, split), dict[str, Scores]()
        for place, (style, means) in enumerate(self.means.items()):
            found[style] = means | nets.scores(real, {net: part[place] for net, part in self.features.items()})
        synthetic = [place for place, style in enumerate(self.means) if style != ARTIST]
        of_styles = [scores for style, scores in found.items() if style != ARTIST]
        pooled = {net: part[: len(synthetic)].reshape(-1, part.shape[-1]) for net, part in self.features.items()}
        count = {"n": len(synthetic) * len(split.ids)}
        return found | {results.MEAN: mean_of(of_styles), results.POOLED: count | nets.scores(real, pooled)}


@dataclass
class Measured:
    """All kinds of drawing that a system reads; the first is what it is for."""

    kinds: dict[str, OfKind]

    @property
    def first(self) -> tuple[str, OfKind]:
        return next(iter(self.kinds.items()))

    def details(self, nets: FeatureNets, split_name: str, split: Split) -> dict[str, dict[str, Scores]]:
        """As results.py describes it; six digits."""
        return {kind: _rounded(of.scores(nets, split_name, split)) for kind, of in self.kinds.items()}


def mean_of(styles: Sequence[Scores]) -> Scores:
    """Means over styles of what was computed; n: of one style."""
    keys = dict.fromkeys(key for scores in styles for key in scores if key != "n")
    known = {key: [value for scores in styles if (value := scores.get(key)) is not None] for key in keys}
    return {"n": styles[0]["n"]} | {key: float(np.mean(values)) if values else None for key, values in known.items()}


def _rounded(styles: Mapping[str, Scores]) -> dict[str, Scores]:
    return {
        style: {key: value if value is None or key == "n" else float(f"{value:.6g}") for key, value in scores.items()}
        for style, scores in styles.items()
    }


def measure(
    label: str, system: System, kinds: Sequence[str], split: Split, score: Scorer, nets: FeatureNets, out: Path
) -> Measured:
    """One system on one split -> OUT/images.csv, written as the faces pass."""
    out.mkdir(parents=True)
    found = {}
    with (out / "images.csv").open("w", newline="", encoding="utf-8") as file:
        table = Rows(file)
        for kind in kinds:
            styles = drawings(split, kind)
            of = OfKind({}, {}, nets.rooms(kind, len(styles), len(split.ids)))
            for place, (style, drawn) in enumerate(styles.items()):
                sums, psnr = Sums(), array("d")
                for faces, rows, made in passing(f"evaluate {label}: {kind} {style}", system, drawn, split, score):
                    table.write(kind, style, split.ids[faces], rows)
                    sums.add(rows)
                    psnr.extend(scores["psnr"] for scores in rows)
                    for net, features in nets.embedded(made).items():
                        of.features[net][place, faces] = features
                of.means[style], of.psnr[style] = sums.means(), psnr
            found[kind] = of
    return Measured(found)


def passing(
    label: str, system: System, drawn: Drawings, split: Split, score: Scorer
) -> Iterator[tuple[slice, list[dict[str, float]], NDArray[np.uint8]]]:
    """Batch by batch: which faces, their metrics, the photos made of them."""
    from pipeline.core.progress import tracked  # not at the top: no result depends on how it looks

    starts = range(0, len(split.ids), BATCH)
    for start in tracked(starts, label, len(starts)):
        faces = slice(start, start + BATCH)
        made, strokes = system(drawn[faces])
        truth = (np.asarray(split.layers[name][faces]) for name in ("photo", "canny"))
        refined = [None] * len(made) if strokes is None else list(strokes)
        yield faces, score(list(zip(*truth, made, refined, strict=True))), made


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


def sheets(split: Split, system: System, of: tuple[str, OfKind], count: int) -> dict[str, NDArray[np.uint8]]:
    """Best, median and worst faces by PSNR, a row each with its style; drawn anew by the system."""
    kind, measured = of
    styles = drawings(split, kind)
    ranked = sorted(
        (-value, split.ids[face], style, face)
        for style, values in measured.psnr.items()
        for face, value in enumerate(values)
    )
    middle = max(0, len(ranked) // 2 - count // 2)
    chosen = {"best": ranked[:count], "median": ranked[middle : middle + count], "worst": ranked[-count:]}
    return {
        name: sheet(split, system, [(styles[style], style, face, -value) for value, _, style, face in part])
        for name, part in chosen.items()
    }


def sheet(split: Split, system: System, rows: Sequence[tuple[Drawings, str, int, float]]) -> NDArray[np.uint8]:
    """A row a face: drawing, calibrated strokes where there are any, generated, photo."""
    pictures, heads = [], ["sketch", "generated", "photo"]
    for drawn, _, face, _ in rows:
        sketch = drawn[slice(face, face + 1)]
        made, strokes = system(sketch)
        between = [] if strokes is None else [sketch_of(strokes[0])]
        heads = ["sketch", *(["refined"] if between else []), "generated", "photo"]
        pictures.append([sketch[0], *between, made[0], np.asarray(split.layers["photo"][face])])
    labels = [f"{style}\n{value:.1f} dB" for _, style, _, value in rows]
    return contact_sheet(pictures, heads, labels, split.size)
