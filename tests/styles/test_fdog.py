"""Coherent lines against Eq. 1 of Kang et al. 2007 written out, and drawings whose lines are known."""

from dataclasses import replace

import cv2
import numpy as np

from pipeline.core.params import load
from pipeline.core.workspace import SHIPPED
from pipeline.styles.fdog import FdogParams, fdog, tangent_flow

PARAMS = load(FdogParams, "styles.fdog", SHIPPED / "params.yaml")


def literal_flow(gray: np.ndarray, radius: int, iterations: int) -> np.ndarray:
    """Eq. 1-5 with phi, tanh and |.| as printed, eta = 1."""
    padded = np.pad(gray.astype(np.float64), 1, mode="reflect")
    dx = np.zeros(gray.shape)
    dy = np.zeros(gray.shape)
    for i, weight in enumerate((1, 2, 1)):
        dx += weight * (padded[i : i + gray.shape[0], 2:] - padded[i : i + gray.shape[0], :-2])
        dy += weight * (padded[2:, i : i + gray.shape[1]] - padded[:-2, i : i + gray.shape[1]])
    magnitude = np.hypot(dx, dy)
    g = magnitude / magnitude.max()
    norm = np.maximum(magnitude, 1e-6)
    t = np.stack([-dy / norm, dx / norm])
    for _ in range(iterations):
        new = np.zeros_like(t)
        for y, x in np.ndindex(gray.shape):
            for yy in range(max(0, y - radius), min(gray.shape[0], y + radius + 1)):
                for xx in range(max(0, x - radius), min(gray.shape[1], x + radius + 1)):
                    if (yy - y) ** 2 + (xx - x) ** 2 > radius**2:
                        continue
                    dot = t[:, y, x] @ t[:, yy, xx]
                    phi = 1 if dot > 0 else -1
                    w_m = 0.5 * (1 + np.tanh(g[yy, xx] - g[y, x]))
                    new[:, y, x] += phi * t[:, yy, xx] * w_m * abs(dot)
        t = new / np.maximum(np.hypot(*new), 1e-6)
    return t


def test_flow_is_equation_1() -> None:
    rng = np.random.default_rng(0)
    gray = cv2.GaussianBlur(rng.random((20, 24), dtype=np.float32), (0, 0), 1.5)
    params = replace(PARAMS, flow_radius=3 * 256 / 20, flow_iterations=2)
    np.testing.assert_allclose(tangent_flow(gray, params), literal_flow(gray, 3, 2), atol=2e-3)


def test_flow_runs_along_a_circle() -> None:
    gray = np.full((256, 256), 0.8, np.float32)
    cv2.circle(gray, (128, 128), 64, 0.2, -1, cv2.LINE_AA)
    flow = tangent_flow(gray, PARAMS)
    y, x = np.mgrid[:256, :256] - 128.0
    r = np.hypot(x, y)
    near = np.abs(r - 64) < 2
    across = (flow[0] * x + flow[1] * y) / np.maximum(r, 1)
    assert np.abs(across[near]).mean() < 0.05


def test_a_broken_line_comes_out_whole() -> None:
    """What the flow is for: gathering along it bridges gaps that an isotropic filter leaves open."""
    gray = np.full((256, 256), 0.9, np.float32)
    gray[127:129] = 0.3
    gray[:, ::16] = 0.9
    line = fdog(gray, PARAMS)[124:132, 20:236].min(axis=0)
    assert (line < 0.5).mean() > 0.97


def test_more_tau_draws_more() -> None:
    gray = cv2.GaussianBlur(np.random.default_rng(0).random((256, 256), dtype=np.float32), (0, 0), 2.5)
    gray = (gray - gray.min()) / np.ptp(gray)
    ink = [(fdog(gray, replace(PARAMS, tau=tau)) < 0.5).mean() for tau in (0.3, 0.9, 0.99)]
    assert ink[0] <= ink[1] <= ink[2]
    assert ink[2] > 0.05
