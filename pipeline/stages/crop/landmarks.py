"""Pupils that somebody marked: NAME.tem beside a photo, or its row of an eyes.csv."""

import csv
import math
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from pipeline.core.errors import UserError
from pipeline.core.polarity import Photo
from pipeline.stages.crop.beside import beside, normal
from pipeline.stages.crop.settings import CropParams, Found, Point, Unusable

Row = tuple[Point, Point] | str  # the pupils, or what is wrong with their row
COLUMNS = ("file", "left_x", "left_y", "right_x", "right_y")
MOST_TILT_DEG = 45.0  # ours: beyond it nobody can tell left from right by x
MOST_DISTANCE = 0.7  # ours: of the pupils, share of the photo's shorter side


def locate_landmarks(path: Path, photo: Photo, params: CropParams) -> Found:
    """Pupils of NAME.tem beside the photo, else of eyes.csv there or a folder above (not above params.photos).

    Whichever is further left in the picture is the left one. Raises Unusable for none or for implausible ones,
    UserError for a table without its columns.
    """
    template = next((file for file in beside(path.parent, path.stem) if file.suffix.lower() == ".tem"), None)
    points = template_points(template) if template else _table_points(path, Path(params.photos))
    (left, right) = sorted(points)
    check_plausible(left, right, photo.shape)
    return Found(left, right, "given")


def check_plausible(left: Point, right: Point, shape: tuple[int, ...]) -> None:
    """Raises Unusable where two points of a photo (H, W, …) cannot be a person's pupils; left has the smaller x."""
    height, width = shape[:2]
    for x, y in (left, right):
        if not (0 <= x < width and 0 <= y < height):  # catches NaN too
            raise Unusable("wrong landmarks", f"an eye at {x:g}, {y:g} in a photo of {width}x{height} px")
    across, down = right[0] - left[0], right[1] - left[1]
    tilt = abs(math.degrees(math.atan2(down, across)))
    if across and tilt > MOST_TILT_DEG:
        raise Unusable("wrong landmarks", f"eyes tilted by {tilt:.0f} degrees; turn the photo upright")
    if math.hypot(across, down) > MOST_DISTANCE * min(height, width):
        raise Unusable("wrong landmarks", f"eyes {math.hypot(across, down):.0f} px apart in {width}x{height} px")


def template_points(template: Path) -> tuple[Point, Point]:
    """The first two points of a .tem file: their count, then a line x y for each. Raises Unusable."""
    try:
        lines = template.read_text(encoding="utf-8-sig").splitlines() or [""]
        count = int(lines[0])
        points = [(float(x), float(y)) for x, y in (line.split() for line in lines[1 : count + 1])]
    except (ValueError, OSError) as error:
        raise Unusable("no landmarks", f"{template.name}: {error}") from error
    if count < 2 or len(points) < count:
        raise Unusable("no landmarks", f"{template.name}: {len(points)} of {count} points; at least two are needed")
    return points[0], points[1]


def _table_points(path: Path, root: Path) -> tuple[Point, Point]:
    above = [path.parent] if path.parent == root else [path.parent, path.parent.parent]
    table = next((folder / "eyes.csv" for folder in above if (folder / "eyes.csv").is_file()), None)
    if table is None:
        raise Unusable("no landmarks", f"neither {path.stem}.tem nor eyes.csv")
    rows = _eye_table(table, table.stat().st_mtime_ns)
    names = [normal(name) for name in (path.relative_to(table.parent).as_posix(), path.name)]
    row = next((rows[name] for name in names if name in rows), f"no row {path.name}")
    if isinstance(row, str):
        raise Unusable("no landmarks", f"eyes.csv: {row}")
    return row


@lru_cache(maxsize=16)
def _eye_table(path: Path, changed: int) -> dict[str, Row]:
    """File name -> its row. `changed`: when the file was, so that no old table is taken."""
    lines = _text(path).splitlines()
    if lines and lines[0].lower().startswith("sep="):
        del lines[0]
    head = lines[0] if lines else ""
    delimiter = max(",;\t", key=head.count)
    names = [name.strip().lower() for name in next(csv.reader([head], delimiter=delimiter), [])]
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise UserError(f"{path}: needs the columns {', '.join(COLUMNS)}; missing {', '.join(missing)}")
    return dict(_rows(csv.reader(lines[1:], delimiter=delimiter), names, "," if delimiter != "," else ""))


def _rows(reader: Iterator[list[str]], names: list[str], decimal: str) -> Iterator[tuple[str, Row]]:
    for cells in reader:
        row = dict(zip(names, map(str.strip, cells), strict=False))
        if not row.get("file"):
            continue
        try:
            numbers = [float(row[name].replace(decimal, ".") if decimal else row[name]) for name in COLUMNS[1:]]
        except (KeyError, ValueError):
            yield _key(row["file"]), f"row {row['file']}: needs four numbers, has {', '.join(cells[1:])}"
        else:
            yield _key(row["file"]), ((numbers[0], numbers[1]), (numbers[2], numbers[3]))


def _key(name: str) -> str:
    return normal(name.replace("\\", "/"))


def _text(path: Path) -> str:
    """A table as spreadsheets save it: UTF-8 or UTF-16 with or without a byte order mark, else Windows' Latin."""
    data = path.read_bytes()
    utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")
