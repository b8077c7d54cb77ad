"""Strict params: what is misspelt, missing, mistyped or out of range is refused by name, all of it at once."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from pipeline.core.allowed import Items, Kind, OneOf, OptionalRegex, Range, Share
from pipeline.core.params import ParamsError, build, load, read_yaml, require


@dataclass(frozen=True)
class Inner:
    lr: Annotated[float, Range(above=0, most=1)]
    betas: tuple[Share, Share]


@dataclass(frozen=True)
class Outer:
    inner: Inner
    kind: Literal["a", "b"]
    names: Annotated[tuple[Annotated[str, OneOf(lambda: ("x", "y"))], ...], Items()]
    size: Annotated[int, Range(least=4, most=64, multiple_of=4)]
    limit: int | None
    mixed: dict[Annotated[str, OneOf(lambda: ("pen", "ink"))], Share]
    subject: OptionalRegex
    low: float
    high: float

    def __post_init__(self) -> None:
        require(self.low <= self.high, "low at most high")


GOOD: dict[str, Any] = {
    "inner": {"lr": 1e-4, "betas": [0, 0.9]},
    "kind": "a",
    "names": ["x"],
    "size": 8,
    "limit": None,
    "mixed": {"pen": 1},
    "subject": r"^(\w+)",
    "low": 1,
    "high": 2,
}


@dataclass(frozen=True)
class Resnet:
    kind: str
    width: Annotated[int, Range(least=1)]
    up: Literal["resize", "transposed"]


@dataclass(frozen=True)
class Unet:
    kind: str
    width: Annotated[int, Range(least=1)]


NETS = {"resnet": Resnet, "unet": Unet}


@dataclass(frozen=True)
class Net:
    generator: Annotated[Resnet | Unet, Kind(lambda: NETS)]


def test_reads_numbers_as_yaml_1_2(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("s: {lr: 1e-4, betas: [0, 0.9]}\n")
    assert load(Inner, "s", path) == Inner(1e-4, (0.0, 0.9))


def test_a_changed_file_is_read_anew_and_what_was_read_is_the_caller_s(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("a: {b: [1]}\n")
    read_yaml(path)["a"]["b"].append(2)
    assert read_yaml(path) == {"a": {"b": [1]}}
    path.write_text("a: {b: [3]}\n")
    assert read_yaml(path) == {"a": {"b": [3]}}


def test_good_values_are_taken() -> None:
    outer = build(Outer, GOOD, "s")
    assert (outer.inner.betas, outer.names, outer.mixed, outer.limit) == ((0.0, 0.9), ("x",), {"pen": 1.0}, None)
    assert isinstance(outer.low, float)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("size", True, "s.size: true; allowed: a whole number from 4 to 64, a multiple of 4"),
        ("size", 3.5, "s.size: 3.5; allowed: a whole number from 4 to 64, a multiple of 4"),
        ("size", 6, "s.size: 6; allowed: a whole number from 4 to 64, a multiple of 4"),
        ("size", 0, "s.size: 0; allowed: a whole number from 4 to 64, a multiple of 4"),
        ("size", [8], "s.size: [8]; allowed: a whole number from 4 to 64, a multiple of 4"),
        ("size", None, "s.size: null; allowed: a whole number from 4 to 64, a multiple of 4"),
        ("kind", "c", "s.kind: 'c'; allowed: one of a, b"),
        ("kind", [], "s.kind: []; allowed: one of a, b"),
        ("names", [], "s.names: []; allowed: a list, each one of x, y, 1 or more, none twice"),
        ("names", ["x", "x"], "s.names: ['x', 'x']; allowed: a list, each one of x, y, 1 or more, none twice"),
        ("names", "x", "s.names: 'x'; allowed: a list, each one of x, y, 1 or more, none twice"),
        ("names", ["x", "z"], "s.names[1]: 'z'; allowed: one of x, y"),
        ("names", [["x"]], "s.names[0]: ['x']; allowed: one of x, y"),
        ("mixed", {"pan": 1}, "s.mixed.pan: 'pan'; allowed: one of pen, ink"),
        ("mixed", {"pen": 2}, "s.mixed.pen: 2; allowed: a number from 0 to 1"),
        ("mixed", [1], "s.mixed: [1]; allowed: keys, each one of pen, ink, with a number from 0 to 1"),
        ("subject", "(", "s.subject: '('; allowed: a regular expression with a group in (), or \"\""),
        ("low", float("nan"), "s.low: nan; allowed: a number"),
        ("low", float("-inf"), "s.low: -inf; allowed: a number"),
        ("low", 10**400, "allowed: a number"),
        ("low", "1", "s.low: '1'; allowed: a number"),
        ("low", 3, "s.low: 3.0, s.high: 2.0; need low at most high"),
        ("inner", {"lr": 0, "betas": [0, 1]}, "s.inner.lr: 0; allowed: a number above 0 and at most 1"),
        (
            "inner",
            {"lr": 1, "betas": [0]},
            "s.inner.betas: [0]; allowed: [a number from 0 to 1, a number from 0 to 1]",
        ),
        ("inner", {"lr": 1, "betas": [0, -1]}, "s.inner.betas[1]: -1; allowed: a number from 0 to 1"),
        ("inner", 3, "s.inner: 3; allowed: the keys lr, betas"),
    ],
)
def test_a_fault_is_said_with_key_value_and_what_is_allowed(key: str, value: object, message: str) -> None:
    with pytest.raises(ParamsError) as caught:
        build(Outer, GOOD | {key: value}, "s")
    assert str(caught.value).endswith(message)
    assert str(caught.value).startswith("s")
    assert "\n" not in str(caught.value)


def test_all_faults_are_found_at_once() -> None:
    wrong = GOOD | {"size": 7, "kind": "c", "inner": {"lrr": 1, "betas": [0, 2]}}
    with pytest.raises(ParamsError) as caught:
        build(Outer, {key: value for key, value in wrong.items() if key != "names"}, "s")
    assert [line.split(":")[0] for line in str(caught.value).split("\n")] == [
        "s.names",
        "s.inner.lrr",
        "s.inner.lr",
        "s.inner.betas[1]",
        "s.kind",
        "s.size",
    ]


def test_a_value_is_shown_short_and_on_one_line() -> None:
    with pytest.raises(ParamsError) as caught:
        build(Outer, GOOD | {"kind": "long\n" * 500}, "s")
    assert len(str(caught.value)) < 120
    assert "\n" not in str(caught.value)


def test_kind_chooses_the_dataclass_and_survives() -> None:
    resnet = build(Net, {"generator": {"kind": "resnet", "width": 4, "up": "resize"}}, "net")
    assert resnet == Net(Resnet("resnet", 4, "resize"))
    assert build(Net, asdict(resnet), "net") == resnet
    assert build(Net, {"generator": {"kind": "unet", "width": 4}}, "net") == Net(Unet("unet", 4))


@pytest.mark.parametrize(
    ("generator", "message"),
    [
        (
            {"kind": "unet", "width": 4, "up": "resize"},
            "net.generator.up: unknown; allowed: kind, width (unet has no others)",
        ),
        ({"kind": "unet", "width": 0}, "net.generator.width: 0; allowed: a whole number at least 1"),
        ({"kind": "resnett"}, "net.generator.kind: 'resnett'; allowed: one of resnet, unet"),
        ({"kind": ["unet"]}, r"net.generator.kind: ['unet']; allowed: one of resnet, unet"),
        ({"width": 4}, "net.generator.kind: missing; allowed: one of resnet, unet"),
        (7, "net.generator: 7; allowed: keys with kind: one of resnet, unet"),
        (None, "net.generator: null; allowed: keys with kind: one of resnet, unet"),
    ],
)
def test_a_kind_takes_its_own_options_alone(generator: object, message: str) -> None:
    with pytest.raises(ParamsError) as caught:
        build(Net, {"generator": generator}, "net")
    assert str(caught.value) == message


def test_a_missing_choice_says_its_kinds() -> None:
    with pytest.raises(ParamsError, match=r"net.generator: missing; allowed: keys with kind: one of resnet, unet"):
        build(Net, {}, "net")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "No such file"),
        ("s: {{lr", "not YAML"),
        ("s: 1\ns: 2", "not YAML"),
        ("s: 2020-13-45", "not YAML"),
        ("s: \xff", "not YAML"),
        ("s: !!python/name:os.system x", "not YAML"),
        ("[1]", "expected sections"),
        ("t: {}", "no section 's'"),
        ("s: []", r"s: \[\]; allowed: the keys lr, betas"),
        ("s: &s [*s]", r"s: \[\[.*; allowed: the keys lr, betas"),
        ("s: {lr: .nan, betas: [0, 1]}", "s.lr: nan; allowed: a number above 0 and at most 1"),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "params.yaml"
    if text is not None:
        path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ParamsError, match=message):
        load(Inner, "s", path)
