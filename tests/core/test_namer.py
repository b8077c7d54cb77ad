"""The namer of results, on names that meet each other."""

import itertools
import unicodedata
from pathlib import Path

import pytest

from pipeline.core.finder import Source
from pipeline.core.namer import name_results

ENDINGS = (".refined.png", ".photo.png")


def named(*names: str, endings: tuple[str, ...] = ENDINGS) -> list[str]:
    return name_results([Source(Path("in") / name, name) for name in names], endings)


def test_stems_are_exact() -> None:
    given = ["john.png", "john.2.png", "b[1].png", "a b.jpg", "*.png", "x.tar.gz.png", "日本.png"]
    assert named(*given) == ["john", "john.2", "b[1]", "a b", "*", "x.tar.gz", "日本"]


def test_shared_stems_keep_their_suffix_then_their_folders() -> None:
    assert named("a.bmp", "a.png", "a-2.png") == ["a-bmp", "a-png", "a-2"]
    assert named("x/a.png", "y/a.png", "z/b.png") == ["x-a-png", "y-a-png", "b"]


def test_a_name_depends_on_those_alone_that_share_its_stem() -> None:
    others = ["b.png", "a.gif/c.png", "a-2.png", "A1.png"]
    for count in range(len(others) + 1):
        for chosen in itertools.combinations(others, count):
            assert named("a.png", *chosen)[0] == "a"
    assert named("a.png", "a.bmp")[0] == named("a.bmp", "a.png")[1] == named("c.png", "a.bmp", "a.png")[2] == "a-png"


def test_two_folders_of_one_name_and_a_file_that_bears_a_made_name() -> None:
    twins = [Source(Path(f"{i}/in/a.png"), "a.png") for i in range(2)]
    names = name_results([*twins, Source(Path("a-png.png"), "a-png.png")], ENDINGS)
    assert len({name.casefold() for name in names}) == 3
    assert name_results(twins[::-1], ENDINGS) == names[1::-1]


def test_case_and_composition_are_no_difference() -> None:
    composed, apart = "Zo\u00eb", unicodedata.normalize("NFD", "Zo\u00eb")
    assert composed != apart
    assert named(f"{apart}.png") == [composed]
    for pair in (("a.png", "A.png"), (f"{composed}.png", f"{apart}.png"), ("straße.png", "STRASSE.png")):
        first, second = (unicodedata.normalize("NFC", name).casefold() for name in named(*pair))
        assert first != second


def test_names_and_endings_together_are_free_of_collisions() -> None:
    endings = (".png", "-2.png", "-2-2.png")
    names = named("a.png", "a-2.png", "a-2-2.png", "a.bmp", endings=endings)
    files = [name + ending for name in names for ending in endings]
    assert len(set(files)) == len(files)


def test_all_ways_to_fill_a_small_folder() -> None:
    pool = ["a.png", "a.bmp", "A.png", "a-png.png", "a-bmp.png", "a-2.png", "a-png-png.png", "x/a.png", "x-a.png"]
    for chosen in itertools.combinations(pool, 5):
        names = [name.casefold() for name in named(*chosen)]
        assert len(set(names)) == 5, chosen


@pytest.mark.parametrize("char", ["x", "微", "é", "👩"])
def test_no_file_name_is_over_255_bytes(char: str) -> None:
    fits = 255 // len(char.encode())
    stems = [char * (fits - n) for n in (2, 3)]
    names = named(*(f"{stem}.png" for stem in stems))
    files = [f"{name}{ending}" for name in names for ending in ENDINGS]
    assert len(set(files)) == 4
    assert max(len(file.encode()) for file in files) <= 255
    assert named(f"{char}.png") == [char]


def test_bytes_that_are_no_utf8_are_written_out() -> None:
    assert named("\udcff.png", "%FF.png")[0] != named("\udcff.png", "%FF.png")[1]
    assert named("\udcffx.png") == ["%FFx"]
