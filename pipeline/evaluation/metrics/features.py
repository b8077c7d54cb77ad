"""Distances between sets of photos in the features of a net."""

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.weights.loaders import net

Features = NDArray[np.float64]


def fid(real: Features, generated: Features) -> float:
    """Eq. 13 on features (N, D), float64; the trace of the root from eigenvalues clamped at 0."""
    mean = real.mean(0) - generated.mean(0)
    a, b = (_root_factor(features) for features in (real, generated))
    cross = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    return float(mean @ mean + (a**2).sum() + (b**2).sum() - 2 * cross)


def _root_factor(features: Features) -> Features:
    """F with F'F = covariance: Tr sqrt(S1 S2) is then the sum of the singular values of F1 F2'."""
    return (features - features.mean(0)) / np.sqrt(max(1, len(features) - 1))


def kid(real: Features, generated: Features) -> float:
    """Unbiased squared MMD with the kernel (x'y / D + 1)^3 over all samples (Binkowski et al. 2018)."""
    n, m, d = len(real), len(generated), real.shape[1]
    xx, yy, xy = ((a @ b.T / d + 1) ** 3 for a, b in ((real, real), (generated, generated), (real, generated)))
    within = (xx.sum() - np.trace(xx)) / (n * (n - 1)) + (yy.sum() - np.trace(yy)) / (m * (m - 1))
    return float(within - 2 * xy.mean())


@cache
def _inception() -> torch.nn.Module:
    return net("inception_fid")


@torch.no_grad()
def inception_features(photos: NDArray[np.uint8]) -> Features:
    """Photos (N, H, W, 3) -> pool3 features (N, 2048) of the TF-ported Inception. Raises WeightsError if missing."""
    inception = _inception()
    batches = torch.from_numpy(np.array(photos)).permute(0, 3, 1, 2).split(16)
    return np.concatenate([inception(batch)[0].double().numpy() for batch in batches])
