"""Strict params: what is misspelt, missing or mistyped is refused by name."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from pipeline.core.params import CHECKOUT, ParamsError, load, read_yaml
from pipeline.experiments.profile import check, merge


@dataclass(frozen=True)
class Inner:
    lr: float
    betas: tuple[float, float]


@dataclass(frozen=True)
class Outer:
    inner: Inner
    kind: Literal["a", "b"]
    names: tuple[str, ...]
    size: int
    limit: int | None


GOOD = "s:\n  inner: {lr: 1e-4, betas: [0, 0.9]}\n  kind: a\n  names: [x]\n  size: 3\n  limit: null\n"


def read(tmp_path: Path, text: str) -> Outer:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    return load(Outer, "s", path)


def test_reads_numbers_as_yaml_1_2(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD) == Outer(Inner(1e-4, (0.0, 0.9)), "a", ("x",), 3, None)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("lr: 1e-4", "lrr: 1e-4", r"s.inner: unknown \['lrr'\], missing \['lr'\]"),
        ("kind: a", "kind: c", r"s.kind: 'c' is none of"),
        ("size: 3", "size: true", "s.size: expected int"),
        ("size: 3", "size: 3.5", "s.size: expected int"),
        ("[0, 0.9]", "[0]", "expected 2 values"),
        ("lr: 1e-4", "lr: fast", "s.inner.lr: expected float"),
        ("s:", "t:", "no section 's'"),
        ("  kind: a\n", "", r"missing \['kind'\]"),
        ("{lr", "{{lr", "not YAML"),
    ],
)
def test_refuses_by_name(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        read(tmp_path, GOOD.replace(old, new))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="No such file"):
        load(Outer, "s", tmp_path / "none.yaml")


def test_profile_merges_and_names_what_changed() -> None:
    target = {"a": {"b": 1, "c": 2}, "d": 3}
    assert list(merge(target, {"a": {"b": 5}, "d": 3}, "")) == ["a.b: 1 -> 5"]
    assert target == {"a": {"b": 5, "c": 2}, "d": 3}


def test_profile_with_a_misspelt_key_is_refused() -> None:
    with pytest.raises(ParamsError, match=r"a\.x is not in params.yaml"):
        list(merge({"a": {"b": 1}}, {"a": {"x": 5}}, ""))


@pytest.mark.parametrize("profile", sorted((CHECKOUT / "profiles").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_profile_fits_the_params(profile: Path) -> None:
    values = read_yaml(CHECKOUT / "params.yaml")
    list(merge(values, read_yaml(profile), ""))
    check(values)


def test_unknown_sections_are_refused() -> None:
    with pytest.raises(ParamsError, match=r"unknown sections \['stiles'\]"):
        check(read_yaml(CHECKOUT / "params.yaml") | {"stiles": {}})
