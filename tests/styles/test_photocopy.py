"""Photocopy against a slow, direct version of the published plug-in's description."""

from math import exp, log, sqrt

import numpy as np
import pytest

from pipeline.core.params import load
from pipeline.core.workspace import SHIPPED
from pipeline.styles.photocopy import PhotocopyParams, gimp_sigma, lightness, photocopy

PARAMS = load(PhotocopyParams, "styles.photocopy", SHIPPED / "params.yaml")


def direct_blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian by explicit sums, mirrored at the border without repeating it."""
    reach = int(sigma * 4 + 1)
    weights = np.array([exp(-(d * d) / (2 * sigma * sigma)) for d in range(-reach, reach + 1)])
    weights /= weights.sum()
    for axis in (0, 1):
        padded = np.pad(image, [(reach, reach) if a == axis else (0, 0) for a in (0, 1)], mode="reflect")
        image = sum(w * np.take(padded, range(i, i + image.shape[axis]), axis) for i, w in enumerate(weights))
    return image


def first_bin(values: list[float], share: float) -> float:
    """Lower end of the first of 1/1000 bins by which more than `share` of the values have come."""
    counts = [0] * 2001
    for value in values:
        counts[int(value * 1000)] += 1
    seen = 0
    for index, count in enumerate(counts):
        seen += count
        if seen / len(values) > share:
            return index / 1000
    raise AssertionError


def direct_photocopy(light: np.ndarray, p: PhotocopyParams) -> np.ndarray:
    """Pixel by pixel, at a 256-px face; `light` is HSL lightness in whole levels of 255."""
    sharp, mask = max(1.0, 10 * (1 - p.sharpness)), p.mask_radius
    one, two = (direct_blur(light, sqrt(-((r + 1) ** 2) / (2 * log(1 / 255)))) for r in (sharp, mask))
    ratio = one / np.maximum(two, 1)
    dark = [float(v) for v in ratio.ravel() if v < p.threshold]
    lit = [float(v) for v in ratio.ravel() if p.threshold <= v < 2]
    down = p.threshold - first_bin(dark, p.black) if dark else 1.0
    up = first_bin(lit, 1 - p.white) - p.threshold if lit else 0.0
    out = np.empty_like(one)
    for y, x in np.ndindex(out.shape):
        d, b1, b2 = ratio[y, x], one[y, x], two[y, x]
        if b2 <= 2:
            out[y, x] = 0
        elif d < p.threshold:
            out[y, x] = b1 * (down - min(down, p.threshold - d)) / down
        else:
            share = min(up, d - p.threshold) / up if up > 0 else 1.0
            out[y, x] = 255 - (1 - share) * (255 - b1)
    return out / 255


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("changes", [{}, {"sharpness": 0.3, "black": 0.5}, {"threshold": 0.95, "white": 0.6}])
def test_photocopy_equals_the_direct_version(seed: int, changes: dict[str, float]) -> None:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(20, 256, (9, 9)).astype(float)
    light = np.kron(coarse, np.ones((30, 30)))[:256, :256] // 1
    light[100:120] = 1  # a bar too black for a ratio
    params = PhotocopyParams(**(vars(PARAMS) | changes))
    sketch = photocopy((light / 255).astype(np.float32), params)
    expected = direct_photocopy(light, params)
    apart = np.abs(sketch - expected)
    assert np.percentile(apart, 99.9) < 0.02
    assert apart.mean() < 0.001


def test_published_constants() -> None:
    assert gimp_sigma(max(1.0, 10 * (1 - 0.8))) == pytest.approx(0.901, abs=5e-4)
    assert gimp_sigma(8) == pytest.approx(2.703, abs=5e-4)


def test_lightness_is_hsl() -> None:
    photo = np.array([[[255, 0, 0], [10, 20, 30], [255, 255, 255]]], np.uint8)
    np.testing.assert_allclose(lightness(photo)[0], [0.5, 20 / 255, 1.0], atol=1e-6)
