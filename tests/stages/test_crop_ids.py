"""Ids: from a photo's own path alone, unique whatever else is there."""

import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from pipeline.stages.crop.ids import MAX_BYTES, make_id

PARTS = st.text(st.sampled_from("abAB01_- .é日\u0301\udcff"), min_size=1, max_size=6) | st.sampled_from(
    ["x" * 120, "微信图片" * 30, "a--b", "a_exposure1", "con", "a-0123456789"]
)
PATHS = st.builds(
    lambda folders, name, suffix: "/".join([*folders, name + suffix]),
    st.lists(PARTS, max_size=3),
    PARTS,
    st.sampled_from([".png", ".jpg", ".JPG", ".PNG"]),
)


@given(st.sets(PATHS, min_size=2, max_size=40))
@example({"a/b.png", "a-b.png", "a--b.png", "a_b.png", "A/b.png", "a.png", "a.jpg", "a.PNG", "a.b.png", "a/ b.png"})
def test_ids_are_unique_even_without_capitals_ascii_and_bounded(sources: set[str]) -> None:
    ids = [make_id(source) for source in sources]
    assert len({id_.lower() for id_ in ids}) == len(sources)
    assert all(id_.isascii() and 0 < len(id_) <= MAX_BYTES and "/" not in id_ for id_ in ids)
    made = {f"{id_}_exposure1" for id_ in ids}  # what stage crop writes beside them
    assert not made & set(ids)


@given(st.sets(PATHS, min_size=2, max_size=20))
def test_ids_as_sources_give_no_id_again(sources: set[str]) -> None:
    """Someone keeps the crops beside their photos: a crop of the crop is another face."""
    ids = {make_id(source) for source in sources}
    again = {make_id(f"{id_}.png") for id_ in ids}
    assert not {id_ for id_ in again & ids if f"{id_}.png" not in sources}


@pytest.mark.parametrize(
    ("source", "id_"),
    [
        ("face_000.png", "face_000"),
        ("cuhk_train/photos/12.png", "cuhk_train--photos--12"),
        ("img-01/b.png", "img-01--b"),
        ("0.png", "0"),  # once the folder of a sibling made it `a-0`
    ],
)
def test_plain_names_stay(source: str, id_: str) -> None:
    assert make_id(source) == id_


def test_what_is_lost_is_told_apart() -> None:
    assert make_id("Zoë [1].jpg").startswith("Zoe-1-")
    assert make_id("日本/a.png").startswith("u65e5u672c--a-")
    assert make_id("\u0301.png").startswith("face-")
    assert len(make_id("微信图片二零二六年" * 6 + ".png")) <= MAX_BYTES
