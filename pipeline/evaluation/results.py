"""What `evaluate` writes for each system, and where.

data/evaluation/SYSTEM/SPLIT/
  compared.json      the few of them that DVC compares experiments by (val's): a line of a terminal
  metrics.json       a dozen numbers: means over styles
  details.json       {kind of drawing: {style, "mean" over styles, or "pooled": scores}}, scores null where not computed
  not_computed.json  {scores: why}
  images.csv         a row a face, kind and style
  sheets/            best, median and worst, of val alone
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.core.files import write_bytes
from pipeline.core.layout import Layout

Scores = Mapping[str, float | None]
Details = Mapping[str, Mapping[str, Scores]]  # kind of drawing -> style, "mean" or "pooled" -> scores

MEAN, POOLED = "mean", "pooled"
HEADLINE = {  # short name -> score
    "psnr": "psnr",
    "ssim": "ssim",
    "lpips_like": "lpips_like",
    "sharpness": "sharpness",
    "fd_efficientnet": "fd_efficientnet",
    "fid": "fid",
    "identity_face": "identity_face",
    "rank1_face": "identity_face_rank1",
    "skin_de": "skin_de",
    "faithful_recall": "faithful_recall",
    "completion": "completion",
    "precision": "precision_near",
    "recall": "recall_near",
}
COMPARED = ("psnr", "ssim", "lpips_like", "fid", "skin_de", "completion")  # with their path at most 120 characters
BESIDE = ("psnr", "ssim", "completion")  # of further kinds of drawing


def headline(details: Details) -> dict[str, Any]:
    """The dozen numbers: means over styles on the first kind of drawing, `BESIDE` on the others; what was computed.

    Distances between sets and identity are of all styles pooled.
    """
    first, *others = details
    figures: dict[str, Any] = {"n": details[first][MEAN]["n"]} | _short(details[first], tuple(HEADLINE))
    return figures | {kind: _short(details[kind], BESIDE) for kind in others}


def _short(styles: Mapping[str, Scores], names: tuple[str, ...]) -> dict[str, float]:
    means = {name: best_of(styles, HEADLINE[name]) for name in names}
    return {name: value for name, value in means.items() if value is not None}


def best_of(styles: Mapping[str, Scores], score: str) -> float | None:
    """A score over all styles: pooled where it is of sets, else their mean."""
    return styles.get(POOLED, styles[MEAN]).get(score, styles[MEAN].get(score))


def folder(layout: Layout, system: str, split: str) -> Path:
    return layout.evaluation / system / split


def write(to: Path, details: Details, missing: Mapping[str, str]) -> None:
    figures = headline(details)
    compared = {name: figures[name] for name in COMPARED if name in figures}
    files = {"compared": compared, "metrics": figures, "details": details, "not_computed": missing}
    for name, value in files.items():
        write_bytes(to / f"{name}.json", json.dumps(value, indent=1).encode())
