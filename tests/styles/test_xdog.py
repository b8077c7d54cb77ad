"""XDoG against closed forms: a constant, a step, and the two ways to write it."""

from dataclasses import replace
from math import erf, sqrt

import numpy as np
import pytest

from pipeline.core.params import load
from pipeline.core.workspace import SHIPPED
from pipeline.drawing.dog import dog, soft_threshold
from pipeline.styles.xdog import XdogParams, sharpen, xdog

PARAMS = load(XdogParams, "styles.xdog", SHIPPED / "params.yaml")


def test_a_step_gives_the_difference_of_two_error_functions() -> None:
    """G_s * step = (1 + erf(x / (s sqrt 2))) / 2; the mean of the pixel's two halves at x + 1/2."""
    step = np.zeros((64, 256), np.float32)
    step[:, 128:] = 1
    response = dog(step, 3.0, 1.6, 0.9)[32]
    for column in range(100, 156):
        x = column - 127.5
        expected = (0.5 + 0.5 * erf(x / (3 * sqrt(2)))) - 0.9 * (0.5 + 0.5 * erf(x / (4.8 * sqrt(2))))
        assert response[column] == pytest.approx(expected, abs=2e-3)


def test_sharpening_keeps_constants_and_equals_equation_7() -> None:
    rng = np.random.default_rng(0)
    gray = rng.random((64, 64), dtype=np.float32)
    both = (1 + 20) * dog(gray, 1.0, 1.6, 0.0) - 20 * dog(gray, 1.6, 1.6, 0.0)
    np.testing.assert_allclose(sharpen(gray, 1.0, 1.6, 20), both, atol=2e-4)
    np.testing.assert_allclose(sharpen(np.full((32, 32), 0.37, np.float32), 1.0, 1.6, 20), 0.37, atol=1e-4)


def test_soft_threshold_is_equation_5() -> None:
    u = np.array([-1.0, 0.0, 0.5, 2.0], np.float32)
    np.testing.assert_allclose(soft_threshold(u, 0.5, 2.0), [1 + np.tanh(-3), 1 + np.tanh(-1), 1, 1], atol=1e-6)


def test_ink_lies_on_the_dark_side_of_an_edge() -> None:
    step = np.full((256, 256), 0.8, np.float32)
    step[:, :128] = 0.5
    sketch = xdog(step, PARAMS)
    assert sketch[128, 120:128].min() < sketch[128, 128:136].min()
    assert sketch[:, :100].min() > 0.99


def test_raised_epsilon_fills_the_dark() -> None:
    gray = np.full((256, 256), 0.9, np.float32)
    gray[64:192, 64:192] = 0.1
    lines, tone = (xdog(gray, replace(PARAMS, epsilon=epsilon, phi=10)) for epsilon in (0.0, 0.6))
    assert lines[128, 128] > 0.9
    assert tone[128, 128] < 0.1
    assert tone[20, 20] > 0.9
