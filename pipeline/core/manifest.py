"""faces.csv, the list that gives every face its one id; rejected.csv, why a source has none."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline.core.errors import UserError
from pipeline.core.files import write_bytes
from pipeline.core.layout import Layout

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Row = TypeVar("Row", bound="DataclassInstance")
TRAIN, VAL, TEST = "train", "val", "test"  # further names are further test sets


@dataclass(frozen=True)
class Face:
    """One accepted face."""

    id: str  # file stem in every folder
    source: str  # relative to the photo folder
    sha256: str  # of the source file
    subject: str  # never in two splits
    split: str  # TRAIN, VAL, TEST or a further named test set
    alignment: str  # "given", "detected", "box" (a face, eyes guessed), "none"; ", turned 180" where set upright
    transform: tuple[float, float, float, float, float, float]  # source px -> crop px, rows of the 2x3 matrix
    exposure: int = 0  # 0: as photographed; else the number of a copy of a training photo under another exposure
    eyes: tuple[float, float] | None = (
        None  # eye_y and eye_distance where crop.framings has others than crop; else None
    )


@dataclass(frozen=True)
class Rejected:
    """One source that could not be used."""

    source: str
    reason: str  # one of crop.REASONS
    detail: str


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
    exposure, eyes = int(row.pop("exposure", "0")), row.pop("eyes", "").split()
    placed = (float(eyes[0]), float(eyes[1])) if eyes else None
    return Face(**row, transform=(a, b, c, d, e, f), exposure=exposure, eyes=placed)


def write_faces(folder: Path, faces: Sequence[Face], rejected: Sequence[Rejected]) -> None:
    """faces.csv and rejected.csv, sorted so that the same input gives the same bytes."""
    write_rows(folder / "faces.csv", Face, sorted(faces, key=lambda face: face.id))
    write_rejected(folder / "rejected.csv", rejected)


def write_rejected(path: Path, rejected: Sequence[Rejected]) -> None:
    write_rows(path, Rejected, sorted(rejected, key=lambda row: row.source))


def read_rejected(layout: Layout) -> list[Rejected]:
    with (layout.faces / "rejected.csv").open(newline="", encoding="utf-8") as file:
        return [Rejected(**row) for row in csv.DictReader(file)]


def write_rows(path: Path, cls: type[Row], rows: Iterable[Row]) -> None:
    """Instances of a dataclass as CSV, a column a field; the numbers of a tuple stand in one cell."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(cls)], lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in asdict(row).items()} for row in rows)
    write_bytes(path, text.getvalue().encode())


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return " ".join(f"{v:.6f}" for v in value) if isinstance(value, tuple) else str(value)
