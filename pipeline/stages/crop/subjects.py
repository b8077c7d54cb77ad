"""Who is on a photo, told by tables beside the photos: file and subject a line, as CelebA's identity_CelebA.txt."""

from functools import lru_cache
from pathlib import Path

from pipeline.core.errors import UserError
from pipeline.stages.crop.beside import normal


def listed_subject(root: Path, source: str, table: str) -> str:
    """The subject of the photo root/source in the table beside it, else in that of a folder above; "": no table.

    A line is a file's name and its subject, between them a comma, a semicolon, a tab or spaces; a first line that
    starts with `file` is a heading. One subject's name means one person in all tables. Raises UserError for a table
    without the photo, or a line that is none.
    """
    for folder in (root / source).parents:
        path = folder / table
        if path.is_file():
            rows = _read(path, path.stat().st_mtime_ns)
            names = [normal(name) for name in ((root / source).relative_to(folder).as_posix(), Path(source).name)]
            found = next((rows[name] for name in names if name in rows), "")
            if not found:
                raise UserError(f"crop.splits.subjects: {path} has no line {Path(source).name}; name its subject there")
            return found
        if folder == root:
            break
    return ""


@lru_cache(maxsize=64)
def _read(path: Path, changed: int) -> dict[str, str]:
    """File -> subject. `changed`: when the table was, so that no old one is taken."""
    rows: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), 1):
        mark = next((mark for mark in ",;\t" if mark in line), None)
        cells = [cell.strip() for cell in line.rsplit(mark, 1)]
        if cells == [""] or not cells or (number == 1 and cells[0].lower() == "file"):
            continue
        if len(cells) != 2 or not all(cells):
            raise UserError(f"{path}, line {number}: {line!r} is not a file and its subject")
        rows[normal(cells[0].replace("\\", "/"))] = cells[1]
    return rows
