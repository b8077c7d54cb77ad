"""Rough drawings: the same of the same seed, near their strokes, and what each roughness does."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from pipeline.drawing.rasterize import render
from pipeline.drawing.rough import PEN_PX, TOOLS, RoughParams, lines, rough_drawing
from pipeline.drawing.stroke import Stroke
from pipeline.helpers.line_cleaner.train import LineCleanerParams
from pipeline.helpers.values import read_values

SHAPE = (160, 200)
ROUGH = read_values(LineCleanerParams, "line_cleaner").rough
PLAIN = RoughParams(1.0, {"ink": 1.0}, 1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def stroke(*points: tuple[float, float]) -> Stroke:
    ends = np.array(points, np.float32)
    at = np.linspace(0, len(ends) - 1, 60)
    xy = np.stack([np.interp(at, range(len(ends)), ends[:, i]) for i in (0, 1)], 1)
    return Stroke.even(xy.astype(np.float32), np.full(60, 5, np.float32))


DRAWING = [stroke((30, 40), (170, 40)), stroke((60, 60), (60, 140)), stroke((90, 130), (120, 90), (160, 120))]
CLEAN = lines(DRAWING, SHAPE, PEN_PX)


def rough(params: RoughParams, seed: int = 0) -> np.ndarray:
    return rough_drawing(DRAWING, SHAPE, params, np.random.default_rng(seed))


def away() -> np.ndarray:
    """Distance of every pixel from the clean lines."""
    return cv2.distanceTransform((CLEAN > 0.5).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def test_lines_have_one_width_whatever_the_strokes() -> None:
    thin = [Stroke.even(s.points, np.full_like(s.widths, 2)) for s in DRAWING]
    np.testing.assert_allclose(CLEAN, render(thin, SHAPE), atol=0.6)
    assert np.abs(CLEAN - render(thin, SHAPE)).mean() < 0.01
    assert (1 - CLEAN)[:, 100].sum() == pytest.approx(2 + 2 * np.hypot(4, 3) / 3, rel=0.25)


@pytest.mark.parametrize("tool", list(TOOLS))
def test_the_same_seed_gives_the_same_bytes_and_another_another(tool: str) -> None:
    params = replace(ROUGH, tools={tool: 1.0})
    assert rough(params, 3).tobytes() == rough(params, 3).tobytes()
    assert rough(params, 3).tobytes() != rough(params, 4).tobytes()


def test_it_has_a_sketchs_shape_type_and_range() -> None:
    for seed in range(20):
        drawn = rough(ROUGH, seed)
        assert (drawn.shape, drawn.dtype) == (SHAPE, np.float32)
        assert 0 <= drawn.min() < drawn.max() <= 1


def test_strength_0_is_the_clean_drawing() -> None:
    every = dict.fromkeys(("hatching", "smudges", "specks", "texture", "photo"), 1.0)
    for seed in range(5):
        drawn = rough(replace(ROUGH, strength=0.0, **every), seed)
        assert np.abs(drawn - CLEAN).mean() < 0.005


@pytest.mark.parametrize(("tool", "reach"), [("pencil", 14), ("ink", 14), ("marker", 18)])
def test_ink_stays_near_the_strokes_and_every_stroke_is_inked(tool: str, reach: float) -> None:
    params = replace(PLAIN, tools={tool: 1.0}, repeats=4, jitter_px=2.0, breaks=0.5, pressure=0.2)
    for seed in range(10):
        ink = rough(params, seed) < 0.8
        assert not ink[away() > reach].any()
        assert cv2.dilate(ink.astype(np.uint8), np.ones((9, 9)))[CLEAN < 0.5].mean() > 0.8


def test_a_marker_is_up_to_four_times_as_wide_as_the_line() -> None:
    ink = [(rough(replace(PLAIN, tools={"marker": 1.0}), seed) < 0.6).sum() for seed in range(20)]
    line = (CLEAN < 0.6).sum()
    assert line < min(ink)
    assert 2.5 * line < max(ink) < 5 * line


@pytest.mark.parametrize("kind", ["hatching", "smudges", "specks"])
def test_what_must_vanish_darkens_the_paper_beside_the_lines(kind: str) -> None:
    beside = away() > 8
    dirty = [rough(replace(PLAIN, **{kind: 1.0}), seed)[beside].min() for seed in range(8)]
    assert rough(PLAIN)[beside].min() == 1
    assert min(dirty) < 0.85


def test_a_photo_has_gray_paper_in_uneven_light() -> None:
    paper = np.array([rough(replace(PLAIN, photo=1.0), seed)[away() > 8] for seed in range(8)])
    assert paper.mean() < 0.95
    assert np.mean([np.percentile(p, 95) - np.percentile(p, 5) for p in paper]) > 0.05


def test_nothing_drawn_is_bare_paper() -> None:
    assert rough_drawing([], SHAPE, PLAIN, np.random.default_rng(0)).min() == 1
    assert rough_drawing([], SHAPE, replace(ROUGH, hatching=1.0), np.random.default_rng(0)).shape == SHAPE
