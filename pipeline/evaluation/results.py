"""What `evaluate` writes for each system, and how the others read it.

data/evaluation/SYSTEM/SPLIT/
  metrics.json       a dozen numbers: means over styles; DVC compares experiments by that of val
  details.json       {kind of drawing: {style, "mean" over styles, or "pooled": scores}}, scores null where not computed
  not_computed.json  {scores: why}
  images.csv         a row a face, kind and style
  sheets/            best, median and worst, of val alone
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.core.errors import UserError
from pipeline.core.files import write_bytes
from pipeline.core.layout import Layout

Scores = Mapping[str, float | None]
Details = Mapping[str, Mapping[str, Scores]]  # kind of drawing -> style, "mean" or "pooled" -> scores

MEAN, POOLED = "mean", "pooled"
HEADLINE = {  # short name -> score
    "psnr": "psnr",
    "ssim": "ssim",
    "precision": "precision_near",
    "recall": "recall_near",
    "identity": "identity",
    "rank1": "identity_rank1",
    "fid": "fid",
    "kid": "kid",
}
BESIDE = ("psnr", "ssim")  # of further kinds of drawing


def headline(details: Details) -> dict[str, Any]:
    """The dozen numbers: means over styles on the first kind of drawing, `BESIDE` on the others; what was computed.

    FID and KID are of all styles pooled, since they are of sets.
    """
    first, *others = details
    return _short(details[first], tuple(HEADLINE)) | {kind: _short(details[kind], BESIDE) for kind in others}


def _short(styles: Mapping[str, Scores], names: tuple[str, ...]) -> dict[str, Any]:
    means = {"n": styles[MEAN]["n"]} | {name: best_of(styles, HEADLINE[name]) for name in names}
    return {name: value for name, value in means.items() if value is not None}


def best_of(styles: Mapping[str, Scores], score: str) -> float | None:
    """A score over all styles: pooled where it is of sets, else their mean."""
    return styles.get(POOLED, styles[MEAN]).get(score, styles[MEAN].get(score))


def folder(layout: Layout, system: str, split: str) -> Path:
    return layout.evaluation / system / split


def write(to: Path, details: Details, missing: Mapping[str, str]) -> None:
    for name, value in (("metrics", headline(details)), ("details", details), ("not_computed", missing)):
        write_bytes(to / f"{name}.json", json.dumps(value, indent=1).encode())


def systems(layout: Layout) -> list[str]:
    """Those that were measured. Raises UserError where none was."""
    found = sorted({path.parents[1].name for path in layout.evaluation.glob("*/*/details.json")})
    if not found:
        raise UserError(f"{layout.evaluation}: nothing measured yet; run: dvc repro evaluate")
    return found


def splits(layout: Layout, system: str) -> list[str]:
    """Those it was measured on: val first, then test, then the others."""
    names = sorted(path.parent.name for path in (layout.evaluation / system).glob("*/details.json"))
    return sorted(names, key=lambda name: ({"val": 0, "test": 1}.get(name, 2), name))


def read(layout: Layout, system: str, split: str, name: str = "details") -> dict[str, Any]:
    """details.json, or another of the files. Raises UserError where it is missing."""
    path = folder(layout, system, split) / f"{name}.json"
    if not path.exists():
        raise UserError(f"{path}: missing; run: dvc repro evaluate@{system}")
    read: dict[str, Any] = json.loads(path.read_text())
    return read


def not_computed(layout: Layout) -> dict[str, str]:
    """Of all systems and splits: scores -> why."""
    return {
        what: why
        for system in systems(layout)
        for split in splits(layout, system)
        for what, why in read(layout, system, split, "not_computed").items()
    }
