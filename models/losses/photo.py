"""Losses of a generated photo beside the true one."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def l1(photo: Tensor, generated: Tensor) -> Tensor:
    """Eq. 7."""
    return F.l1_loss(generated, photo)


def perceptual(real: Mapping[str, Tensor], fake: Mapping[str, Tensor], layers: Sequence[str]) -> Tensor:
    """Eq. 8: L1 between VGG maps before activation, summed over `layers`, weight 1 each."""
    return torch.stack([F.l1_loss(fake[name], real[name]) for name in layers]).sum()


def perceptual_deep(real: Mapping[str, Tensor], fake: Mapping[str, Tensor], layers: Sequence[str]) -> Tensor:
    """The same, each layer over the mean of its true activations; weights halved from last to first.

    Weights 1/16, 1/8, 1/4, 1/2, 1 of five layers: as pix2pixHD's (Wang et al. 2018, first 1/32). ours: the division,
    since VGGs differ in the size of their maps.
    """
    terms = [F.l1_loss(fake[name], real[name]) / real[name].abs().mean().clamp_min(1e-6) for name in layers]
    return torch.stack([term * 0.5**i for i, term in enumerate(reversed(terms))]).sum()


PERCEPTUAL = {"equal": perceptual, "deep": perceptual_deep}


def gram(features: Tensor) -> Tensor:
    """Gram matrix: (N, C, H, W) -> (N, C, C), divided by C·H·W."""
    n, c, h, w = features.shape
    flat = features.reshape(n, c, h * w)
    return flat @ flat.transpose(1, 2) / (c * h * w)


def style(real: Mapping[str, Tensor], fake: Mapping[str, Tensor], layers: Sequence[str]) -> Tensor:
    """Eq. 9: L1 between Gram matrices of the maps after ReLU, summed over `layers`."""
    pairs = [(gram(fake[name].relu()), gram(real[name].relu())) for name in layers]
    return torch.stack([F.l1_loss(a, b) for a, b in pairs]).sum()


def tv_paper(photo: Tensor) -> Tensor:
    """Eq. 10 as printed: mean |forward difference in x - forward difference in y|."""
    dx = photo[..., :-1, 1:] - photo[..., :-1, :-1]
    dy = photo[..., 1:, :-1] - photo[..., :-1, :-1]
    return (dx - dy).abs().mean()


def tv_anisotropic(photo: Tensor) -> Tensor:
    """Total variation |dx| + |dy|, the usual reading (Rudin et al. 1992, anisotropic form)."""
    dx = photo[..., :, 1:] - photo[..., :, :-1]
    dy = photo[..., 1:, :] - photo[..., :-1, :]
    return dx.abs().mean() + dy.abs().mean()


def dissimilarity(photo: Tensor, generated: Tensor) -> Tensor:
    """1 - SSIM (Wang et al. 2004: 11x11 Gaussian, sigma 1.5) of images (N, C, H, W) in [0, 1], mean over channels.

    With L1 as Zhao et al. 2017; the borders that the window does not fit are left out. H and W at least 11.
    """
    a, b = photo.float(), generated.float()
    channels = a.shape[1]
    bell = torch.exp(-torch.arange(-5.0, 6.0, device=a.device).square() / (2 * 1.5**2))
    window = (bell / bell.sum()).expand(5 * channels, 1, 1, 11)
    maps = torch.cat([a, b, a * a, b * b, a * b], 1)
    across = F.conv2d(maps, window, groups=5 * channels)
    means = F.conv2d(across, window.transpose(2, 3), groups=5 * channels)
    a_mean, b_mean, aa, bb, ab = torch.split(means, channels, 1)
    light = (2 * a_mean * b_mean + 0.01**2) / (a_mean.square() + b_mean.square() + 0.01**2)
    a_var, b_var, covariance = aa - a_mean.square(), bb - b_mean.square(), ab - a_mean * b_mean
    return 1 - (light * (2 * covariance + 0.03**2) / (a_var + b_var + 0.03**2)).mean()


TV = {"paper": tv_paper, "anisotropic": tv_anisotropic}
