"""Metrics with their protocols: PSNR, SSIM, edge precision and recall, FID, KID, identity."""

from functools import cache

import cv2
import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from pipeline.images import Photo
from pipeline.weights import net, weight_file

Features = NDArray[np.float64]


def psnr(photo: Photo, generated: Photo) -> float:
    """Eq. 11, dB: L = 255, mean square error over all pixels and channels; equal images give inf."""
    error = np.mean((photo.astype(np.float64) - generated) ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def ssim(photo: Photo, generated: Photo) -> float:
    """Eq. 12, Wang et al. 2004: 11x11 Gaussian, sigma 1.5, data range 255, mean over R, G and B."""
    value = structural_similarity(
        photo,
        generated,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
        channel_axis=2,
    )
    return float(value)


def psnr_gray(photo: Photo, generated: Photo) -> float:
    """PSNR as EdgeConnect does, of the gray images; dB."""
    return psnr(_gray(photo), _gray(generated))


def _gray(photo: Photo) -> Photo:
    return cv2.cvtColor(np.ascontiguousarray(photo), cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)


def ssim_51(photo: Photo, generated: Photo) -> float:
    """SSIM as the nearest public system, EdgeConnect, does: gray, a flat 51-pixel window; higher than `ssim`."""
    a, b = _gray(photo), _gray(generated)
    return float(structural_similarity(a, b, win_size=min(51, 2 * (min(a.shape) // 2) - 1), data_range=255))


def edge_scores(edges: NDArray[np.bool_], truth: NDArray[np.bool_], tolerance_px: float) -> dict[str, float]:
    """Precision, recall, F of binary edge maps (H, W); a pixel counts within `tolerance_px` of the other map.

    Nothing predicted: precision 0 unless nothing is true, then both are 1.
    """
    if not edges.any() or not truth.any():
        same = float(edges.any() == truth.any())
        return {"precision": same, "recall": same, "f": same}
    precision = float((_distance(truth)[edges] <= tolerance_px).mean())
    recall = float((_distance(edges)[truth] <= tolerance_px).mean())
    return {"precision": precision, "recall": recall, "f": 2 * precision * recall / max(precision + recall, 1e-12)}


def _distance(edges: NDArray[np.bool_]) -> NDArray[np.float32]:
    return cv2.distanceTransform((~edges).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE).astype(np.float32)


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


@cache
def _identity_net() -> onnxruntime.InferenceSession:

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(weight_file("mobilefacenet")), options, providers=["CPUExecutionProvider"])


IDENTITY_SPAN = (0.19, 0.81, 0.24, 0.86)  # ours: left, right, top, bottom of the face in our crops


def identity_features(photos: NDArray[np.uint8]) -> Features:
    """Crops (N, S, S, 3) -> unit identity vectors (N, 128) (MobileFaceNet). Raises WeightsError if missing."""
    session, size = _identity_net(), photos.shape[1]
    left, right, top, bottom = (round(share * size) for share in IDENTITY_SPAN)
    faces = [cv2.resize(photo[top:bottom, left:right], (112, 112), interpolation=cv2.INTER_AREA) for photo in photos]
    batch = ((np.stack(faces) / 255 - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)).astype(np.float32)
    name = session.get_inputs()[0].name
    vectors = np.concatenate([session.run(None, {name: face[None]})[0] for face in batch.transpose(0, 3, 1, 2)])
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def identity_scores(real: Features, generated: Features) -> dict[str, float]:
    """Mean cosine between each photo and its generation, and how often its own photo is the nearest of all."""
    similarity = generated @ real.T
    rank1 = float((similarity.argmax(1) == np.arange(len(real))).mean())
    return {"identity": float(np.diag(similarity).mean()), "identity_rank1": rank1}
