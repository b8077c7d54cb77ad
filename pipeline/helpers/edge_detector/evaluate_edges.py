"""Command evaluate-edges: of the faces in the data folder, how much of each the edges for training hold."""

import csv
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core.errors import UserError
from pipeline.core.files import write_bytes
from pipeline.core.image_io import read_gray, read_photo
from pipeline.core.layout import Layout, made_with
from pipeline.core.manifest import Face, read_photographed
from pipeline.core.parallel import map_images
from pipeline.core.polarity import Edges, Photo, to_uint8, unit
from pipeline.core.tables import print_table
from pipeline.drawing.face_prior import Eyes
from pipeline.helpers.edge_detector.face_coverage import (
    FEATURES,
    POOR,
    SCHEMES,
    Coverage,
    Points,
    coverage,
    lightness,
    summary,
)
from pipeline.stages.pack import PackParams, product
from pipeline.weights.face_points import face_points
from pipeline.weights.registry import WeightsError, weight_file

LAYERS = ("canny", "hed", "product")
ACROSS, ABOVE, SIDE = 1.16, 0.83, 2.32  # ours: the first box for the net, in distances of the pupils about their middle
IDS = {"id": "id", "name": "source"}  # first column of a table of points -> field of faces.csv

Pointed = Callable[[Face, Photo], Points]  # a face and its crop -> its points on the crop


@dataclass(frozen=True)
class Measured:
    """One face."""

    lightness: float
    layers: dict[str, Coverage]


def run(
    packing: PackParams,
    eyes: Eyes,
    points: Path | None,
    splits: Sequence[str],
    out: Path | None,
    data: Path,
    jobs: int,
) -> None:
    """Print the measure of each layer, and write it to `out` where given; `splits`: none named, all.

    `points`: see `table_of_points`; None: found by the net pfld. Raises UserError where there are no points, faces or
    edges.
    """
    layout = Layout(data)
    faces = [face for face in read_photographed(layout) if not splits or face.split in splits]
    if not faces:
        raise UserError(f"evaluate-edges: no face in {', '.join(splits) or 'any split'} of {layout.faces}")
    _check_edges(layout, faces)
    pointed = by_net(eyes) if points is None else by_table(table_of_points(points, faces))
    one = partial(_measure, packing, eyes, pointed, layout)
    found = map_images(one, faces, jobs, "evaluate-edges")
    light = [face.lightness for face in found]
    rows = {name: summary([face.layers[name] for face in found], light) for name in LAYERS}
    _show(rows, len(faces), splits)
    if out:
        of = {"faces": len(faces), "splits": list(splits), "points": str(points or "pfld"), "pack": vars(packing)}
        made = {name: made_with(layout.edges(name)) for name in ("canny", "hed")}
        write_bytes(out, json.dumps(of | {"made_with": made, "layers": rows}, indent=1).encode())


def _check_edges(layout: Layout, faces: Sequence[Face]) -> None:
    for name in ("canny", "hed"):
        missing = [face.id for face in faces if not (layout.edges(name) / f"{face.id}.png").exists()]
        if missing:
            raise UserError(
                f"evaluate-edges: {len(missing)} faces have no {name} in {layout.edges(name)}, first {missing[0]}; "
                f"run: dvc repro edges@{name}"
            )


def by_net(eyes: Eyes) -> Pointed:
    """By PFLD, which looks first where crops have the face. Raises UserError where its file is missing."""
    try:
        weight_file("pfld")
    except WeightsError as error:
        raise UserError(f"evaluate-edges: not computed: {error}; or give the points, --points FILE.csv") from error
    return partial(_by_net, eyes)


def _by_net(eyes: Eyes, face: Face, photo: Photo) -> Points:
    height, width = photo.shape[:2]
    distance = eyes.eye_distance * min(height, width)
    box = (width / 2 - ACROSS * distance, eyes.eye_y * height - ABOVE * distance, SIDE * distance)
    return face_points(photo, box)


def by_table(table: dict[str, Points]) -> Pointed:
    """Id of a face -> its points."""
    return partial(_by_table, table)


def _by_table(table: dict[str, Points], face: Face, photo: Photo) -> Points:
    return table[face.id]


def table_of_points(path: Path, faces: Sequence[Face]) -> dict[str, Points]:
    """A CSV with a head, then a row a face: id, x0, y0, x1, y1, … in px of its crop; or name, … in px of its photo.

    98 points in the order of WFLW, or 68 of iBUG's. `name`: the photo's path below crop.photos. Raises UserError.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            head, *rows = [row for row in csv.reader(file) if row] or [[""]]
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"{path}: no table of face points ({error})") from error
    count = (len(head) - 1) // 2
    if head[0] not in IDS or count not in SCHEMES or len(head) != 2 * count + 1:
        wanted = " or ".join(str(number) for number in SCHEMES)
        raise UserError(f"{path}: expected columns id or name, then x, y of {wanted} points; found {len(head)} columns")
    given = {row[0]: _points(path, row, count) for row in rows}
    missing = [face.id for face in faces if getattr(face, IDS[head[0]]) not in given]
    if missing:
        raise UserError(f"{path}: {len(missing)} of {len(faces)} faces have no points, first {missing[0]}")
    placed = {face: given[getattr(face, IDS[head[0]])] for face in faces}
    return {face.id: found if head[0] == "id" else _on_crop(face, found) for face, found in placed.items()}


def _points(path: Path, row: Sequence[str], count: int) -> Points:
    try:
        values = [float(value) for value in row[1:]]
    except ValueError as error:
        raise UserError(f"{path}: row {row[0]}: {error}") from error
    if len(values) != 2 * count or not all(map(math.isfinite, values)):
        raise UserError(f"{path}: row {row[0]}: expected {2 * count} finite numbers after its name")
    return np.array(values, np.float32).reshape(count, 2)


def _on_crop(face: Face, points: Points) -> Points:
    matrix = np.array(face.transform, np.float64).reshape(2, 3)
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], np.float32)


def _measure(packing: PackParams, eyes: Eyes, pointed: Pointed, layout: Layout, face: Face) -> Measured:
    photo = read_photo(layout.photos / f"{face.id}.png")
    edges = {name: Edges(read_gray(layout.edges(name) / f"{face.id}.png")) for name in ("canny", "hed")}
    edges["product"] = Edges(unit(to_uint8(product(edges["canny"], edges["hed"], packing, eyes))))
    points = pointed(face, photo)
    return Measured(lightness(photo, points), {name: coverage(edges[name], points) for name in LAYERS})


def _show(rows: dict[str, dict[str, Any]], count: int, splits: Sequence[str]) -> None:
    columns = ["edges", "points", *FEATURES, "by lightness,\ndarkest first", "poor\nfaces", "ink\nout", "ink on\nskin"]
    cells = [
        [
            name,
            *(_short(row[key]) for key in ("points", *FEATURES)),
            " ".join(_short(share, 2) for share in row["by_lightness"]),
            str(round(row["poor_faces"] * count)),
            *(_short(row[key]) for key in ("ink_outside", "ink_on_skin")),
        ]
        for name, row in rows.items()
    ]
    print_table(columns, cells, f"Face points with an edge, {count} faces ({', '.join(splits) or 'all splits'})")
    print(f"poor faces: fewer than {POOR:g} of their points; ink out: outside the face's outline, share of the pixels")


def _short(share: float, digits: int = 3) -> str:
    return f"{share:.{digits}f}".removeprefix("0")
