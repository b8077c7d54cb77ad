"""Strokes as they travel, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.apps.studio import limits
from pipeline.apps.studio.messages import DARKEST, UNIT, Tones, Wrong, read_message, strokes_in_px, travelling
from pipeline.drawing.rasterize import render
from pipeline.drawing.stroke import Stroke

EXAMPLES = sorted((Path(__file__).parents[3] / "pipeline/apps/studio/page/examples").glob("*.json"))
LINE = [1000, 5000, 100, 100, 9000, 5000, 100, 100]


def message(**values: object) -> str:
    return json.dumps({"strokes": [LINE]} | values)


def test_a_stroke_lies_where_it_was_drawn() -> None:
    """From .1 to .9 of the side, in its middle, a hundredth wide: of 200 px row 99 and 100, columns 20 to 180."""
    sketch = render(strokes_in_px(read_message(message()).strokes, 200), (200, 200))
    rows, columns = np.nonzero(sketch < 0.5)
    assert (rows.min(), rows.max()) == (99, 100)
    assert abs(columns.min() - 19) <= 1
    assert abs(columns.max() - 180) <= 1


def test_darkness_is_the_strokes_own() -> None:
    light = [1000, 5000, 600, 40, 9000, 5000, 600, 40]
    sketch = render(strokes_in_px(read_message(message(strokes=[light])).strokes, 64), (64, 64))
    assert sketch.min() == pytest.approx(1 - 0.4, abs=0.01)


def test_a_dot_is_drawn() -> None:
    dot = [5000, 5000, 300, 100]
    assert render(strokes_in_px(read_message(message(strokes=[dot])).strokes, 64), (64, 64)).min() < 0.2


def test_strokes_come_back_as_they_went() -> None:
    rng = np.random.default_rng(0)
    points = np.cumsum(rng.uniform(1, 3, (40, 2)), 0).astype(np.float32)
    stroke = Stroke(points, np.full(40, 2.0, np.float32), np.linspace(0.2, 1, 40, dtype=np.float32))
    back = strokes_in_px([np.asarray(flat).reshape(-1, 4) for flat in travelling([stroke], 128)], 128)[0]
    pictures = [render([each], (128, 128)) for each in (stroke, back)]
    assert np.abs(pictures[0] - pictures[1]).mean() < 0.002
    np.testing.assert_allclose(back.points[[0, -1]], points[[0, -1]], atol=0.02)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_drawings_of_faces_that_can_be_sent(path: Path) -> None:
    strokes = json.loads(path.read_text())["strokes"]
    wanted = read_message(message(strokes=strokes))
    ink = render(strokes_in_px(wanted.strokes, 256), (256, 256)) < 0.7
    eyes = ink[110:136, 75:112].mean(), ink[110:136, 144:181].mean()
    assert min(eyes) > 0.1
    assert ink[80:95].mean() < 0.2


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 3


@pytest.mark.parametrize(
    ("tones", "read"),
    [
        ({}, Tones()),
        (None, Tones()),
        ({"tone": "light-fair"}, Tones(tone="light-fair")),
        ({"seed": 3}, Tones(seed=3)),
        ({"code": [0.5, 1]}, Tones(code=(0.5, 1.0))),
        ({"code": [0.5], "skin": [90, 60, 40]}, Tones(code=(0.5,), skin=(90, 60, 40))),
        ({"skin": [90, 60, 40]}, Tones(skin=(90, 60, 40))),
    ],
)
def test_tones_are_read(tones: object, read: Tones) -> None:
    assert read_message(message(tones=tones)).tones == read


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "null",
        "{" * 5000,
        '{"strokes": [[1e999]]}',
        message(strokes="all"),
        message(strokes=[LINE[:-1]]),
        message(strokes=[[]]),
        message(strokes=[[0.5, *LINE[1:]]]),
        message(strokes=[[None, *LINE[1:]]]),
        message(strokes=[["1", *LINE[1:]]]),
        message(strokes=[[10**30, *LINE[1:]]]),
        message(strokes=[[LINE, LINE, LINE, LINE]]),
        message(strokes=[[3 * UNIT, *LINE[1:]]]),
        message(strokes=[[*LINE[:2], UNIT, *LINE[3:]]]),
        message(strokes=[[*LINE[:3], DARKEST + 1, *LINE[4:]]]),
        message(strokes=[[*LINE[:3], -1, *LINE[4:]]]),
        message(number="one"),
        message(model=3),
        message(refine=2),
        message(refine="much"),
        message(tones={"seed": -1}),
        message(tones={"seed": 2**40}),
        message(tones={"code": []}),
        message(tones={"code": ["a"]}),
        message(tones={"skin": [1, 2]}),
        message(tones={"skin": [1, 2, 256]}),
        message(tones={"code": [float("nan")]}),
        message(tones={"tone": ["x"]}),
        message(tones=[1]),
        message(strokes=[LINE] * (limits.STROKES + 1)),
        message(strokes=[LINE * (limits.POINTS // 2 + 1)]),
        message(more="x" * limits.MESSAGE_BYTES),
    ],
    ids=lambda text: text[:60],
)
def test_anything_else_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(Wrong, match=r"^[A-Z][^\n]*\.$"):
        read_message(text)
