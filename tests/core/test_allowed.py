"""The rules that a field's type can carry: what each lets through, and how it says so."""

import pytest

from pipeline.core.allowed import Items, Range, has_group, is_glob, is_name, is_part, is_path


@pytest.mark.parametrize(
    ("rule", "inside", "outside", "words"),
    [
        (Range(least=0, most=1), [0, 0.5, 1], [-0.001, 1.001], "a number from 0 to 1"),
        (Range(above=0, most=1), [0.001, 1], [0, 1.001], "a number above 0 and at most 1"),
        (Range(least=0, below=1), [0, 0.999], [-0.001, 1], "a number at least 0 and below 1"),
        (Range(least=4, most=12, multiple_of=4), [4, 8, 12], [0, 6, 16], "a number from 4 to 12, a multiple of 4"),
    ],
)
def test_a_range_has_the_ends_that_it_names(rule: Range, inside: list[float], outside: list[float], words: str) -> None:
    assert all(rule.allows(value) for value in inside)
    assert not any(rule.allows(value) for value in outside)
    assert rule.words("a number") == words


@pytest.mark.parametrize(
    ("rule", "inside", "outside"),
    [
        (Items(), [("a",), ("a", "b")], [(), ("a", "a")]),
        (Items(least=0), [(), ("a",)], [("a", "a")]),
        (Items(least=2, most=3, repeats=True), [("a", "a"), ("a", "a", "b")], [("a",), ("a",) * 4]),
    ],
)
def test_a_list_has_so_many_items(rule: Items, inside: list[tuple[str, ...]], outside: list[tuple[str, ...]]) -> None:
    assert all(rule.allows(value) for value in inside)
    assert not any(rule.allows(value) for value in outside)


@pytest.mark.parametrize(
    ("holds", "right", "wrong"),
    [
        (is_name, ["train", "a-b_1"], ["", "a b", "-a", "a/b", "..", "é", "a" * 65]),
        (is_part, ["photos", "a b", "é"], ["", ".", "..", "a/b", "a\\b", "a\0"]),
        (is_path, ["data", "/a/b", "../a", "a~"], ["", " ", "a\0b", "~/a"]),
        (is_glob, ["**/*", "*/photos/*.jpg", "a"], ["", "/a", "~", "../*", "a/../b", "\0"]),
        (has_group, [r"^(\w+)/", "(a)(b)"], ["", "a", "(", "(?:a)", "[", "*"]),
    ],
)
def test_texts_are_what_they_are_for(holds: object, right: list[str], wrong: list[str]) -> None:
    assert callable(holds)
    assert [text for text in right if not holds(text)] == []
    assert [text for text in wrong if holds(text)] == []
