"""Eyes that somebody marked: read as spreadsheets save them, ordered, plausible."""

import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.core.errors import UserError
from pipeline.stages.crop.exposures import ExposureParams
from pipeline.stages.crop.landmarks import locate_landmarks
from pipeline.stages.crop.settings import CropParams, Found, SplitParams, Unusable

SPLITS = SplitParams("hash", {}, {}, "", "", 0.0, 0.0)
PARAMS = CropParams(
    "in", ("**/*",), None, "landmarks", 64, 0.48, 0.27, {}, "reflect", 8, 0.9, ExposureParams(0, 0.2), SPLITS
)
PHOTO = np.zeros((100, 80, 3), np.uint8)
ROWS = "file,left_x,left_y,right_x,right_y\na.png,20,30.5,60,31\n"
EYES = Found((20.0, 30.5), (60.0, 31.0), "given")


def found(photo: Path, root: Path | None = None) -> Found:
    return locate_landmarks(photo, PHOTO, replace(PARAMS, photos=str(root or photo.parent)))


@pytest.mark.parametrize(
    "data",
    [
        ROWS.encode(),
        b"\xef\xbb\xbf" + ROWS.encode(),
        ROWS.replace("\n", "\r\n").encode(),
        ROWS.replace(",", ";").encode(),
        ROWS.replace(",", ";").replace(".5", ",5").encode("cp1252"),
        ROWS.replace(",", "\t").encode("utf-16"),
        b"sep=;\n" + ROWS.replace(",", ";").encode(),
        ROWS.replace("file,left_x", " File , Left_X").encode(),
        b"note,right_y,right_x,left_y,left_x,file\n,31,60,30.5,20,a.png\n",
        ROWS.encode() + b",,,,\nother.png,x,1,2,3\n",
    ],
)
def test_an_eye_table_is_read_as_programs_save_it(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "eyes.csv").write_bytes(data)
    assert found(tmp_path / "a.png") == EYES


def test_eyes_are_ordered_by_where_they_are(tmp_path: Path) -> None:
    """Marked as the subject's left and right: upside-down faces once."""
    (tmp_path / "eyes.csv").write_text(ROWS.replace("20,30.5,60,31", "60,31,20,30.5"))
    (tmp_path / "b.tem").write_text("3\n60 31\n20 30.5\n0 0\n")
    assert found(tmp_path / "a.png") == found(tmp_path / "b.png") == EYES


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_are_the_same_composed_or_decomposed(tmp_path: Path, form: str) -> None:
    other = {"NFC": "NFD", "NFD": "NFC"}[form]
    rows = ROWS.replace("a.png", unicodedata.normalize(other, "Zoë.png"))
    (tmp_path / "eyes.csv").write_text(rows, encoding="utf-8")
    (tmp_path / f"{unicodedata.normalize(other, 'Müller')}.TEM").write_text("2\n20 30.5\n60 31\n")
    assert found(tmp_path / unicodedata.normalize(form, "Zoë.png")) == EYES
    assert found(tmp_path / unicodedata.normalize(form, "Müller.png")) == EYES


def test_a_table_above_tells_folders_apart(tmp_path: Path) -> None:
    (tmp_path / "eyes.csv").write_text(ROWS + "b/a.png,21,30,61,30\n")
    assert found(tmp_path / "a" / "a.png", tmp_path) == EYES
    assert found(tmp_path / "b" / "a.png", tmp_path).left == (21.0, 30.0)


def test_nothing_is_read_from_above_the_photos(tmp_path: Path) -> None:
    (tmp_path / "eyes.csv").write_text(ROWS)
    (tmp_path / "in").mkdir()
    with pytest.raises(Unusable, match=r"neither a\.tem nor eyes\.csv"):
        found(tmp_path / "in" / "a.png")


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("", "invalid literal"),
        ("2\n20 30\n", "1 of 2 points"),
        ("189\n20 30\n60 30\n1 1", "3 of 189 points"),
        ("1\n20 30\n", "1 of 1 points; at least two"),
        ("2\nleft 30\n60 30\n", "left"),
        ("2\n20\n60 30\n", "values to unpack"),
    ],
)
def test_a_template_that_is_cut_is_named(tmp_path: Path, text: str, detail: str) -> None:
    (tmp_path / "a.tem").write_text(text)
    with pytest.raises(Unusable, match=rf"no landmarks.*a\.tem.*{detail}"):
        found(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("points", "detail"),
    [
        ("20,30,60,130", "an eye at 60, 130 in a photo of 80x100"),
        ("-1,30,60,30", "an eye at -1, 30"),
        ("nan,30,60,30", "an eye at"),
        ("30,20,40,60", "tilted by 76 degrees"),
        ("5,30,75,30", "70 px apart in 80x100"),
    ],
)
def test_eyes_that_cannot_be_are_refused(tmp_path: Path, points: str, detail: str) -> None:
    (tmp_path / "eyes.csv").write_text(ROWS.replace("20,30.5,60,31", points))
    with pytest.raises(Unusable, match=f"wrong landmarks.*{detail}"):
        found(tmp_path / "a.png")


@pytest.mark.parametrize(("row", "detail"), [("20,30,60", "needs four numbers"), ("20,30,60,x", "needs four numbers")])
def test_a_bad_row_costs_its_photo_alone(tmp_path: Path, row: str, detail: str) -> None:
    (tmp_path / "eyes.csv").write_text(ROWS + f"b.png,{row}\n")
    assert found(tmp_path / "a.png") == EYES
    with pytest.raises(Unusable, match=rf"no landmarks.*b\.png.*{detail}"):
        found(tmp_path / "b.png")
    with pytest.raises(Unusable, match=r"no landmarks.*no row c\.png"):
        found(tmp_path / "c.png")


@pytest.mark.parametrize("text", ["", "file,left_x\na.png,3\n", "a.png,20,30,60,30\n"])
def test_a_table_without_its_columns_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "eyes.csv").write_text(text)
    with pytest.raises(
        UserError, match=r"eyes\.csv: needs the columns file, left_x, left_y, right_x, right_y; missing"
    ):
        found(tmp_path / "a.png")


def test_a_table_that_changed_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "eyes.csv").write_text(ROWS)
    assert found(tmp_path / "a.png") == EYES
    (tmp_path / "eyes.csv").write_text(ROWS.replace("20,30.5", "22,30.5"))
    assert found(tmp_path / "a.png").left == (22.0, 30.5)
