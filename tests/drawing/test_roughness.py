"""Searched lines and smudges are rough; single lines of any one pen are not."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.core.polarity import Sketch
from pipeline.drawing.pen_width import lines_of
from pipeline.drawing.rough import RoughParams, lines, rough_drawing
from pipeline.drawing.roughness import roughness
from pipeline.drawing.scale import resized, stretched
from pipeline.helpers.line_cleaner.known import face
from pipeline.helpers.line_cleaner.train import LineCleanerParams
from pipeline.helpers.values import read_values

WIDEST = 3.8
ROUGH = read_values(LineCleanerParams, "line_cleaner").rough


def large(sketch: Sketch) -> Sketch:
    return Sketch(np.clip(resized(sketch, (512, 512)), 0, 1))


@pytest.mark.parametrize("width", [0.8, 1.6, 3.0, 6.0])
def test_single_lines_are_not_rough(width: float) -> None:
    drawn = [large(lines(face(np.random.default_rng(i)), (256, 256), width)) for i in range(4)]
    assert max(roughness(lines_of(sketch), WIDEST) for sketch in drawn) < 1


@pytest.mark.parametrize("kind", ["ink", "smudged"])
def test_searched_and_smudged_lines_are(kind: str) -> None:
    rough: RoughParams = replace(ROUGH, tools={"ink" if kind == "ink" else "pencil": 1.0}, strength=1.0)
    if kind == "smudged":
        rough = replace(rough, smudges=1.0, photo=1.0, texture=1.0)
    rng = np.random.default_rng(0)
    drawn = [large(stretched(rough_drawing(face(rng), (256, 256), rough, rng))) for _ in range(8)]
    clean = [large(lines(face(np.random.default_rng(i)), (256, 256), 1.6)) for i in range(4)]
    found, least = ([roughness(lines_of(sketch), WIDEST) for sketch in some] for some in (drawn, clean))
    assert np.median(found) > 1.4 * max(least)
    assert max(found) > 1


def test_blank_paper_is_not() -> None:
    assert roughness(lines_of(Sketch(np.ones((64, 64), np.float32))), WIDEST) == 0
