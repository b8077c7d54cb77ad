"""Profiles and `cali-sketch params`: overlays, and everything that is wrong with params.yaml."""

from pathlib import Path

import pytest

from pipeline.core.params import ParamsError, read_yaml
from pipeline.core.workspace import SHIPPED
from pipeline.experiments.profile import check, merge


def test_profile_merges_and_names_what_changed() -> None:
    target = {"a": {"b": 1, "c": 2}, "d": 3}
    assert list(merge(target, {"a": {"b": 5}, "d": 3}, "")) == ["a.b: 1 -> 5"]
    assert target == {"a": {"b": 5, "c": 2}, "d": 3}


def test_profile_with_a_misspelt_key_is_refused() -> None:
    with pytest.raises(ParamsError, match=r"a\.x is not in params.yaml"):
        list(merge({"a": {"b": 1}}, {"a": {"x": 5}}, ""))


@pytest.mark.parametrize("profile", sorted((SHIPPED / "profiles").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_profile_fits_the_params(profile: Path) -> None:
    values = read_yaml(SHIPPED / "params.yaml")
    list(merge(values, read_yaml(profile), ""))
    check(values)


def test_unknown_sections_are_refused() -> None:
    with pytest.raises(ParamsError, match=r"unknown sections \['stiles'\]"):
        check(read_yaml(SHIPPED / "params.yaml") | {"stiles": {}})
