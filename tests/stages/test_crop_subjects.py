"""Tables of subjects beside the photos."""

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.core.errors import UserError
from pipeline.core.manifest import Face
from pipeline.stages.crop.settings import SplitParams
from pipeline.stages.crop.splits import assign_splits
from pipeline.stages.crop.subjects import listed_subject

SPLITS = SplitParams("hash", {}, {}, "", "subjects.csv", 0.3, 0.2)
TABLE = "file,subject\na.jpg,x\nb.jpg,x\nc.jpg,y\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "set/photos").mkdir(parents=True)
    (tmp_path / "set/subjects.csv").write_text(TABLE)
    return tmp_path


def face(source: str) -> Face:
    return Face(source.partition(".")[0], source, source, "", "", "none", (1, 0, 0, 0, 1, 0))


@pytest.mark.parametrize(
    "text",
    [
        TABLE,
        TABLE.replace(",", ";"),
        TABLE.replace(",", "\t").replace("\n", "\r\n"),
        TABLE.replace(",", " ").removeprefix("file subject\n"),  # identity_CelebA.txt
        "\ufeff" + TABLE + "\n",
        TABLE.replace("a.jpg", "photos\\a.jpg"),
    ],
)
def test_a_table_is_read_as_sets_and_programs_have_it(root: Path, text: str) -> None:
    (root / "set/subjects.csv").write_text(text, encoding="utf-8")
    assert [listed_subject(root, f"set/photos/{name}.jpg", "subjects.csv") for name in "abc"] == ["x", "x", "y"]


def test_the_nearest_table_counts_and_none_is_none(root: Path) -> None:
    (root / "set/photos/subjects.csv").write_text("a.jpg,z")
    (root / "other").mkdir()
    assert listed_subject(root, "set/photos/a.jpg", "subjects.csv") == "z"
    assert listed_subject(root, "other/a.jpg", "subjects.csv") == ""
    (root.parent / "subjects.csv").write_text("a.jpg,above")  # not below the photos
    assert listed_subject(root, "other/a.jpg", "subjects.csv") == ""


def test_a_photo_that_its_table_leaves_out_and_a_line_that_is_none_are_errors(root: Path) -> None:
    with pytest.raises(UserError, match=r"subjects\.csv has no line d\.jpg"):
        listed_subject(root, "set/photos/d.jpg", "subjects.csv")
    (root / "set/subjects.csv").write_text("a.jpg,x\nb.jpg\n")
    with pytest.raises(UserError, match="line 2"):
        listed_subject(root, "set/photos/a.jpg", "subjects.csv")


def test_people_of_several_photos_stay_together(root: Path) -> None:
    names = [f"{i}.jpg" for i in range(300)]
    (root / "set/subjects.csv").write_text("".join(f"{name} {i // 3}\n" for i, name in enumerate(names)))
    done = assign_splits([face(f"set/photos/{name}") for name in names], SPLITS, root)
    assert [f.subject for f in done] == [str(i // 3) for i in range(300)]
    assert {f.split for f in done} == {"train", "val", "test"}
    alone = replace(SPLITS, subjects="")
    assert {f.subject for f in assign_splits(done, alone, root)} == {f.id for f in done}
