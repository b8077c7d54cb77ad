"""Distances between sets of photos in the features of a net: FID, KID, Fréchet distances in other nets'."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.core.polarity import unit_tensor
from pipeline.weights.loaders import net

Features = NDArray[np.float32] | NDArray[np.float64]  # (N, D); may be mapped from a file, and is read in parts

AT_ONCE = 1024  # rows read at once
PHOTOS_AT_ONCE = 16
SUBSETS, SUBSET = 100, 1000  # of KID, as in Binkowski et al. 2018


def frechet(real: Features, generated: Features) -> float:
    """Eq. 13 on features (N, D), in float64: Fréchet distance between their normal distributions.

    FID in Inception's features alone.
    """
    mean = real.mean(0, dtype=np.float64) - generated.mean(0, dtype=np.float64)
    a, b = (_root_factor(features) for features in (real, generated))
    cross = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    return max(0.0, float(mean @ mean + (a**2).sum() + (b**2).sum() - 2 * cross))  # of equals rounding alone is left


def _root_factor(features: Features) -> NDArray[np.float64]:
    """F with F'F = covariance, (min(N, D), D): Tr sqrt(S1 S2) is then the sum of the singular values of F1 F2'."""
    n, d = features.shape
    mean, scale = features.mean(0, dtype=np.float64), np.sqrt(max(1, n - 1))
    if n <= d:
        return np.asarray((features - mean) / scale, np.float64)
    covariance = np.zeros((d, d))
    for part in _parts(features):
        centred = (part - mean) / scale
        covariance += centred.T @ centred
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(np.sqrt(np.maximum(values, 0))[:, None] * vectors.T, np.float64)


def _parts(features: Features) -> Iterator[NDArray[np.float64]]:
    for i in range(0, len(features), AT_ONCE):
        yield np.asarray(features[i : i + AT_ONCE], np.float64)


def kid(real: Features, generated: Features) -> float:
    """Unbiased squared MMD with the kernel (x'y / D + 1)^3 over all samples (Binkowski et al. 2018)."""
    n, m, d = len(real), len(generated), real.shape[1]
    xx, yy, xy = ((a @ b.T / d + 1) ** 3 for a, b in ((real, real), (generated, generated), (real, generated)))
    within = (xx.sum() - np.trace(xx)) / (n * (n - 1)) + (yy.sum() - np.trace(yy)) / (m * (m - 1))
    return float(within - 2 * xy.mean())


def kid_of_subsets(real: Features, generated: Features, subsets: int = SUBSETS) -> tuple[float, float | None]:
    """KID as published: mean and standard deviation over 100 subsets of min(N, 1000), drawn with seed 0.

    The deviation is None where both sets are no larger than a subset: each subset is then the whole.
    """
    size = min(len(real), len(generated), SUBSET)
    if size == len(real) == len(generated):
        return kid(*(np.asarray(features, np.float64) for features in (real, generated))), None
    rng = np.random.default_rng(0)
    found = [kid(_drawn(real, size, rng), _drawn(generated, size, rng)) for _ in range(subsets)]
    return float(np.mean(found)), float(np.std(found, ddof=1))


def _drawn(features: Features, size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    return np.asarray(features[np.sort(rng.choice(len(features), size, replace=False))], np.float64)


def distances(real: Features, generated: Features) -> dict[str, float | None]:
    """FID and KID of (N, D) and (M, D); nothing of fewer than two photos."""
    if min(len(real), len(generated)) < 2:
        return {"fid": None, "kid": None, "kid_deviation": None}
    mean, deviation = kid_of_subsets(real, generated)
    return {"fid": frechet(real, generated), "kid": mean, "kid_deviation": deviation}


def frechet_scores(name: str, real: Features, generated: Features) -> dict[str, float | None]:
    """{name: Fréchet distance} of (N, D) and (M, D); nothing of fewer than two photos."""
    return {name: None if min(len(real), len(generated)) < 2 else frechet(real, generated)}


class Inception:
    """Pool3 features of the TF-ported Inception. Raises WeightsError where its file is missing."""

    size = 2048

    def __init__(self, device: torch.device) -> None:
        self.net, self.device = net("inception_fid").to(device), device

    @torch.inference_mode()
    def __call__(self, photos: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Photos (N, H, W, 3) -> (N, 2048)."""
        return np.concatenate([self.net(part)[0].float().cpu().numpy() for part in _sent(photos, self.device)])


class EfficientNet:
    """EfficientNet-Lite0's pooled features, trained on ImageNet. Raises WeightsError where its file is missing."""

    size = 1280

    def __init__(self, device: torch.device) -> None:
        self.net, self.device = net("efficientnet_lite0").to(device), device

    @torch.inference_mode()
    def __call__(self, photos: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Photos (N, H, W, 3) -> (N, 1280)."""
        parts = _sent(photos, self.device)
        return np.concatenate([self.net(unit_tensor(part)).float().cpu().numpy() for part in parts])


def _sent(photos: NDArray[np.uint8], device: torch.device) -> Iterator[torch.Tensor]:
    """(N, H, W, 3) in parts (n, 3, H, W), on the device."""
    images = torch.from_numpy(np.array(photos)).permute(0, 3, 1, 2)
    for i in range(0, len(images), PHOTOS_AT_ONCE):
        yield images[i : i + PHOTOS_AT_ONCE].to(device)
