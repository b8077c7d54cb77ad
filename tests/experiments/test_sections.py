"""Every field of every section: what is wrong is refused by its path and in no other way, what is allowed is taken.

The fields are found in the table of sections, the wrong values in the fields' own types: no field is listed here.
"""

import dataclasses
from copy import deepcopy
from functools import cache
from typing import Any, get_args, get_origin

import pytest

from pipeline.core.params import ParamsError, build, read_yaml
from pipeline.core.workspace import SHIPPED
from pipeline.experiments.sections import check, combinations, sections, tree
from pipeline.helpers.table import HELPERS
from pipeline.helpers.values import values_path
from tests.experiments.param_values import Place, at, fields, good, with_value, wrong

VALUES = read_yaml(SHIPPED / "params.yaml")
HELPER_VALUES = {name: read_yaml(values_path(name)) for name in HELPERS}


def section_values(name: str) -> Any:
    return HELPER_VALUES[name] if name in HELPERS else at(VALUES, tuple(name.split(".")))


@cache
def all_sections() -> dict[str, Any]:
    return sections() | {name: helper.params for name, helper in HELPERS.items()}


def everything(name: str) -> list[tuple[Place, Any]]:
    """A section itself and every field of it; what chooses a `kind` is judged with the rest of it."""
    found = [((), all_sections()[name]), *fields(all_sections()[name], section_values(name))]
    return [(place, hint) for place, hint in found if place[-1:] != ("kind",)]


def holder(name: str, place: Place, value: Any) -> None:
    """Build the section with one value changed."""
    cls = all_sections()[name]
    if dataclasses.is_dataclass(cls):
        build(cls, with_value(section_values(name), place, value), name)  # type: ignore[arg-type]
    else:  # a list of names, which no dataclass of its own holds
        build(tree({name: cls}), {name.split(".")[0]: {name.split(".")[1]: value}}, "")


def faults(name: str, place: Place, value: Any) -> list[str]:
    try:
        holder(name, place, value)
    except ParamsError as error:
        return str(error).split("\n")
    return []


@pytest.mark.parametrize("name", all_sections())
def test_every_wrong_value_is_refused_by_its_path(name: str) -> None:
    for place, hint in everything(name):
        path = ".".join([name, *place])
        tried = 0
        for value in wrong(hint):
            said = faults(name, place, value)
            assert said, (path, value)
            assert said[0].startswith(path), (path, value, said)
            tried += 1
        assert tried > 4, path


@pytest.mark.parametrize("name", all_sections())
def test_every_value_in_range_is_taken(name: str) -> None:
    for place, hint in everything(name):
        tried = 0
        for value in good(hint):
            said = faults(name, place, value)
            assert all("; need " in fault for fault in said), (name, place, value, said)
            tried += 1
        assert tried, (name, place)


@pytest.mark.parametrize("name", all_sections())
def test_no_number_and_no_text_is_without_a_rule(name: str) -> None:
    for place, hint in everything(name):
        assert not bare(hint), f"{name}.{'.'.join(place)} takes any {hint}"


def bare(hint: Any) -> bool:
    """Whether a number or text, or a part that is one, has no rule."""
    return hint in (int, float, str) or (get_origin(hint) in (tuple, dict) and any(bare(arg) for arg in get_args(hint)))


def test_all_that_is_wrong_is_said_at_once() -> None:
    values = deepcopy(VALUES)
    values["styles"]["xdgo"] = values["styles"].pop("xdog")
    values["edges"]["names"] = ["cany"]
    values["crop"]["size"] = 130
    values["train_scn"]["schedule"]["log_every_steps"] = 0
    values["train_scn"]["batch"] = 0
    values["train_isn"]["net"]["generator"]["kind"] = "resnett"
    values["train_scn"]["loss"]["targets"] = ["prodct"]
    values["train_isn"]["loss"]["perceptual"]["layers"] = ["conv9_9"]
    values["train_isn"]["loss"]["weights"]["l1"] = -1
    values["evaluate"]["threshold"] = 7
    values["stiles"] = {}
    with pytest.raises(ParamsError) as caught:
        check(values)
    said = str(caught.value).split("\n")
    assert sorted(line.split(": ")[0] for line in said) == sorted(
        [
            "styles.xdgo",
            "styles.xdog",
            "edges.names[0]",
            "crop.size",
            "train_scn.schedule.log_every_steps",
            "train_scn.batch",
            "train_isn.net.generator.kind",
            "train_scn.loss.targets[0]",
            "train_isn.loss.perceptual.layers[0]",
            "train_isn.loss.weights.l1",
            "evaluate.threshold",
            "stiles",
        ]
    )
    assert all("allowed: " in line for line in said)


TOGETHER: dict[str, tuple[dict[str, Any], str]] = {
    "no photos": ({"demo.faces": 0}, "demo.faces"),
    "few photos": ({"demo.faces": 3}, "demo.faces"),
    "people who do not draw": ({"train_joint.drawn": ["people"]}, "train_joint.drawn"),
    "one kind of edges": ({"edges.names": ["canny"]}, "edges.names"),
    "a style that is not drawn": ({"styles.names": ["xdog"], "train_scn.styles": ["fdog"]}, "train_scn.styles"),
    "a side that the net cannot halve": (
        {
            "crop.size": 132,
            "train_scn.net.generator": {
                "kind": "unet_mru",
                "width": 16,
                "blocks": 1,
                "dilation": 1,
                "norm": "pixel",
                "spectral": False,
            },
        },
        "crop.size",
    ),
    "a dilation beyond the border": (
        {"crop.size": 32, "train_isn.net.generator.padding": "reflect", "train_isn.net.generator.dilation": 8},
        "train_isn.net.generator.dilation",
    ),
    "thresholds the wrong way round": ({"edges.canny.low": 90}, "edges.canny.low"),
    "nobody to train on": ({"crop.splits.test_share": 0.6, "crop.splits.val_share": 0.4}, "crop.splits.test_share"),
    "an unknown measure": ({"train_scn.schedule.plateau_measure": "ssim"}, "train_scn.schedule.plateau_measure"),
    "impatience": ({"train_scn.schedule.plateau_patience_steps": 5}, "train_scn.schedule.plateau_patience_steps"),
    "a loss without layers": ({"train_isn.loss.weights.style": 1}, "train_isn.loss.perceptual.style_layers"),
    "no loss": (
        {"train_scn.loss.weights": {"adversarial": 0, "calibration": 0, "dice": 0}},
        "train_scn.loss.weights.adversarial",
    ),
}


@pytest.mark.parametrize("case", TOGETHER)
def test_what_does_not_go_together_is_refused(case: str) -> None:
    changes, path = TOGETHER[case]
    values = deepcopy(VALUES)
    values["train_isn"]["loss"]["perceptual"]["style_layers"] = []
    check(values)
    for place, value in changes.items():
        values = with_value(values, tuple(place.split(".")), value)
    with pytest.raises(ParamsError) as caught:
        check(values)
    assert any(line.startswith(f"{path}: ") for line in str(caught.value).split("\n")), str(caught.value)


def test_one_style_alone_is_allowed() -> None:
    check(with_value(VALUES, ("styles", "names"), ["xdog"]))


def test_shipped_values_go_together() -> None:
    assert list(combinations(build(tree(sections()), VALUES, ""))) == []
