"""The losses of the paper, Eq. 2-10, and more. Every function returns a scalar mean: weights do not depend on size."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


def lsgan_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Eq. 3, min over D, with labels a = 0 (fake) and b = 1 (real), over every element of D's last map."""
    return 0.5 * (real - 1).square().mean() + 0.5 * fake.square().mean()


def lsgan_generator(fake: Tensor) -> Tensor:
    """Eq. 3, min over G, with label c = 1."""
    return 0.5 * (fake - 1).square().mean()


def hinge_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Hinge loss, min over D (Lim and Ye 2017): the loss SN-PatchGAN came with."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def hinge_generator(fake: Tensor) -> Tensor:
    """Hinge loss, min over G."""
    return -fake.mean()


@dataclass(frozen=True)
class Adversarial:
    """What D and G minimise, and the verdict above which D takes an image for real."""

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]
    border: float


ADVERSARIAL = {
    "lsgan": Adversarial(lsgan_discriminator, lsgan_generator, 0.5),  # the paper's
    "hinge": Adversarial(hinge_discriminator, hinge_generator, 0.0),
}


def calibration(real: Sequence[Sequence[Tensor]], fake: Sequence[Tensor]) -> Tensor:
    """Calibration loss CL, Eq. 2: L1 between D's maps of each edge target and of R, summed over layers and targets.

    `real[j][i]` and `fake[i]` are the i-th activations (N, C, H, W) for target j and for R.
    """
    return torch.stack([F.l1_loss(b, a) for target in real for a, b in zip(target, fake, strict=True)]).sum()


def l1(photo: Tensor, generated: Tensor) -> Tensor:
    """Eq. 7."""
    return F.l1_loss(generated, photo)


def perceptual(real: Mapping[str, Tensor], fake: Mapping[str, Tensor], layers: Sequence[str]) -> Tensor:
    """Eq. 8: L1 between VGG maps before activation, summed over `layers`, weight 1 each."""
    return torch.stack([F.l1_loss(fake[name], real[name]) for name in layers]).sum()


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
    means = F.conv2d(across, window.transpose(2, 3), groups=5 * channels).split(channels, 1)
    a_mean, b_mean, aa, bb, ab = means
    light = (2 * a_mean * b_mean + 0.01**2) / (a_mean.square() + b_mean.square() + 0.01**2)
    a_var, b_var, covariance = aa - a_mean.square(), bb - b_mean.square(), ab - a_mean * b_mean
    return 1 - (light * (2 * covariance + 0.03**2) / (a_var + b_var + 0.03**2)).mean()


TV = {"paper": tv_paper, "anisotropic": tv_anisotropic}


def tolerant_dice(logits: Tensor, ink: Tensor, slack_px: int) -> Tensor:
    """1 - soft Dice (Milletari et al. 2016) that forgives lines misplaced by up to `slack_px`; ours: the slack.

    `logits`, `ink`: (N, 1, H, W), the latter in [0, 1], 1 = line. Precision counts what is drawn near a line, recall
    the lines near which something is drawn; per image, then the mean.
    """
    drawn, side = torch.sigmoid(logits), 2 * slack_px + 1
    near_ink, near_drawn = (F.max_pool2d(x, side, 1, slack_px) for x in (ink, drawn))
    precision = ((drawn * near_ink).sum((1, 2, 3)) + 1) / (drawn.sum((1, 2, 3)) + 1)
    recall = ((near_drawn * ink).sum((1, 2, 3)) + 1) / (ink.sum((1, 2, 3)) + 1)
    return (1 - 2 * precision * recall / (precision + recall)).mean()
