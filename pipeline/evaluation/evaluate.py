"""Stage evaluate: the trained system measured on the splits it was not trained on, per style.

Systems: `joint` (SCN and ISN after joint training), `apart` (as trained alone), `isn_true` (ISN on the true
Canny ⊙ HED: the upper bound) and `isn_raw` (ISN fed the raw sketch: what the SCN is worth), all on the sketches as an
unpractised hand draws them; `joint_simplified` and `apart_simplified` on the sketches as simplified, as in the paper.
"""

import csv
import io
import json
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.apps.system import System, load_system
from pipeline.core.console import console
from pipeline.core.contact_sheet import contact_sheet
from pipeline.core.dataset import ARTIST, Split, read_split, splits
from pipeline.core.errors import UserError
from pipeline.core.files import new_folder, write_bytes
from pipeline.core.image_io import write_photo
from pipeline.core.layout import Layout
from pipeline.core.parallel import map_images
from pipeline.core.polarity import Photo
from pipeline.evaluation.metrics import features, identity, image
from pipeline.evaluation.metrics.edges import edge_scores

Row = dict[str, Any]
SET_SCORES = ("fid", "kid", "identity", "identity_rank1")  # of all faces of a style together


@dataclass(frozen=True)
class EvaluateParams:
    """Section `evaluate`."""

    threshold: float  # an edge is > threshold in R, in [0, 1]
    tolerance_px: float  # of the tolerant precision and recall
    sheet_rows: int  # faces on each sheet
    mirrored: bool  # each net's output is the mean of it and of that for the mirror image: twice the time


@dataclass(frozen=True)
class Output:
    """What one system made of one style of one split."""

    system: str
    style: str
    sketches: NDArray[np.uint8]
    refined: NDArray[np.float32] | None  # None where no edges are predicted
    photos: NDArray[np.uint8]


def styles_of(split: Split, kind: str = "sketch") -> list[str]:
    """Of the packed drawings: "sketch", deformed, or "clean", simplified."""
    return [name.removeprefix(f"{kind}/") for name in split.layers if name.startswith(f"{kind}/")]


def outputs(split: Split, joint: System, apart: System) -> list[Output]:
    """All systems on all styles of a split."""
    product = split.layers["product"]
    made = [
        Output("isn_true", "canny_hed", 255 - product, None, apart.photos(product.astype(np.float32) / np.float32(255)))
    ]
    for name, system in (("joint", joint), ("apart", apart)):
        for kind, suffix in (("sketch", ""), ("clean", "_simplified")):
            for style in styles_of(split, kind):
                sketches = split.layers[f"{kind}/{style}"]
                refined = system.refine(sketches)
                made.append(Output(name + suffix, style, sketches, refined, system.photos(refined)))
    for style in styles_of(split):
        sketches = split.layers[f"sketch/{style}"]
        strokes = 1 - sketches.astype(np.float32) / np.float32(255)
        made.append(Output("isn_raw", style, sketches, None, apart.photos(strokes)))
    return made


def image_rows(name: str, split: Split, output: Output, params: EvaluateParams, jobs: int) -> list[Row]:
    """Per-image metrics of one output."""
    refined = [None] * len(split.ids) if output.refined is None else list(output.refined)
    tasks = list(zip(split.layers["photo"], split.layers["canny"], output.photos, refined, strict=True))
    found = map_images(partial(image_scores, params=params), tasks, jobs, f"evaluate {output.system} {output.style}")
    about = {"split": name, "system": output.system, "style": output.style}
    return [{"id": face} | about | scores for face, scores in zip(split.ids, found, strict=True)]


def image_scores(
    task: tuple[Photo, NDArray[np.uint8], Photo, NDArray[np.float32] | None], params: EvaluateParams
) -> dict[str, float]:
    """Photo, its Canny edges, what was generated, what was refined -> metrics of one image."""
    photo, canny, made, refined = task
    measures = (image.psnr, image.ssim, image.psnr_gray, image.ssim_51)
    scores = {measure.__name__: measure(photo, made) for measure in measures}
    if refined is None:
        return scores
    edges, truth = refined > params.threshold, canny > 127
    tolerant = edge_scores(edges, truth, params.tolerance_px)
    scores |= edge_scores(edges, truth, 0)
    return scores | {f"{key}_{params.tolerance_px:g}px": value for key, value in tolerant.items()}


def mean_of(rows: list[Row]) -> dict[str, float]:
    """Means of all numeric columns, with N."""
    keys = [key for key, value in rows[0].items() if isinstance(value, float)]
    return {"n": len(rows)} | {key: round(float(np.mean([row[key] for row in rows])), 4) for key in keys}


def _mean_of_styles(scores: list[dict[str, Any]], key: str) -> float | None:
    """None where it was not computed."""
    known = [values[key] for values in scores if values.get(key) is not None]
    return round(float(np.mean(known)), 4) if known else None


def set_scores(split: Split, output: Output) -> tuple[dict[str, float | None], dict[str, str]]:
    """FID, KID and identity of one output; None, with the reason, where their weights are missing."""
    real, made = np.asarray(split.layers["photo"]), output.photos
    scores: dict[str, float | None] = dict.fromkeys(SET_SCORES)
    reasons = {}
    try:
        a, b = features.inception_features(real), features.inception_features(made)
        scores |= {"fid": features.fid(a, b), "kid": features.kid(a, b)}
    except UserError as error:
        reasons["fid, kid"] = str(error)
    try:
        scores |= identity.identity_scores(identity.identity_features(real), identity.identity_features(made))
    except UserError as error:
        reasons["identity"] = str(error)
    return {key: value if value is None else round(value, 4) for key, value in scores.items()}, reasons


def evaluate_split(
    name: str, split: Split, joint: System, apart: System, params: EvaluateParams, jobs: int
) -> tuple[dict[str, Any], list[Row], list[Output], dict[str, str]]:
    """Scores {system: {style or "all": metrics}}, per-image rows, what was made, and what could not be computed.

    "all" is over the synthetic styles; real sketches stand apart.
    """
    made = outputs(split, joint, apart)
    rows: list[Row] = []
    reasons: dict[str, str] = {}
    scores: dict[str, Any] = {}
    for output in made:
        own = image_rows(name, split, output, params, jobs)
        rows += own
        extra, missing = set_scores(split, output) if output.system != "isn_raw" else ({}, {})
        reasons |= missing
        scores.setdefault(output.system, {})[output.style] = mean_of(own) | extra
    for system in (name for name in scores if name != "isn_true"):
        synthetic = [row for row in rows if row["system"] == system and row["style"] != ARTIST]
        of_sets = [values for style, values in scores[system].items() if style != ARTIST]
        scores[system]["all"] = mean_of(synthetic) | {key: _mean_of_styles(of_sets, key) for key in SET_SCORES}
    return scores, rows, made, reasons


def sheets(split: Split, made: list[Output], rows: list[Row], count: int) -> dict[str, NDArray[np.uint8]]:
    """Best, median and worst faces by the PSNR of the joint system, one row each with its style."""
    by_style = {output.style: output for output in made if output.system == "joint"}
    ranked = sorted((r for r in rows if r["system"] == "joint"), key=lambda r: (-r["psnr"], r["id"], r["style"]))
    middle = max(0, len(ranked) // 2 - count // 2)
    chosen = {"best": ranked[:count], "median": ranked[middle : middle + count], "worst": ranked[-count:]}
    return {name: _sheet(split, by_style, part) for name, part in chosen.items()}


def _sheet(split: Split, by_style: dict[str, Output], rows: list[Row]) -> NDArray[np.uint8]:
    pictures = []
    for row in rows:
        i, output = split.ids.index(row["id"]), by_style[row["style"]]
        assert output.refined is not None
        refined = 1 - output.refined[i]
        pictures.append(
            [np.asarray(output.sketches[i]), refined, output.photos[i], np.asarray(split.layers["photo"][i])]
        )
    labels = [f"{row['style']}\n{row['psnr']:.1f} dB" for row in rows]
    return contact_sheet(pictures, ["sketch", "refined", "generated", "photo"], labels, split.layers["photo"].shape[1])


def run(params: EvaluateParams, data: Path, device: str, jobs: int) -> None:
    """data/packed and data/trained -> data/evaluation: metrics.json, images.csv, sheets/."""
    layout = Layout(data)
    joint, apart = (replace(load_system(layout, s, device), mirrored=params.mirrored) for s in ("joint", "apart"))
    result: dict[str, Any] = {}
    all_rows: list[Row] = []
    missing: dict[str, str] = {}
    with new_folder(layout.evaluation) as out:
        for name in (split for split in splits(layout) if split != "train"):
            split = read_split(layout, name)
            result[name], rows, made, reasons = evaluate_split(name, split, joint, apart, params, jobs)
            all_rows += rows
            missing |= reasons
            for kind, sheet in sheets(split, made, rows, params.sheet_rows).items():
                write_photo(out / "sheets" / f"{name}_{kind}.png", sheet)
        result["not_computed"] = missing
        write_bytes(out / "metrics.json", json.dumps(result, indent=1).encode())
        write_bytes(out / "images.csv", _csv(all_rows).encode())
    for what, reason in missing.items():
        console.print(f"evaluate: {what} not computed: {reason}")


def _csv(rows: list[Row]) -> str:
    text, columns = io.StringIO(), max(rows, key=len)
    writer = csv.DictWriter(text, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows([{k: f"{v:.5f}" if isinstance(v, float) else v for k, v in row.items()} for row in rows])
    return text.getvalue()
