"""Adversarial losses, on the verdicts of a discriminator."""

from collections.abc import Callable, Sequence
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


def feature_matching(real: Sequence[Sequence[Tensor]], fake: Sequence[Sequence[Tensor]]) -> Tensor:
    """L1 between D's maps of the true and of the made (Wang et al. 2018): summed over layers, mean over scales.

    `real[scale][layer]`, (N, C, H, W); the last of each scale, its verdict, is left out.
    """
    scales = [
        torch.stack([F.l1_loss(b, a) for a, b in zip(true[:-1], made[:-1], strict=True)]).sum()
        for true, made in zip(real, fake, strict=True)
    ]
    return torch.stack(scales).mean()


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
