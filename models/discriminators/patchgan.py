"""Discriminators whose last map judges patch by patch: SN-PatchGAN (Yu et al. 2019), PatchGAN (Isola et al. 2017)."""

from collections.abc import Iterable
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from models.blocks import InstanceNorm, init_weights, with_spectral_norm

Activations = list[list[Tensor]]  # of each scale, of each layer


class SnPatchDiscriminator(nn.Module):
    """Six spectrally normalised convolutions, kernel 5, stride 2, leaky ReLU 0.2 after each.

    (N, in_channels, H, W) -> the six activation maps; the last, (N, 4·width, H/64, W/64), is the verdict.
    """

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        channels = [in_channels, width, 2 * width, *([4 * width] * 4)]
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 5, 2, 2), nn.LeakyReLU(0.2)) for a, b in pairwise(channels)
        )
        self.apply(init_weights)
        with_spectral_norm(self)

    def forward(self, x: Tensor) -> list[Tensor]:
        activations = []
        for layer in self.layers:
            # the same result; on CPUs torch's bf16 weight gradient over a map of one pixel is not finite (2.14)
            x = layer(F.pad(x, (0, 1, 0, 1)) if x.shape[-1] == 1 else x)
            activations.append(x)
        return activations


class PatchDiscriminator(nn.Module):
    """PatchGAN of pix2pixHD (Wang et al. 2018): kernel 4, padding 2, leaky ReLU 0.2; the last map, logits, has no ReLU.

    `layers` convolutions of stride 2, one of stride 1, one to a channel: 3 is the 70x70 PatchGAN. `norm`: "none" or
    "instance", between the first and the last. Images (N, in_channels, H, W) in [0, 1] are taken to [-1, 1].
    -> the activation maps of all layers; the last, (N, 1, h, w), is the verdict.
    """

    def __init__(self, in_channels: int, width: int, layers: int, norm: str, spectral: bool) -> None:
        super().__init__()
        channels = [in_channels, *(width * min(2**i, 8) for i in range(layers + 1))]
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(a, b, 4, 2 if i < layers else 1, 2),
                *([InstanceNorm()] if i and norm == "instance" else []),
                nn.LeakyReLU(0.2),
            )
            for i, (a, b) in enumerate(pairwise(channels))
        )
        self.layers.append(nn.Conv2d(channels[-1], 1, 4, 1, 2))
        self.apply(init_weights)
        if spectral:
            with_spectral_norm(self)

    def forward(self, x: Tensor) -> list[Tensor]:
        activations, x = [], 2 * x - 1
        for layer in self.layers:
            x = layer(x)
            activations.append(x)
        return activations


class MultiScaleDiscriminator(nn.Module):
    """The same at several scales of the image (Wang et al. 2018), each half the one before; 1: the paper's.

    (N, in_channels, H, W) -> for each scale the activation maps of its own discriminator.
    """

    def __init__(self, scales: Iterable[nn.Module]) -> None:
        super().__init__()
        self.scales = nn.ModuleList(scales)

    def forward(self, x: Tensor) -> Activations:
        maps = []
        for i, scale in enumerate(self.scales):
            maps.append(scale(F.avg_pool2d(x, 2**i) if i else x))
        return maps


def sn_patch(in_channels: int, width: int, scales: int) -> MultiScaleDiscriminator:
    """The paper's, at one scale or several."""
    return MultiScaleDiscriminator(SnPatchDiscriminator(in_channels, width) for _ in range(scales))


def patch(in_channels: int, width: int, scales: int, layers: int, norm: str, spectral: bool) -> MultiScaleDiscriminator:
    """pix2pixHD's, at one scale or several."""
    return MultiScaleDiscriminator(
        PatchDiscriminator(in_channels, width, layers, norm, spectral) for _ in range(scales)
    )
