"""A pen's width is measured, and brought between two ends; what is between stays."""

import cv2
import numpy as np
import pytest

from pipeline.core.polarity import Sketch, strokes_of
from pipeline.drawing.pen_width import lines_of, with_pen
from pipeline.drawing.pen_width import pen_width as width_of
from pipeline.drawing.rasterize import render
from pipeline.drawing.scale import resized
from pipeline.drawing.stroke import Stroke

LEAST, MOST = 1.4, 3.8


def pen_width(sketch: Sketch) -> float:
    return width_of(lines_of(sketch))


def curves(width: float, side: int = 512) -> Sketch:
    """Rings and a line by one pen."""
    turn = np.linspace(0, 2 * np.pi, 400)
    ring = np.stack([np.cos(turn), np.sin(turn)], 1)
    paths = [radius * ring + 0.5 for radius in (0.12, 0.23, 0.35)] + [np.array([[0.08, 0.12], [0.92, 0.82]])]
    points = [(side * path).astype(np.float32) for path in paths]
    return render([Stroke.even(path, np.full(len(path), width, np.float32)) for path in points], (side, side))


@pytest.mark.parametrize("width", [1, 2, 3, 5, 8, 13])
def test_the_width_is_the_pen_s(width: int) -> None:
    assert pen_width(curves(width)) == pytest.approx(width, abs=max(0.5, 0.15 * width))


@pytest.mark.parametrize("width", [1, 4, 9, 0])
def test_lines_are_thinned_as_opencv_thins_them(width: int) -> None:
    blots = cv2.GaussianBlur(np.random.default_rng(0).random((200, 150), np.float32), (0, 0), 2)
    sketch = curves(width, 200) if width else Sketch((blots > 0.5).astype(np.float32))  # blots reach over the border
    lines = lines_of(sketch)
    theirs = cv2.ximgproc.thinning(lines.mask.astype(np.uint8) * 255, thinningType=cv2.ximgproc.THINNING_GUOHALL)  # type: ignore[attr-defined]
    assert lines.middle.any()
    np.testing.assert_array_equal(lines.middle, theirs > 0)


def test_a_faint_line_is_a_thin_one_and_blank_paper_has_none() -> None:
    assert pen_width(Sketch(np.ones((64, 64), np.float32))) == 0
    fine = Sketch(resized(curves(1, 2048), (512, 512)))
    assert pen_width(fine) < 0.5


@pytest.mark.parametrize("width", [6, 10, 16])
def test_a_thick_pen_gets_thinner_and_no_line_is_lost(width: int) -> None:
    drawn = curves(width)
    thin = with_pen(lines_of(drawn), pen_width(drawn), LEAST, MOST)
    assert pen_width(thin) <= MOST + 1
    middle = strokes_of(curves(1)) > 0.9
    assert (strokes_of(thin)[middle] > 0.5).mean() > 0.97
    assert (thin >= drawn - 1e-6).all()


def test_a_hairline_gets_darker_and_wider_where_it_is() -> None:
    fine = Sketch(resized(curves(1, 2048), (512, 512)))
    drawn = with_pen(lines_of(fine), pen_width(fine), LEAST, MOST)
    assert pen_width(drawn) > 2 * pen_width(fine)
    far = cv2.erode(fine, np.ones((7, 7))) == 1
    assert drawn[far].min() > 0.98
    assert (drawn <= fine + 1e-6).all()


def test_a_pen_between_is_left_alone() -> None:
    drawn = curves(3)
    assert np.abs(with_pen(lines_of(drawn), pen_width(drawn), LEAST, MOST) - drawn).max() < 1e-6
