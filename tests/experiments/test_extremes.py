"""What params.yaml may say, the code can do: the numbers of the cheap stages at both ends of their ranges."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.core.params import ParamsError, build, read_yaml
from pipeline.core.polarity import Edges, Photo, luminance
from pipeline.core.workspace import SHIPPED
from pipeline.drawing.equalization import equalize
from pipeline.drawing.face_prior import Eyes
from pipeline.drawing.rough import RoughParams, rough_drawing
from pipeline.experiments.sections import sections
from pipeline.helpers.values import values_path
from pipeline.stages.canny import canny
from pipeline.stages.crop.align import crop_matrix, crop_photo
from pipeline.stages.demo.renderer import render_face
from pipeline.stages.hed import holistic_local
from pipeline.stages.pack import product
from pipeline.stages.simplify import redraw, simplify
from pipeline.styles import STYLES
from tests.experiments.param_values import Place, at, fields, good, with_value

EYES = Eyes(0.48, 0.27)
VALUES = read_yaml(SHIPPED / "params.yaml")
CLASSICAL = {"edges.hed": "soft", "styles.photosketch": "contour", "equalize": "clahe"}  # methods without a net


@cache
def photo() -> Photo:
    return render_face(64, 1, 0).photo


@cache
def edges() -> Edges:
    return canny(luminance(photo()), build(sections()["edges.canny"], VALUES["edges"]["canny"], "edges.canny"), EYES)


@cache
def sketch() -> Any:
    return STYLES["xdog"].draw(photo(), build(STYLES["xdog"].params, VALUES["styles"]["xdog"], "styles.xdog"))


def rough(params: RoughParams) -> NDArray[Any]:
    tracing = build(sections()["simplify"], VALUES["simplify"], "simplify")
    return rough_drawing(simplify(sketch(), tracing), (64, 64), params, np.random.default_rng(0))


RUNS: dict[str, Callable[[Any], NDArray[Any]]] = {
    "crop": lambda params: crop_photo(photo(), crop_matrix((24, 30), (40, 30), params), params),
    "equalize": lambda params: equalize(photo(), params),
    "edges.canny": lambda params: canny(luminance(photo()), params, EYES),
    "edges.hed": lambda params: holistic_local(photo(), photo(), params, EYES),
    "simplify": lambda params: redraw(sketch(), "xdog", "face", params).deformed,
    "pack": lambda params: product(edges(), edges(), params, EYES),
    "rough": rough,
} | {f"styles.{name}": lambda params, style=style: style.draw(photo(), params) for name, style in STYLES.items()}


def held(name: str) -> tuple[type, Any]:
    """The dataclass of a section and its shipped values, of a method that needs no net."""
    if name == "rough":
        return RoughParams, read_yaml(values_path("line_cleaner"))["rough"]
    values = at(VALUES, tuple(name.split(".")))
    return sections()[name], values | ({"method": CLASSICAL[name]} if name in CLASSICAL else {})


def ends(cls: type, values: Any) -> Iterator[tuple[Place, float]]:
    """Every number of a section, with the two values that lie at the ends of its range or next to them."""
    for place, hint in fields(cls, values):
        numbers = sorted(v for v in good(hint) if isinstance(v, (int, float)) and not isinstance(v, bool))
        yield from ((place, number) for number in {*numbers[:1], *numbers[-1:]})


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_the_ends_of_every_range_can_be_computed(name: str) -> None:
    cls, values = held(name)
    tried = 0
    for place, number in ends(cls, values):
        try:
            params = build(cls, with_value(values, place, number), name)
        except ParamsError:  # it does not go with another value
            continue
        made = RUNS[name](params)
        assert np.isfinite(made).all(), (place, number)
        assert made.min() >= 0, (place, number)
        tried += 1
    assert tried


@pytest.mark.slow
@pytest.mark.parametrize("end", [0, -1])
@pytest.mark.parametrize("name", RUNS)
def test_all_at_one_end_can_be_computed(name: str, end: int) -> None:
    cls, values = held(name)
    for place, number in ends(cls, values):
        pair = sorted(value for other, value in ends(cls, values) if other == place)
        if number == pair[end]:
            values = with_value(values, place, number)
    try:
        params = build(cls, values, name)
    except ParamsError as error:
        assert "; need " in str(error), error  # noqa: PT017 each number alone is allowed
        return
    assert np.isfinite(RUNS[name](params)).all()
