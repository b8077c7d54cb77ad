"""Metrics against values known without the code."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from pipeline.evaluation.metrics import edges, features, identity, image

RNG = np.random.default_rng(0)
PHOTO = RNG.integers(20, 230, (40, 50, 3), dtype=np.uint8)


def test_psnr_of_a_constant_offset() -> None:
    assert image.psnr(PHOTO, PHOTO + 10) == pytest.approx(20 * np.log10(255 / 10))
    assert image.psnr(PHOTO, PHOTO) == float("inf")


def test_psnr_gray_sees_no_change_of_colour_alone() -> None:
    gray = np.full((8, 8, 3), 100, np.uint8)
    tinted = gray + np.array([0, 0, 18], np.uint8)  # blue weighs .114: gray by 2
    assert image.psnr_gray(gray, tinted) == pytest.approx(20 * np.log10(255 / 2))
    assert image.psnr_gray(gray, gray + 10) == pytest.approx(image.psnr(gray, gray + 10))


def slow_ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Wang et al. 2004, window by window, one channel."""
    x = np.arange(11) - 5
    window = np.exp(-(x[:, None] ** 2 + x[None] ** 2) / (2 * 1.5**2))
    window /= window.sum()
    c1, c2, values = (0.01 * 255) ** 2, (0.03 * 255) ** 2, []
    for i in range(a.shape[0] - 10):
        for j in range(a.shape[1] - 10):
            p, q = a[i : i + 11, j : j + 11].astype(float), b[i : i + 11, j : j + 11].astype(float)
            mp, mq = (window * p).sum(), (window * q).sum()
            vp, vq = (window * (p - mp) ** 2).sum(), (window * (q - mq) ** 2).sum()
            cov = (window * (p - mp) * (q - mq)).sum()
            values.append((2 * mp * mq + c1) * (2 * cov + c2) / ((mp**2 + mq**2 + c1) * (vp + vq + c2)))
    return float(np.mean(values))


def test_ssim_is_wang_et_al() -> None:
    other = np.clip(PHOTO + RNG.normal(0, 20, PHOTO.shape), 0, 255).astype(np.uint8)
    expected = np.mean([slow_ssim(PHOTO[..., c], other[..., c]) for c in range(3)])
    assert image.ssim(PHOTO, other) == pytest.approx(expected, abs=1e-4)
    assert image.ssim(PHOTO, PHOTO) == pytest.approx(1)


def test_ssim_51_is_a_flat_window_on_gray() -> None:
    rng = np.random.default_rng(0)
    a = np.repeat(rng.integers(0, 256, (60, 60, 1), np.uint8), 3, 2)
    b = np.clip(a.astype(int) + rng.integers(-40, 41, (60, 60, 1)), 0, 255).astype(np.uint8)
    scores = []
    for y in range(10):
        for x in range(10):
            p, q = (image[y : y + 51, x : x + 51, 0].astype(float) for image in (a, b))
            covariance = np.cov(p.ravel(), q.ravel())
            means = 2 * p.mean() * q.mean() + 2.55**2, p.mean() ** 2 + q.mean() ** 2 + 2.55**2
            spreads = 2 * covariance[0, 1] + 7.65**2, np.trace(covariance) + 7.65**2
            scores.append(means[0] * spreads[0] / means[1] / spreads[1])
    assert image.ssim_51(a, b) == pytest.approx(np.mean(scores), abs=1e-6)


def test_edges_shifted_by_a_pixel() -> None:
    truth = np.zeros((32, 32), bool)
    truth[10, 4:28] = True
    assert edges.edge_scores(truth, truth, 0) == pytest.approx({"precision": 1, "recall": 1, "f": 1})
    shifted = np.roll(truth, 1, 0)
    assert edges.edge_scores(shifted, truth, 0)["precision"] == 0
    assert edges.edge_scores(shifted, truth, 2)["f"] == pytest.approx(1)
    half = truth & (np.arange(32) < 16)
    assert edges.edge_scores(half, truth, 0) == pytest.approx({"precision": 1, "recall": 0.5, "f": 2 / 3})
    none = np.zeros_like(truth)
    assert edges.edge_scores(none, truth, 0)["precision"] == 0
    assert edges.edge_scores(none, none, 0)["f"] == 1


def test_fid_against_the_matrix_root_and_a_shift() -> None:
    a, b = RNG.normal(0, 1, (200, 6)), RNG.normal(0.5, 2, (150, 6))
    ca, cb = np.cov(a.T), np.cov(b.T)
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(ca + cb - 2 * sqrtm(ca @ cb).real)
    assert features.fid(a, b) == pytest.approx(expected, rel=1e-6)
    assert features.fid(a, a + 3) == pytest.approx(6 * 9)
    few = RNG.normal(0, 1, (5, 50))
    assert features.fid(few, few) == pytest.approx(0, abs=1e-9), "singular covariances"


def test_kid_is_the_unbiased_estimator() -> None:
    a, b = RNG.normal(0, 1, (12, 4)), RNG.normal(1, 1, (9, 4))

    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return float((x @ y / 4 + 1) ** 3)

    aa = np.mean([kernel(a[i], a[j]) for i in range(12) for j in range(12) if i != j])
    bb = np.mean([kernel(b[i], b[j]) for i in range(9) for j in range(9) if i != j])
    ab = np.mean([kernel(x, y) for x in a for y in b])
    assert features.kid(a, b) == pytest.approx(aa + bb - 2 * ab)
    many = RNG.normal(0, 1, (2000, 4))
    assert abs(features.kid(many[:1000], many[1000:])) < 0.1


def test_identity_scores() -> None:
    eye = np.eye(4)
    assert identity.identity_scores(eye, eye) == {"identity": 1.0, "identity_rank1": 1.0}
    assert identity.identity_scores(eye, np.roll(eye, 1, 0))["identity_rank1"] == 0
