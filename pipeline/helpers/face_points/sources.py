"""What the net that finds face points learns from: photos and drawings of known faces, and pictures of none."""

import csv
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError
from pipeline.core.image_io import read_gray
from pipeline.core.layout import Layout
from pipeline.core.manifest import Face, read_photographed
from pipeline.core.polarity import sketch_of, to_uint8
from pipeline.drawing.deformation import DeformParams, displacement_field
from pipeline.drawing.face_prior import Eyes
from pipeline.drawing.scale import FACE_PX
from pipeline.helpers.edge_detector.bsds500 import annotated_ids, read_annotated
from pipeline.stages.simplify import generator

Gray8 = NDArray[np.uint8]  # (H, W)
Points = NDArray[np.float32]  # (5, 2): left eye, right eye, nose, left and right corner of the mouth, px; NaN: unknown
COLUMNS = ("eyeL", "eyeR", "nose", "mouthL", "mouthR")  # of the tables, each _x and _y


@dataclass(frozen=True)
class Known:
    """A picture of one face, FACE_PX a side, and its points."""

    picture: Gray8
    points: Points


@dataclass(frozen=True)
class Sources:
    """What one split is made of."""

    photos: list[Known] = field(default_factory=list)
    drawings: list[Known] = field(default_factory=list)
    scenes: list[Gray8] = field(default_factory=list)  # photos without a face
    outlines: list[Gray8] = field(default_factory=list)  # the same as people outline them, dark on white

    def digest(self) -> str:
        digest = hashlib.sha256()
        for known in (*self.photos, *self.drawings):
            digest.update(known.picture.tobytes() + known.points.tobytes())
        for scene in (*self.scenes, *self.outlines):
            digest.update(scene.tobytes())
        return digest.hexdigest()


def read_sources(data: Path, tables: Path, split: str, eyes: Eyes, hand: DeformParams, seed: int) -> Sources:
    """The faces of a split of a pipeline's run at `crop.size` 256, their drawings raw, clean, deformed, by people.

    `tables`: folder of NAME.csv with the five points of photos whose source begins with NAME; of other faces the
    eyes alone are known. `hand`, `seed`: of that run's simplify. Raises UserError where there is no face.
    """
    layout = Layout(data)
    faces = [face for face in read_photographed(layout) if face.split == split]
    if not faces:
        raise UserError(f"{data}: no faces of the split {split}; run: dvc repro crop")
    rows = _tables(tables, {face.source.split("/")[0] for face in faces})
    photos, drawings = [], []
    for face in faces:
        points = _points(face, rows, eyes)
        photos.append(Known(_read(layout.photos / f"{face.id}.png"), points))
        drawings += _drawings(layout, face.id, points, hand, seed)
    return Sources(photos, drawings)


def _tables(folder: Path, sets: Iterable[str]) -> dict[tuple[str, str], Points]:
    """(set, stem of the photo) -> its five points."""
    found = {}
    for name in sets:
        path = folder / f"{name}.csv"
        if path.is_file():
            with path.open(newline="", encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    points = [[float(row[f"{point}_{axis}"]) for axis in "xy"] for point in COLUMNS]
                    found[name, Path(row["name"]).stem] = np.array(points, np.float32)
    return found


def _points(face: Face, rows: dict[tuple[str, str], Points], eyes: Eyes) -> Points:
    """Eyes where the crop has put them; nose and mouth of the table, under the crop's transform."""
    points = np.full((len(COLUMNS), 2), np.nan, np.float32)
    row = rows.get((face.source.split("/")[0], Path(face.source).stem))
    if row is not None:
        points[:] = row @ np.array(face.transform).reshape(2, 3)[:, :2].T + np.array(face.transform)[[2, 5]]
    apart, middle = eyes.eye_distance * FACE_PX / 2, (FACE_PX - 1) / 2
    points[:2] = [[middle - apart, eyes.eye_y * FACE_PX], [middle + apart, eyes.eye_y * FACE_PX]]
    return points


def _drawings(layout: Layout, face: str, points: Points, hand: DeformParams, seed: int) -> list[Known]:
    found = []
    for style in sorted(path.name for path in (layout.root / "simplified").glob("*")):
        moved = points + _at(displacement_field((FACE_PX, FACE_PX), hand, generator(face, style, seed)), points)
        folder = layout.simplified(style)
        for path, where in ((layout.style(style), points), (folder / "clean", points), (folder / "deformed", moved)):
            if (path / f"{face}.png").is_file():
                found.append(Known(_read(path / f"{face}.png"), where))
    if (layout.artist / f"{face}.png").is_file():
        found.append(Known(_read(layout.artist / f"{face}.png"), points))
    return found


def _at(shifts: NDArray[np.float32], points: Points) -> Points:
    """Shifts (H, W, 2) at the points."""
    column, row = np.clip(np.nan_to_num(points).round().astype(int), 0, FACE_PX - 1).T
    return np.asarray(shifts[row, column], np.float32)


def _read(path: Path) -> Gray8:
    picture = to_uint8(read_gray(path))
    if picture.shape != (FACE_PX, FACE_PX):
        raise UserError(f"{path}: {picture.shape[1]}x{picture.shape[0]} px; the run needs crop.size {FACE_PX}")
    return picture


def read_scenes(folder: Path, split: str, with_faces: Sequence[str]) -> tuple[list[Gray8], list[Gray8]]:
    """Photos of BSDS500 without those that show faces, and their outlines by one annotator each."""
    pen = np.ones((2, 2), np.uint8)
    images = [read_annotated(folder, split, name) for name in annotated_ids(folder, split) if name not in with_faces]
    scenes = [np.asarray(cv2.cvtColor(image.photo, cv2.COLOR_RGB2GRAY), np.uint8) for image in images]
    inks = [cv2.dilate(image.boundaries[0].astype(np.uint8), pen).astype(np.float32) for image in images]
    return scenes, [to_uint8(sketch_of(ink)) for ink in inks]
