"""Stage report: one self-contained HTML page on data, training and metrics; command summary: the table alone."""

import base64
import csv
import io
import json
import platform
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from jinja2 import Environment, FileSystemLoader, select_autoescape
from numpy.typing import NDArray

from pipeline.apps.system import System, load_system
from pipeline.core.console import console
from pipeline.core.contact_sheet import contact_sheet
from pipeline.core.dataset import Split, read_split, splits
from pipeline.core.errors import UserError
from pipeline.core.files import new_folder, write_bytes
from pipeline.core.image_io import read_gray, read_photo, write_photo
from pipeline.core.layout import Layout, made_with
from pipeline.core.manifest import read_faces, read_photographed, read_rejected
from pipeline.core.params import params_path
from pipeline.core.tables import print_table

matplotlib.use("Agg")

COLUMNS = (
    "n",
    "psnr",
    "ssim",
    "psnr_gray",
    "ssim_51",
    "precision",
    "recall",
    "precision_2px",
    "recall_2px",
    "fid",
    "kid",
    "identity_rank1",
)
PACKAGES = ("torch", "torchvision", "numpy", "opencv-contrib-python", "scikit-image", "dvc")
PAPER_TABLE_1 = (
    ("pix2pix", 18.83, 0.7554, 76.90),
    ("CycleGAN", 24.21, 0.8508, 80.17),
    ("MUNIT", 17.23, 0.7515, 78.57),
    ("DRIT", 16.14, 0.7047, 109.83),
    ("DeepFaceDrawing", 13.21, 0.3751, 97.36),
    ("Cali-Sketch", 20.25, 0.8006, 58.43),
    ("Cali-Sketch, Improved-1", 20.34, 0.8092, 57.09),
    ("Cali-Sketch, Improved-2", 21.09, 0.8137, 55.12),
)
PAPER_TABLE_2 = (
    ("detail only", 0.1559, 0.1475),
    ("contour only", 0.1713, 0.1564),
    ("detail and contour", 0.9962, 0.4772),
)


@dataclass(frozen=True)
class ReportParams:
    """Section `report`."""

    faces: int  # test faces shown through every stage


def face_row(layout: Layout, split: Split, index: int, system: System) -> tuple[list[Any], list[Any]]:
    """One face through the data stages, and through the networks style by style."""
    face = split.ids[index]
    canny, hed = (read_gray(layout.edges(name) / f"{face}.png") for name in ("canny", "hed"))
    row: list[Any] = [read_photo(layout.photos / f"{face}.png"), read_photo(layout.equalized / f"{face}.png")]
    row += [hed, canny, np.asarray(split.layers["product"][index])]
    made: list[Any] = []
    for style in (name.removeprefix("clean/") for name in split.layers if name.startswith("clean/")):
        deformed = split.layers[f"sketch/{style}"][index]
        row += [read_gray(layout.style(style) / f"{face}.png"), np.asarray(split.layers[f"clean/{style}"][index])]
        row.append(np.asarray(deformed))
        refined, photo = system.photo(np.asarray(deformed))
        made += [np.asarray(deformed), 1 - refined, photo]
    return row, [*made, row[0]]


def face_sheets(layout: Layout, system: System, count: int) -> dict[str, NDArray[np.uint8]]:
    """Sheets of the first test faces: the data, and what the networks make of it."""
    split = read_split(layout, "test")
    rows = [face_row(layout, split, i, system) for i in range(min(count, len(split.ids)))]
    styles = [name.removeprefix("clean/") for name in split.layers if name.startswith("clean/")]
    data_heads = ["photo", "equalized", f"HED: {_method(layout.edges('hed'))}", "Canny", "Canny x HED"]
    data_heads += [head for style in styles for head in (style, "simplified", "deformed")]
    net_heads = [head for style in styles for head in (style, "refined", "generated")] + ["photo"]
    size, labels = split.layers["photo"].shape[1], [""] * len(rows)
    return {
        "From photo to training data": contact_sheet([row for row, _ in rows], data_heads, labels, size),
        "From sketch to photo": contact_sheet([made for _, made in rows], net_heads, labels, size),
    }


def _method(folder: Path) -> str:
    return str(made_with(folder).get("method", "unknown"))


def curves(layout: Layout, stage: str) -> str:
    """Every term of a stage's history.csv over its steps, as inline SVG."""
    from matplotlib import pyplot as plt

    with (layout.trained(stage) / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if name not in ("step", "lr")]
    figure, axes = plt.subplots(1, len(names), figsize=(2.2 * len(names), 1.9), squeeze=False)
    for axis, name in zip(axes[0], names, strict=True):
        axis.plot([float(row["step"]) for row in rows], [float(row[name]) for row in rows], color="#2b6cb0", lw=1.2)
        axis.set_title(name, fontsize=8)
        axis.tick_params(labelsize=6)
    figure.tight_layout()
    text = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": stage}):
        figure.savefig(text, format="svg", metadata={"Date": None}, transparent=True)
    plt.close(figure)
    return text.getvalue()[text.getvalue().index("<svg") :]


def metric_rows(metrics: dict[str, Any]) -> list[list[str]]:
    """metrics.json as table rows: split, system, style, then COLUMNS; a dash where not computed."""
    return [
        [split, system, style, *(_number(values.get(key)) for key in COLUMNS)]
        for split, systems in metrics.items()
        if split != "not_computed"
        for system, styles in systems.items()
        for style, values in styles.items()
    ]


def _number(value: float | None) -> str:
    return "–" if value is None else str(value) if isinstance(value, int) else f"{value:.4g}"


def read_metrics(layout: Layout) -> dict[str, Any]:
    """data/evaluation/metrics.json. Raises UserError where evaluate has not run."""
    path = layout.evaluation / "metrics.json"
    if not path.exists():
        raise UserError(f"{path}: missing; run: dvc repro evaluate")
    return json.loads(path.read_text())


def statistics(layout: Layout) -> list[tuple[str, str]]:
    """What the data set is made of."""
    faces = read_photographed(layout)
    counts = Counter(face.split for face in faces)
    alignment = Counter(face.alignment for face in faces)
    return [
        ("faces", str(len(faces))),
        ("copies under other exposures", str(len(read_faces(layout)) - len(faces))),
        ("per split", ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))),
        ("subjects", str(len({face.subject for face in faces}))),
        ("eyes", ", ".join(f"{name} {count}" for name, count in sorted(alignment.items()))),
        ("packed splits", ", ".join(splits(layout))),
        ("HED by", _method(layout.edges("hed"))),
        ("photo-sketch by", _method(layout.style("photosketch"))),
        ("rejected", str(len(read_rejected(layout)))),
    ]


def embed(data: bytes) -> str:
    """PNG as a data URL."""
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def page(values: dict[str, Any]) -> str:
    """The HTML page."""
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=select_autoescape(["j2"]))
    return environment.get_template("report.html.j2").render(values)


def run(params: ReportParams, data: Path) -> None:
    """data/* -> data/report/index.html."""
    layout = Layout(data)
    metrics = read_metrics(layout)
    sheets = face_sheets(layout, load_system(layout, "joint", "cpu"), params.faces)
    with new_folder(layout.report) as out:
        for name, sheet in sheets.items():
            write_photo(out / f"{_slug(name)}.png", sheet)
        pictures = [(name, embed((out / f"{_slug(name)}.png").read_bytes())) for name in sheets]
        found = sorted((layout.evaluation / "sheets").glob("*.png"))
        pictures += [(f"Evaluation: {path.stem.replace('_', ', ')}", embed(path.read_bytes())) for path in found]
        values = {
            "pictures": pictures,
            "columns": ["split", "system", "style", *COLUMNS],
            "rows": metric_rows(metrics),
            "not_computed": metrics["not_computed"],
            "table_1": PAPER_TABLE_1,
            "table_2": PAPER_TABLE_2,
            "curves": [(stage, curves(layout, stage)) for stage in ("scn", "isn", "joint")],
            "sketches": list(csv.reader((layout.sketch_statistics / "table.csv").read_text().splitlines())),
            "distributions": (layout.sketch_statistics / "distributions.svg").read_text(),
            "statistics": statistics(layout),
            "rejected": read_rejected(layout),
            "params": params_path().read_text(encoding="utf-8"),
            "versions": [("Python", platform.python_version()), *((name, version(name)) for name in PACKAGES)],
        }
        write_bytes(out / "index.html", page(values).encode())
    console.print(f"report: {layout.report / 'index.html'}")


def _slug(name: str) -> str:
    return name.lower().replace(" ", "_")


def summary(data: Path) -> None:
    """Print the metrics table and the path of the report."""
    layout = Layout(data)
    print_table(["split", "system", "style", *COLUMNS[:9]], [row[:12] for row in metric_rows(read_metrics(layout))])
    print(f"report: {(layout.report / 'index.html').resolve()}")
