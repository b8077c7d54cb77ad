"""faces.csv, the list that gives every face its one id, and where each stage keeps its files."""

import csv
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.errors import UserError
from pipeline.images import map_images, new_folder, write_bytes


@dataclass(frozen=True)
class Face:
    """One accepted face."""

    id: str  # file stem in every folder
    source: str  # relative to the photo folder
    sha256: str  # of the source file
    subject: str  # never in two splits
    split: str  # "train", "test" or a further named test set
    alignment: str  # how the eyes were found: "given", "detected", "box" or "none"
    transform: tuple[float, float, float, float, float, float]  # source px -> crop px, rows of the 2x3 matrix
    exposure: int = 0  # 0: as photographed; else the number of a copy of a training photo under another exposure


@dataclass(frozen=True)
class Rejected:
    """One source that could not be used."""

    source: str
    reason: str  # one of crop.REASONS
    detail: str


@dataclass(frozen=True)
class Layout:
    """Where the stages meet: every folder below `data`."""

    root: Path

    @property
    def faces(self) -> Path:
        """faces.csv, rejected.csv, photos/ID.png and, where the user has them, sketches/ID.png."""
        return self.root / "faces"

    @property
    def photos(self) -> Path:
        return self.faces / "photos"

    @property
    def artist(self) -> Path:
        """Real sketches under the photo's own transform."""
        return self.faces / "sketches"

    @property
    def equalized(self) -> Path:
        return self.root / "equalized"

    def edges(self, name: str) -> Path:
        """canny or hed, ID.png."""
        return self.root / "edges" / name

    def style(self, name: str) -> Path:
        """Raw sketches of one style, ID.png."""
        return self.root / "styles" / name

    def simplified(self, name: str) -> Path:
        """clean/ID.png: simplified; deformed/ID.png: the same as an unpractised hand draws it."""
        return self.root / "simplified" / name

    @property
    def packed(self) -> Path:
        return self.root / "packed"

    def trained(self, name: str) -> Path:
        """scn, isn or joint: weights, model.json, history.csv, samples/."""
        return self.root / "trained" / name

    @property
    def evaluation(self) -> Path:
        return self.root / "evaluation"

    @property
    def sketch_statistics(self) -> Path:
        return self.root / "sketch_statistics"

    @property
    def report(self) -> Path:
        return self.root / "report"


ABOUT = "about.json"


def map_faces(
    one: Callable[[Path, str], None],
    layout: Layout,
    target: Path,
    about: Mapping[str, Any],
    jobs: int,
    label: str,
    at_once: int = 1,
) -> None:
    """`one(folder, id)` for every accepted face, into a new folder `target` that also tells how it was made."""
    ids = [face.id for face in read_faces(layout)]
    with new_folder(target) as out:
        map_images(partial(one, out), ids, jobs, label, at_once)
        write_about(out, about)


def write_about(folder: Path, about: Mapping[str, Any]) -> None:
    """How a folder was made, for those who find it later."""
    write_bytes(folder / ABOUT, json.dumps(about, indent=1).encode())


def made_with(folder: Path) -> dict[str, Any]:
    """What `write_about` wrote; empty where the folder was made otherwise."""
    return json.loads((folder / ABOUT).read_text()) if (folder / ABOUT).exists() else {}


def read_faces(layout: Layout) -> list[Face]:
    """The accepted faces, by id. Raises UserError where crop has not run."""
    path = layout.faces / "faces.csv"
    if not path.exists():
        raise UserError(f"{path}: missing; run: dvc repro crop")
    with path.open(newline="", encoding="utf-8") as file:
        return [_face(row) for row in csv.DictReader(file)]


def read_photographed(layout: Layout) -> list[Face]:
    """The same without copies under other exposures."""
    return [face for face in read_faces(layout) if not face.exposure]


def _face(row: dict[str, str]) -> Face:
    a, b, c, d, e, f = (float(value) for value in row.pop("transform").split())
    exposure = int(row.pop("exposure", "0"))
    return Face(**row, transform=(a, b, c, d, e, f), exposure=exposure)


def write_faces(folder: Path, faces: list[Face], rejected: list[Rejected]) -> None:
    """faces.csv and rejected.csv, sorted so that the same input gives the same bytes."""
    rows = [asdict(face) | {"transform": " ".join(f"{v:.6f}" for v in face.transform)} for face in faces]
    _write_csv(folder / "faces.csv", Face, sorted(rows, key=lambda row: row["id"]))
    _write_csv(folder / "rejected.csv", Rejected, sorted(map(asdict, rejected), key=lambda row: row["source"]))


def read_rejected(layout: Layout) -> list[Rejected]:
    with (layout.faces / "rejected.csv").open(newline="", encoding="utf-8") as file:
        return [Rejected(**row) for row in csv.DictReader(file)]


def _write_csv(path: Path, cls: type, rows: list[dict[str, str]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(cls)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_bytes(path, text.getvalue().encode())
