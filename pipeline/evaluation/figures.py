"""What was measured, read back: by the report, the summary and the record."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.core.errors import UserError
from pipeline.core.layout import Layout
from pipeline.evaluation import results


def systems(layout: Layout) -> list[str]:
    """Those that were measured. Raises UserError where none was."""
    found = sorted({path.parents[1].name for path in layout.evaluation.glob("[!.]*/*/details.json")})
    if not found:
        raise UserError(f"{layout.evaluation}: nothing measured yet; run: dvc repro evaluate")
    return found


def splits(layout: Layout, system: str) -> list[str]:
    """Those it was measured on: val first, then test, then the others."""
    return sorted((path.parent.name for path in (layout.evaluation / system).glob("*/details.json")), key=_place)


def _place(split: str) -> tuple[int, str]:
    return {"val": 0, "test": 1}.get(split, 2), split


def read(layout: Layout, system: str, split: str, name: str = "details") -> dict[str, Any]:
    """details.json, or another of the files. Raises UserError where it is missing."""
    path = results.folder(layout, system, split) / f"{name}.json"
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


def headline_table(layout: Layout, split: str) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of one split: a system a row, means over styles; only what was computed for one of them."""
    found = {
        system: flat(read(layout, system, split, "metrics"))
        for system in systems(layout)
        if split in splits(layout, system)
    }
    names = list(dict.fromkeys(key for metrics in found.values() for key in metrics))
    rows = [[system, *(number(metrics.get(name)) for name in names)] for system, metrics in found.items()]
    return ["system", *(name.replace(".", "\n") for name in names)], rows


def flat(metrics: Mapping[str, Any]) -> dict[str, float]:
    """{"psnr": 1, "simplified": {"psnr": 2}} -> {"psnr": 1, "simplified.psnr": 2}."""
    found: dict[str, float] = {}
    for name, value in metrics.items():
        found |= {f"{name}.{key}": v for key, v in value.items()} if isinstance(value, Mapping) else {name: value}
    return found


def measured_splits(layout: Layout) -> list[str]:
    """Of all systems: val, then test, then the others."""
    return sorted({split for system in systems(layout) for split in splits(layout, system)}, key=_place)


def number(value: float | None) -> str:
    """Four digits; a dash where not computed."""
    return "–" if value is None else str(value) if isinstance(value, int) else f"{value:.4g}"


def filled(heads: list[str], rows: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """A table without the columns that no row has a figure in."""
    kept = [i for i in range(len(heads)) if any(row[i] not in ("", number(None)) for row in rows)]
    return [heads[i] for i in kept], [[row[i] for i in kept] for row in rows]


def spread(values: Sequence[float | None]) -> str:
    """Mean ± standard deviation of what was computed; nothing where nothing was."""
    known = [value for value in values if value is not None]
    if not known:
        return ""
    digits = 2 if max(map(abs, known)) >= 5 else 3
    deviation = f" ± {np.std(known, ddof=1):.{digits}f}" if len(known) > 1 else ""
    return f"{np.mean(known):.{digits}f}{deviation}"
