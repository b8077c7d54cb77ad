"""A discriminator that judges every pixel: the residual U-Net of OASIS (Schönfeld et al. 2021), with two classes."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.blocks import InstanceNorm, init_weights, with_spectral_norm
from models.discriminators.patchgan import MultiScaleDiscriminator


class Residual(nn.Module):
    """Two 3x3 convolutions beside a 1x1, leaky ReLU 0.2 before each but the image's: (N, a, H, W) -> (N, b, H, W)."""

    def __init__(self, in_channels: int, out_channels: int, norm: str, of_image: bool = False) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Identity() if of_image else nn.LeakyReLU(0.2),
            nn.Conv2d(in_channels, out_channels, 3, padding=1),
            InstanceNorm() if norm == "instance" else nn.Identity(),
            nn.LeakyReLU(0.2),
            nn.Conv2d(out_channels, out_channels, 3, padding=1),
        )
        self.beside = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = self.body(x)
        straight: Tensor = self.beside(x)
        return changed + straight


class UnetDiscriminator(nn.Module):
    """`layers` blocks down, each halving the map, as many up, each beside the map of equal resolution.

    Images (N, in_channels, H, W) in [0, 1] are taken to [-1, 1]. -> the maps of all blocks; the last, (N, 1, H, W),
    is the verdict. Widths double down to 8·width. `norm`: "none", as OASIS, or "instance", in each block.
    ours: one class for real instead of one for each label, as strokes are what D is conditional on.
    """

    def __init__(self, in_channels: int, width: int, layers: int, norm: str, spectral: bool) -> None:
        super().__init__()
        widths = [width * min(2**i, 8) for i in range(layers)]
        channels = pairwise([in_channels, *widths])
        self.down = nn.ModuleList(Residual(a, b, norm, of_image=not i) for i, (a, b) in enumerate(channels))
        wide, narrow = widths[::-1], [width, *widths[:-1]][::-1]
        self.up = nn.ModuleList(Residual(2 * a, b, norm) for a, b in zip(wide, narrow, strict=True))
        self.verdict = nn.Conv2d(width, 1, 1)
        self.apply(init_weights)
        if spectral:
            with_spectral_norm(self)

    def forward(self, x: Tensor) -> list[Tensor]:
        down, y = list[Tensor](), 2 * x - 1
        for block in self.down:
            down.append(block(y))
            y = F.avg_pool2d(down[-1], 2, ceil_mode=True)
        up = list[Tensor]()
        for block, beside in zip(self.up, reversed(down), strict=True):
            y = block(torch.cat([F.interpolate(y, beside.shape[2:]), beside], 1))
            up.append(y)
        return [*down, *up, self.verdict(F.leaky_relu(y, 0.2))]


def unet(in_channels: int, width: int, layers: int, norm: str, spectral: bool) -> MultiScaleDiscriminator:
    """At the one scale that it needs."""
    return MultiScaleDiscriminator([UnetDiscriminator(in_channels, width, layers, norm, spectral)])
