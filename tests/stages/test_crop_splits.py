"""Splits: whole subjects, each by itself."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import hypothesis.strategies as st
import pytest
from hypothesis import given

from pipeline.core.errors import UserError
from pipeline.core.manifest import TEST, TRAIN, VAL, Face
from pipeline.core.params import ParamsError
from pipeline.stages.crop.settings import SplitParams
from pipeline.stages.crop.splits import assign_splits, place, shortage

SPLITS = SplitParams("hash", {}, {}, "", "", 0.25, 0.25)
FOLDERS = {"s0": TRAIN, "s1": TEST, "s2": "ar"}


def face(source: str, split: str = "") -> Face:
    return Face(source.partition(".")[0], source, source, "", split, "none", (1, 0, 0, 0, 1, 0))


def faces(count: int, source: str = "s{0}/x{1}.png") -> list[Face]:
    return [face(source.format(i // 2, i)) for i in range(count)]


def by_subject(count: int = 40, **changes: object) -> dict[str, str]:
    params = replace(SPLITS, **({"method": "subject", "subject": r"^(s\d+)/"} | changes))  # type: ignore[arg-type]
    return {face.subject: face.split for face in assign_splits(faces(count), params)}


def test_subjects_are_never_split() -> None:
    done = assign_splits(faces(400), replace(SPLITS, method="subject", subject=r"^(s\d+)/"))
    assert all(a.split == b.split for a, b in pairwise(done) if a.subject == b.subject)
    assert {face.split for face in done} == {TRAIN, VAL, TEST}


@given(st.sets(st.text("abc01", min_size=1, max_size=6), min_size=2, max_size=30), st.data())
def test_more_photos_never_move_a_face(names: set[str], data: st.DataObject) -> None:
    some = data.draw(st.sets(st.sampled_from(sorted(names)), min_size=1))
    of_all = {f.id: f.split for f in assign_splits([face(f"{name}.png") for name in sorted(names)], SPLITS)}
    of_some = {f.id: f.split for f in assign_splits([face(f"{name}.png") for name in sorted(some)], SPLITS)}
    assert of_some.items() <= of_all.items()


def test_shares_are_those_asked_for() -> None:
    found = Counter(by_subject(8000, test_share=0.2, val_share=0.1).values())
    assert {split: n / 4000 for split, n in found.items()} == pytest.approx({TRAIN: 0.7, VAL: 0.1, TEST: 0.2}, abs=0.02)


def test_a_larger_share_only_adds() -> None:
    small, large = by_subject(test_share=0.2), by_subject(test_share=0.5)
    assert {s for s, split in small.items() if split == TEST} < {s for s, split in large.items() if split == TEST}
    assert all(0 <= place(subject) < 1 for subject in small)


def test_val_is_made_of_training_people_where_folders_name_the_rest() -> None:
    photos = [face(f"s{folder}/{i}.png") for folder in range(3) for i in range(60)]
    done = assign_splits(photos, replace(SPLITS, method="folder", folders=FOLDERS))
    folder_of = {split: {f.source[:2] for f in done if f.split == split} for split in (TRAIN, VAL, TEST, "ar")}
    assert folder_of == {TRAIN: {"s0"}, VAL: {"s0"}, TEST: {"s1"}, "ar": {"s2"}}
    assert 5 < sum(f.split == VAL for f in done) < 25


def test_a_val_that_is_named_is_taken_as_it_is() -> None:
    done = assign_splits(
        faces(60), replace(SPLITS, method="folder", folders={f"s{i}": VAL if i else TRAIN for i in range(30)})
    )
    assert [f.split for f in done] == [TRAIN] * 2 + [VAL] * 58


def test_lists_take_ids_and_paths() -> None:
    lists = {TRAIN: ("s0/x0", "s0/x1.png"), VAL: (), TEST: ("s1/x2.png",)}
    assert [f.split for f in assign_splits(faces(3), replace(SPLITS, method="lists", lists=lists))] == [
        TRAIN,
        TRAIN,
        TEST,
    ]
    with pytest.raises(UserError, match=r"s1/x3\.png .* is in none of train, val, test"):
        assign_splits(faces(4), replace(SPLITS, method="lists", lists=lists))
    with pytest.raises(UserError, match=r"s0/x0\.png .* is in train and test"):
        assign_splits(faces(1), replace(SPLITS, method="lists", lists={TRAIN: ("s0/x0",), TEST: ("s0/x0",)}))


def test_folder_split_names_what_it_does_not_know() -> None:
    with pytest.raises(UserError, match=r"s1/x2\.png is in folder s1, which has no split; there are s0"):
        assign_splits(faces(3), replace(SPLITS, method="folder", folders={"s0": TRAIN}))


def test_a_person_in_two_folders_is_an_error() -> None:
    params = replace(SPLITS, method="folder", folders={"s0": TRAIN, "s1": TEST}, subject=r"/(\d+)\.")
    with pytest.raises(UserError, match=r"subject 7 is in (train|val) \(s0/7\.png\) and in test \(s1/7\.png\)"):
        assign_splits([face("s0/7.png"), face("s1/7.png")], params)


@pytest.mark.parametrize("subject", ["(", "s", "nowhere(x)", "(z?)s"])
def test_a_bad_subject_pattern_is_an_error(subject: str) -> None:
    with pytest.raises(UserError, match=r"crop\.splits\.subject"):
        assign_splits(faces(4), replace(SPLITS, method="subject", subject=subject))


def test_what_is_missing_is_said_with_a_remedy() -> None:
    some = [face("a.png", TRAIN), face("b.png", TEST)]
    assert shortage([*some, face("c.png", VAL)], SPLITS) == ""
    assert "no face is in split val" in shortage(some, SPLITS)
    assert "test_share and val_share" in shortage(some, SPLITS)
    assert "nothing to measure" in shortage(some[:1], replace(SPLITS, test_share=0.0, val_share=0.0))
    with pytest.raises(UserError, match="all 1 faces are in split train: nothing to measure"):
        shortage(some[:1], SPLITS)
    with pytest.raises(UserError, match="none of 1 faces is in split train"):
        shortage(some[1:], SPLITS)


@pytest.mark.parametrize("wrong", [{"test_share": 0.8}, {"method": "subject"}])
def test_what_cannot_work_together_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ParamsError):
        replace(SPLITS, **wrong)  # type: ignore[arg-type]
