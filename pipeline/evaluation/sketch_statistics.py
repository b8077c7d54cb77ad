"""Stage evaluate_sketches: how human the synthetic sketches are, beside drawings made by people.

Every set of sketches is described by statistics of its strokes, and by what the project's edge net sees in it. Its
distances from the people's set: the earth mover's distance (Wasserstein 1) of each statistic, in standard deviations
of the people's, and their mean; the Frechet and the kernel distance of the features, as FID and KID have them, of
features whose mean over the people's drawings is 0 and whose mean variance is 1.
"""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.stats import wasserstein_distance

from models.helpers.edge_net import EdgeDetector
from pipeline.core.allowed import OptionalPath
from pipeline.core.errors import UserError
from pipeline.core.files import new_folder, write_bytes
from pipeline.core.finder import SUFFIXES
from pipeline.core.image_io import import_sketch, read_gray
from pipeline.core.layout import Layout
from pipeline.core.manifest import read_photographed
from pipeline.core.parallel import map_images
from pipeline.core.polarity import Edges, Sketch
from pipeline.core.tables import print_table
from pipeline.drawing.scale import enlarged, face_scale, resized, stretched
from pipeline.drawing.stroke import Stroke, smooth
from pipeline.drawing.trace import trace
from pipeline.evaluation.metrics.features import Features, frechet, kid
from pipeline.weights import loaders

matplotlib.use("Agg")

LARGEST_PX = 512  # ours: larger drawings are measured at this size
INK = 0.7  # ours: darker is ink, after stretching
SMOOTH_PX = 3  # ours: below this a line's turns are the raster's
SHORTEST_PX = 4  # ours: shorter lines are specks, at a 256-px face
BREAK_PX = 10  # ours: two ends nearer than this are a gap in one line
HOLE_PX2 = 12  # ours: smaller holes are between the edges of one stroke
RING = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))  # neighbours in a circle
SEEN_PX = 256  # ours: the edge net looks at drawings of this size
PEOPLE = "people"

Row = dict[str, float]


@dataclass(frozen=True)
class EvaluateSketchesParams:
    """Section `evaluate_sketches`."""

    people: OptionalPath  # folder of drawings by people; "": those that came with the photos, where any did


@dataclass(frozen=True)
class Drawings:
    """One set of sketches: files, and the photo's Canny edges of each where there is a photo."""

    name: str
    files: list[Path]
    edges: list[Path] | None


def statistics(sketch: Sketch, edges: Edges | None) -> Row:
    """Of one sketch (H, W), lengths in px of a 256-px face; misalignment where `edges` (H, W) are given.

    ink: share of the paper; length, curvature (radians a px): of the strokes, medians; strokes: in number; junctions,
    loops, gaps: per 100 px of stroke; offset, offset_90: distance from ink to the nearest edge, median and 90th
    percentile.
    """
    canvas = stretched(enlarged(sketch, LARGEST_PX))
    scale = face_scale(canvas.shape)
    lines = trace(canvas, INK, max(3.0, 7 * scale), 1.0, 1.5)
    strokes = smooth(lines, SMOOTH_PX * scale, SHORTEST_PX * scale, 2 * scale)
    total = max(1.0, sum(stroke.length for stroke in strokes) / scale / 100)
    row = {
        "ink": float(1 - canvas.mean()),
        "strokes": float(len(strokes)),
        "length": _median(stroke.length / scale for stroke in strokes),
        "curvature": _median(value for stroke in strokes for value in _turning(stroke)),
        "junctions": _junctions(canvas) / total,
        "loops": _loops(canvas, HOLE_PX2 * scale**2) / total,
        "gaps": _gaps(strokes, canvas, BREAK_PX * scale) / total,
    }
    return row if edges is None else row | _offsets(sketch, edges)


def _median(values: Iterable[float]) -> float:
    found = np.fromiter(values, np.float64)
    return float(np.median(found)) if found.size else 0.0


def _turning(stroke: Stroke) -> NDArray[np.float64]:
    """Absolute turn at each inner point, radians a px, points 2 px of a 256-px face apart."""
    steps = np.diff(stroke.points.astype(np.float64), axis=0)
    angles = np.arctan2(steps[:, 1], steps[:, 0])
    return np.abs((np.diff(angles) + np.pi) % (2 * np.pi) - np.pi) / 2


def _junctions(canvas: Sketch) -> int:
    """Clusters of skeleton pixels from which three or more lines leave."""
    skeleton = (cv2.ximgproc.thinning((canvas < INK).astype(np.uint8) * 255) > 0).astype(np.uint8)  # type: ignore[attr-defined]
    ring = [np.roll(skeleton, shift, (0, 1)) for shift in RING]  # the border of a drawing is paper
    leaving = np.sum([a < b for a, b in pairwise([*ring, ring[0]])], axis=0)
    crossings = skeleton * (leaving >= 3).astype(np.uint8)
    return cv2.connectedComponents(cv2.dilate(crossings, np.ones((3, 3), np.uint8)))[0] - 1


def _loops(canvas: Sketch, least_px2: float) -> int:
    """Enclosed areas of paper."""
    paper = np.pad((canvas >= INK).astype(np.uint8), 1, constant_values=1)
    areas = cv2.connectedComponentsWithStats(paper, connectivity=4)[2][1:, cv2.CC_STAT_AREA]
    return int((areas >= least_px2).sum()) - 1


def _gaps(strokes: Sequence[Stroke], canvas: Sketch, reach: float) -> int:
    """Pairs of ends of different strokes nearer than `reach`, paper between them."""
    if len(strokes) < 2:
        return 0
    ends = np.concatenate([stroke.points[[0, -1]] for stroke in strokes])
    pairs = [(a, b) for a, b in cKDTree(ends).query_pairs(reach) if a // 2 != b // 2]
    middles = [((ends[a] + ends[b]) / 2).round().astype(int) for a, b in pairs]
    return sum(bool(canvas[y, x] >= INK) for x, y in middles)


def _offsets(sketch: Sketch, edges: Edges) -> Row:
    ink = stretched(sketch) < INK
    if not ink.any() or not (edges > 0.5).any():
        return {"offset": 0.0, "offset_90": 0.0}
    distance = cv2.distanceTransform((edges <= 0.5).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    away = distance[ink] / face_scale(sketch.shape)
    return {"offset": float(np.median(away)), "offset_90": float(np.percentile(away, 90))}


def distances(rows: Sequence[Row], people: Sequence[Row]) -> Row:
    """Earth mover's distance of each statistic that both have, in the people's standard deviations; `mean` of all."""
    shared = [key for key in people[0] if key in rows[0]]
    found = {}
    for key in shared:
        ours, theirs = ([row[key] for row in part] for part in (rows, people))
        found[key] = float(wasserstein_distance(ours, theirs) / max(float(np.std(theirs)), 1e-9))
    return found | {"mean": float(np.mean(list(found.values())))}


def features(sketches: Iterable[Sketch], net: EdgeDetector) -> Features:
    """Sketches (H, W) -> (N, D): mean over the drawing of every channel of the edge net's pyramid."""
    return np.stack([_seen(sketch, net) for sketch in sketches])


@torch.inference_mode()
def _seen(sketch: Sketch, net: EdgeDetector) -> NDArray[np.float64]:
    paper = resized(stretched(sketch), (SEEN_PX, SEEN_PX))
    maps = net.net.pyramid((torch.from_numpy(paper).expand(1, 3, -1, -1) - 0.5) / 0.25)
    return torch.cat([x.mean((0, 2, 3)) for x in maps]).double().numpy()


def sets_of(layout: Layout, styles: Sequence[str], people: str) -> list[Drawings]:
    """The styles raw, simplified and deformed; last the people's drawings: given, or those that came with the photos.

    Raises UserError where a folder is given that holds none.
    """
    ids = [face.id for face in read_photographed(layout)]
    canny = [layout.edges("canny") / f"{face}.png" for face in ids]
    found = []
    for style in styles:
        kinds = {"raw": layout.style(style)} | {kind: layout.simplified(style) / kind for kind in ("clean", "deformed")}
        for kind, folder in kinds.items():
            found.append(Drawings(f"{style} {kind}", [folder / f"{face}.png" for face in ids], canny))
    if people:
        files = sorted(path for path in Path(people).rglob("*") if path.suffix.lower() in SUFFIXES)
        if not files:
            raise UserError(f"evaluate_sketches.people: no drawings in {people}")
        return [*found, Drawings(PEOPLE, files, None)]
    own = [(layout.artist / f"{face}.png", edges) for face, edges in zip(ids, canny, strict=True)]
    own = [pair for pair in own if pair[0].exists()]
    return [*found, Drawings(PEOPLE, [file for file, _ in own], [edges for _, edges in own])]


def run(params: EvaluateSketchesParams, styles: Sequence[str], data: Path, jobs: int) -> None:
    """-> data/sketch_statistics/: sketches.csv, summary.json, table.csv, distributions.svg; prints the table.

    Without drawings by people nothing is compared, and the table says so.
    """
    sets = [part for part in sets_of(Layout(data), styles, params.people) if part.files]
    rows = {part.name: map_images(_one, _tasks(part), jobs, part.name) for part in sets}
    seen = _features(sets) if PEOPLE in rows else {}
    summary = {name: _summary(name, rows, seen) for name in rows}
    with new_folder(Layout(data).sketch_statistics) as out:
        write_bytes(out / "sketches.csv", _csv(sets, rows).encode())
        write_bytes(out / "summary.json", json.dumps(summary, indent=1).encode())
        write_bytes(out / "distributions.svg", plot(rows).encode())
        head, cells = table(summary)
        write_bytes(out / "table.csv", "".join(",".join(row) + "\n" for row in [head, *cells]).encode())
    print_table(head, cells, "means of the statistics; distances from people's drawings")


def _features(sets: Sequence[Drawings]) -> dict[str, Features]:
    net = loaders.net("edge_detector")
    return {part.name: features(map(import_sketch, part.files), net) for part in sets}  # type: ignore[arg-type]


def _summary(name: str, rows: Mapping[str, Sequence[Row]], seen: Mapping[str, Features]) -> dict[str, Any]:
    found: dict[str, Any] = {"n": len(rows[name]), "mean": _means(rows[name])}
    if PEOPLE not in rows or min(len(rows[name]), len(rows[PEOPLE])) < 2:
        return found
    unit = max(float(np.sqrt(seen[PEOPLE].var(0).mean())), 1e-9)
    people, ours = ((x - seen[PEOPLE].mean(0)) / unit for x in (seen[PEOPLE], seen[name]))
    return found | {
        "distance": distances(rows[name], rows[PEOPLE]),
        "frechet": frechet(people, ours),
        "kernel": kid(people, ours),
    }


def _tasks(part: Drawings) -> list[tuple[Path, Path | None]]:
    return list(zip_longest(part.files, part.edges or []))


def _one(task: tuple[Path, Path | None]) -> Row:
    file, edges = task
    sketch = import_sketch(file)
    return statistics(sketch, Edges(read_gray(edges)) if edges else None)


def _means(rows: Sequence[Row]) -> Row:
    return {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}


def _csv(sets: Sequence[Drawings], rows: Mapping[str, Sequence[Row]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, ["set", "file", *max((found[0] for found in rows.values()), key=len)])
    writer.writeheader()
    for part in sets:
        for file, row in zip(part.files, rows[part.name], strict=True):
            writer.writerow({"set": part.name, "file": file.name} | {key: f"{value:.5g}" for key, value in row.items()})
    return text.getvalue()


def table(summary: Mapping[str, dict[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Head and rows: each set's mean statistics and, where people's drawings are known, its distances from them."""
    keys = list(dict.fromkeys(key for found in summary.values() for key in found["mean"]))
    far = ("frechet", "kernel")
    rows = [
        [name, *(_cell(found["mean"].get(key)) for key in keys), _cell(found.get("distance", {}).get("mean"))]
        + [_cell(found.get(key)) for key in far]
        for name, found in summary.items()
    ]
    return ["sketches", *keys, "distance", *far], rows


def _cell(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def plot(rows: Mapping[str, Sequence[Row]]) -> str:
    """One panel a statistic, as SVG: every set from its 10th to its 90th percentile, its median; people's as a band."""
    from matplotlib import pyplot as plt

    keys, names = list(next(iter(rows.values()))[0]), list(rows)[::-1]
    figure, axes = plt.subplots(1, len(keys), figsize=(1.5 * len(keys) + 1.2, 0.22 * len(names) + 0.9), sharey=True)
    for axis, key in zip(axes, keys, strict=True):
        for at, name in enumerate(names):
            if key in rows[name][0]:
                low, middle, high = np.percentile([row[key] for row in rows[name]], [10, 50, 90])
                axis.plot([low, high], [at, at], color="#90a4b8", lw=3, solid_capstyle="round")
                axis.plot([middle], [at], "o", color="#1f2430", ms=3.5)
                if name == PEOPLE:
                    axis.axvspan(low, high, color="#f6d9a8", zorder=0)
        axis.set_title(key, fontsize=8)
        axis.tick_params(labelsize=6)
    axes[0].set_yticks(range(len(names)), names, fontsize=7)
    figure.tight_layout()
    text = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "sketches", "svg.fonttype": "none"}):
        figure.savefig(text, format="svg", metadata={"Date": None})
    plt.close(figure)
    return text.getvalue()[text.getvalue().index("<svg") :]
