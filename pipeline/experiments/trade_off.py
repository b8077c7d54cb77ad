"""Command trade-off: likeness against realism, a point for each system or variant of recorded runs."""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.core.console import console
from pipeline.core.errors import UserError
from pipeline.core.files import write_bytes
from pipeline.core.tables import print_table
from pipeline.evaluation import figures

PANELS = (("fd_efficientnet", "ssim"), ("sharpness", "identity_face"))  # realism across, likeness upwards
NAMES = ("ssim", "identity_face", "sharpness", "fd_efficientnet")
UNKNOWN = figures.number(None)


@dataclass(frozen=True)
class Point:
    """One system of one run, or one variant of a family: the mean over its seeds."""

    name: str  # RUN: SYSTEM
    n: str
    scores: dict[str, float]  # of NAMES, those that were computed


def points(folder: Path, split: str, names: Sequence[str] = ()) -> list[Point]:
    """Of recorded runs in FOLDER, of `names` or all, those with figures of such a split and any of NAMES."""
    files = [path for path in sorted(folder.glob("*.json")) if not names or path.stem in names]
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in files]
    return [point for run in runs if split in run["tables"] for point in _of_run(run["name"], run["tables"][split])]


def _of_run(run: str, table: dict[str, Any]) -> list[Point]:
    found = []
    for row in table["rows"]:
        cells = dict(zip(map(str.lower, table["heads"]), row, strict=True))
        means = {name: cells.get(name, "").partition(" ±")[0] for name in NAMES}
        scores = {name: float(mean) for name, mean in means.items() if mean not in ("", UNKNOWN)}
        of = cells.get("system") or cells.get("variant")
        if scores and of:
            found.append(Point(f"{run}: {of}", cells["n"], scores))
    return found


def run(folder: Path, split: str, names: Sequence[str], out: Path | None) -> None:
    """Print the points, and draw them as OUT.svg where it is given. Raises UserError where there are none."""
    found = points(folder, split, names)
    if not found:
        raise UserError(f"trade-off: no such recorded run in {folder} has {' or '.join(NAMES)} on {split}; see: record")
    rows = [[point.name, point.n, *(figures.number(point.scores.get(name)) for name in NAMES)] for point in found]
    print_table(["run: system", "n", *NAMES], rows, f"{split}: likeness, then realism")
    if out is not None:
        write_bytes(out, drawn(found).encode())
        console.print(f"trade-off: {out}")


def drawn(found: Sequence[Point]) -> str:
    """PANELS as one SVG, a numbered point each and the numbers' names beside; the same points give the same bytes."""
    import matplotlib  # heavy

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, len(PANELS), figsize=(9, 3.4))
    for axis, (across, upwards) in zip(axes, PANELS, strict=True):
        for number, point in enumerate(found, 1):
            if across in point.scores and upwards in point.scores:
                x, y = point.scores[across], point.scores[upwards]
                axis.plot([x], [y], "o", ms=5, color="#2b6cb0")
                axis.annotate(str(number), (x, y), xytext=(4, 4), textcoords="offset points", fontsize=8)
        better = "lower" if across.startswith("fd") else "nearer 1"
        axis.set_xlabel(f"{across} ({better} is more like photos)", fontsize=8)
        axis.set_ylabel(f"{upwards} (higher is more alike)", fontsize=8)
        axis.tick_params(labelsize=7)
    legend = "\n".join(f"{number} {point.name}, N {point.n}" for number, point in enumerate(found, 1))
    figure.text(1.0, 0.95, legend, fontsize=8, va="top")
    text = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "trade-off"}):
        figure.tight_layout()
        figure.savefig(text, format="svg", metadata={"Date": None}, bbox_inches="tight")
    plt.close(figure)
    return text.getvalue()
