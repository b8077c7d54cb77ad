"""Stage report: one self-contained HTML page of all that the stages left; command summary: the figures alone."""

import base64
import csv
import io
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import matplotlib
import numpy as np
from jinja2 import Environment, FileSystemLoader, select_autoescape
from numpy.typing import NDArray

from pipeline.core.allowed import Range
from pipeline.core.console import console
from pipeline.core.contact_sheet import contact_sheet
from pipeline.core.dataset import Split, read_split, splits
from pipeline.core.devices import pick_device
from pipeline.core.files import new_folder, write_bytes
from pipeline.core.image_io import read_gray, read_photo, write_photo
from pipeline.core.layout import Layout, made_with
from pipeline.core.manifest import read_faces, read_photographed, read_rejected
from pipeline.core.params import params_path
from pipeline.core.polarity import sketch_of
from pipeline.core.tables import print_table
from pipeline.evaluation import figures, results
from pipeline.evaluation import table_1 as side_by_side
from pipeline.evaluation.systems import LikeSystem, drawings, row

matplotlib.use("Agg")

VAL = "val"
PACKAGES = ("torch", "torchvision", "numpy", "opencv-contrib-python", "scikit-image", "dvc")
PAPER_TABLE_2 = (
    ("detail only", 0.1559, 0.1475),
    ("contour only", 0.1713, 0.1564),
    ("detail and contour", 0.9962, 0.4772),
)


@dataclass(frozen=True)
class ReportParams:
    """Section `report`."""

    faces: Annotated[int, Range(least=1, most=64)]  # val faces shown through every stage


def shown_name(layout: Layout) -> str:
    """The split whose faces are shown: val; never test, and train where there is no val."""
    return VAL if VAL in splits(layout) else "train"


def shown_split(layout: Layout) -> Split:
    """Whose faces are shown."""
    return read_split(layout, shown_name(layout))


def data_sheet(layout: Layout, split: Split, count: int) -> NDArray[np.uint8]:
    """The first faces through the data stages."""
    heads = ["photo", "equalized", f"HED: {_method(layout.edges('hed'))}", "Canny", "Canny x HED"]
    heads += [head for style in split.styles for head in (style, "simplified", "deformed")]
    rows = [_data_row(layout, split, i) for i in range(min(count, len(split.ids)))]
    return contact_sheet(rows, heads, [""] * len(rows), split.size)


def _data_row(layout: Layout, split: Split, index: int) -> list[Any]:
    face = split.ids[index]
    canny, hed = (read_gray(layout.edges(name) / f"{face}.png") for name in ("canny", "hed"))
    shown: list[Any] = [read_photo(layout.photos / f"{face}.png"), read_photo(layout.equalized / f"{face}.png")]
    shown += [hed, canny, np.asarray(split.layers["product"][index])]
    for style in split.styles:
        shown.append(read_gray(layout.style(style) / f"{face}.png"))
        shown += [np.asarray(split.layers[f"{kind}/{style}"][index]) for kind in ("clean", "sketch")]
    return shown


def system_sheet(split: Split, system: LikeSystem, kind: str, count: int) -> NDArray[np.uint8]:
    """What a system makes of the first faces, style by style: a row a face."""
    styles, faces = drawings(split, kind), slice(0, count)
    photos = np.asarray(split.layers["photo"][faces])
    columns: dict[str, Sequence[Any]] = {}
    for style, drawn in styles.items():
        columns |= _columns(style, drawn[faces], system, photos)
    columns["photo"] = list(photos)
    rows = [list(part) for part in zip(*columns.values(), strict=True)]
    return contact_sheet(rows, [head.split(" ")[0] for head in columns], [""] * len(rows), split.size)


def _columns(
    style: str, sketches: NDArray[np.uint8], system: LikeSystem, photos: NDArray[np.uint8]
) -> dict[str, Sequence[Any]]:
    made, strokes = system(sketches, photos)
    between = {} if strokes is None else {f"refined {style}": list(sketch_of(strokes))}
    return {style: list(sketches)} | between | {f"generated {style}": list(made)}


def _method(folder: Path) -> str:
    return str(made_with(folder).get("method", "unknown"))


def curves(history: Path) -> str:
    """Every column of a history.csv over its steps, as inline SVG."""
    from matplotlib import pyplot as plt

    with history.open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if name not in ("step", "lr")]
    figure, axes = plt.subplots(1, len(names), figsize=(2.2 * len(names), 1.9), squeeze=False)
    for axis, name in zip(axes[0], names, strict=True):
        known = [(float(row["step"]), float(row[name])) for row in rows if row[name]]
        axis.plot(*zip(*known, strict=True), color="#2b6cb0", lw=1.2) if known else axis.set_axis_off()
        axis.set_title(name, fontsize=8)
        axis.tick_params(labelsize=6)
    figure.tight_layout()
    text = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": str(history.parent.name)}):
        figure.savefig(text, format="svg", metadata={"Date": None}, transparent=True)
    plt.close(figure)
    return text.getvalue()[text.getvalue().index("<svg") :]


def table_1(layout: Layout) -> list[list[str]]:
    """The paper's rows, each beside what was measured here of such a system, on test or what there is."""
    measured, rows = figures.systems(layout), list[list[str]]()
    for method, psnr, ssim, fid, system in side_by_side.PAPER_TABLE_1:
        known = figures.splits(layout, system) if system in measured else []
        split = "test" if "test" in known else next(iter(known), "")
        found = figures.flat(figures.read(layout, system, split, "metrics")) if split else {}
        own = [figures.number(found.get(name)) for name in ("psnr", "ssim", "fid", "n")]
        rows.append([method, *map(str, (psnr, ssim, fid)), *own, split or "–"])
    return rows


def trained(layout: Layout) -> list[tuple[str, str]]:
    """Each training stage that left a history, with its curves."""
    found = sorted(layout.trained(".").glob("*/history.csv"))
    return [(path.parent.name, curves(path)) for path in found]


def detail_rows(layout: Layout, system: str) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of all that was measured of a system: split, kind of drawing, style, then every score."""
    found = [
        ([split, kind, style], scores)
        for split in figures.splits(layout, system)
        for kind, styles in figures.read(layout, system, split).items()
        for style, scores in styles.items()
    ]
    names = [name for name in dict.fromkeys(key for _, scores in found for key in scores) if _known(name, found)]
    rows = [[*keys, *(figures.number(scores.get(name)) for name in names)] for keys, scores in found]
    return ["split", "drawings", "style", *names], rows


def _known(name: str, found: Sequence[tuple[list[str], Mapping[str, Any]]]) -> bool:
    return any(scores.get(name) is not None for _, scores in found)


def statistics(layout: Layout, styles: Sequence[str]) -> list[tuple[str, str]]:
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
        *((f"{name} by", method) for name, method in methods(layout, styles).items()),
        ("rejected", str(len(read_rejected(layout)))),
    ]


def methods(layout: Layout, styles: Sequence[str]) -> dict[str, str]:
    """Layer -> the method that drew it, where its stage has several."""
    folders = [layout.edges("hed"), *map(layout.style, styles)]
    return {folder.name: _method(folder) for folder in folders if "method" in made_with(folder)}


def embed(data: bytes) -> str:
    """PNG as a data URL."""
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def page(values: dict[str, Any]) -> str:
    """The HTML page."""
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=select_autoescape(["j2"]))
    return environment.get_template("report.html.j2").render(values)


def sections(layout: Layout) -> list[dict[str, Any]]:
    """Of each system: its name, its table, its sheets of val."""
    found = []
    for system in figures.systems(layout):
        heads, rows = detail_rows(layout, system)
        sheets = sorted((results.folder(layout, system, VAL) / "sheets").glob("*.png"))
        pictures = [(path.stem, embed(path.read_bytes())) for path in sheets]
        found.append({"name": system, "columns": heads, "rows": rows, "pictures": pictures})
    return found


def run(params: ReportParams, first: str, data: Path) -> None:
    """data/* -> data/report/index.html. `first`: the system whose photos are shown style by style."""
    layout, of = Layout(data), row(first)
    split = shown_split(layout)
    system = of.system(layout, pick_device("cpu"))
    sheets = {"From photo to training data": data_sheet(layout, split, params.faces)}
    sheets[f"From sketch to photo: {first}"] = system_sheet(split, system, of.reads[0], params.faces)
    drawn = [name for name in figures.systems(layout) if row(name).reads[0] != "product"]
    sheets["Systems side by side"] = side_by_side.sheet(layout, shown_name(layout), drawn, pick_device("cpu"))
    with new_folder(layout.report) as out:
        for name, sheet in sheets.items():
            write_photo(out / f"{_slug(name)}.png", sheet)
        values = {
            "pictures": [(name, embed((out / f"{_slug(name)}.png").read_bytes())) for name in sheets],
            "headlines": [(name, *figures.headline_table(layout, name)) for name in figures.measured_splits(layout)],
            "systems": sections(layout),
            "not_computed": figures.not_computed(layout),
            "table_1": table_1(layout),
            "table_2": PAPER_TABLE_2,
            "curves": trained(layout),
            "sketches": list(csv.reader((layout.sketch_statistics / "table.csv").read_text().splitlines())),
            "distributions": (layout.sketch_statistics / "distributions.svg").read_text(),
            "statistics": statistics(layout, split.styles),
            "rejected": read_rejected(layout),
            "params": params_path().read_text(encoding="utf-8"),
            "versions": [("Python", platform.python_version()), *((name, version(name)) for name in PACKAGES)],
        }
        write_bytes(out / "index.html", page(values).encode())
    console.print(f"report: {layout.report / 'index.html'}")


def _slug(name: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in name.lower())


def summary(data: Path, everything: bool) -> None:
    """Print a table for each split, a row a system; with `everything` every score of every style, too."""
    layout = Layout(data)
    for name in figures.measured_splits(layout):
        heads, rows = figures.headline_table(layout, name)
        print_table(heads, rows, f"{name}: means over styles")
    if everything:
        for system in figures.systems(layout):
            heads, rows = detail_rows(layout, system)
            print_table(heads, rows, system, keys=3)
    for what, why in figures.not_computed(layout).items():
        print(f"not computed: {what}: {why}")
    if (layout.report / "index.html").exists():
        print(f"report: {(layout.report / 'index.html').resolve()}")
