"""MUNIT (Huang et al. 2018) as its authors' configuration for edges has it: content and style codes, AdaIN.

Images are in [-1, 1], paper +1. DRIT's discriminators have the same shape. Layers: docs/baselines.md.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.blocks import InstanceNorm, ResidualBlock, convolution, init_weights, normalised

MIXED = 256  # of the style's hidden layers


def down(in_channels: int, out_channels: int) -> nn.Conv2d:
    """Half the resolution: kernel 4, reflected border."""
    return nn.Conv2d(in_channels, out_channels, 4, 2, 1, padding_mode="reflect")


def init_kaiming(module: nn.Module) -> None:
    """He et al. 2015 by fan-in, zero biases."""
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        nn.init.kaiming_normal_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


class LayerNorm(nn.Module):
    """Each sample to mean 0 and deviation 1 over channels and pixels, then a scale and a shift a channel.

    The deviation is unbiased and gets 1e-5 added. A constant map has a gradient too: its variance counts as TINY.
    """

    EPS, TINY = 1e-5, 1e-12

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.rand(channels, 1, 1))
        self.beta = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        deviation = x.var((1, 2, 3), keepdim=True).clamp_min(self.TINY).sqrt()
        return (x - x.mean((1, 2, 3), keepdim=True)) / (deviation + self.EPS) * self.gamma + self.beta


class AdaptiveBlock(nn.Module):
    """Residual block whose norms are told their shift and scale: (N, C, H, W), (N, 4C) -> (N, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = (convolution(channels, channels, 3, "reflect") for _ in range(2))
        self.norm = InstanceNorm()

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        first, second = told.chunk(2, 1)
        y = F.relu(self._adapted(self.first(x), first))
        return x + self._adapted(self.second(y), second)

    def _adapted(self, x: Tensor, told: Tensor) -> Tensor:
        """AdaIN: the first half of what is told is the shift, the second the scale, as it is."""
        shift, scale = told[:, :, None, None].chunk(2, 1)
        normal: Tensor = self.norm(x)
        return normal * scale + shift


def content_encoder(in_channels: int, width: int, blocks: int) -> nn.Sequential:
    """(N, in_channels, H, W) -> what is shown, (N, 4·width, H/4, W/4)."""
    return nn.Sequential(
        convolution(in_channels, width, 7, "reflect"),
        normalised(width, "instance"),
        down(width, 2 * width),
        normalised(2 * width, "instance"),
        down(2 * width, 4 * width),
        normalised(4 * width, "instance"),
        *(ResidualBlock(4 * width, 1, "instance", "reflect") for _ in range(blocks)),
    )


def style_encoder(in_channels: int, width: int, style: int) -> nn.Sequential:
    """(N, in_channels, H, W) -> how it looks, (N, style, 1, 1). No norm, which would take the look away."""
    widths = (width, 2 * width, 4 * width, 4 * width, 4 * width)
    downs = [part for a, b in pairwise(widths) for part in (down(a, b), nn.ReLU())]
    first = convolution(in_channels, width, 7, "reflect")
    return nn.Sequential(first, nn.ReLU(), *downs, nn.AdaptiveAvgPool2d(1), nn.Conv2d(4 * width, style, 1))


class Decoder(nn.Module):
    """Content (N, 4·width, H/4, W/4) and what the AdaIN layers are told, (N, 16·width·blocks) -> (N, out, H, W)."""

    def __init__(self, out_channels: int, width: int, blocks: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(AdaptiveBlock(4 * width) for _ in range(blocks))
        ups = [
            nn.Sequential(nn.Upsample(scale_factor=2), convolution(a, b, 5, "reflect"), LayerNorm(b), nn.ReLU())
            for a, b in pairwise((4 * width, 2 * width, width))
        ]
        self.ups = nn.Sequential(*ups, convolution(width, out_channels, 7, "reflect"), nn.Tanh())

    def forward(self, content: Tensor, told: Tensor) -> Tensor:
        for block, part in zip(self.blocks, told.chunk(len(self.blocks), 1), strict=True):
            content = block(content, part)
        image: Tensor = self.ups(content)
        return image


class MunitGenerator(nn.Module):
    """One domain's: encodes its images into content and style, decodes the content of either with a style of its own.

    `style`: numbers of a style code. H and W multiples of 16, at least 32.
    """

    def __init__(self, channels: int, width: int, blocks: int, style: int) -> None:
        super().__init__()
        self.content = content_encoder(channels, width, blocks)
        self.style = style_encoder(channels, width, style)
        self.decoder = Decoder(channels, width, blocks)
        hidden = [nn.Linear(style, MIXED), nn.ReLU(), nn.Linear(MIXED, MIXED), nn.ReLU()]
        self.told = nn.Sequential(*hidden, nn.Linear(MIXED, 16 * width * blocks))
        self.apply(init_kaiming)

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(N, channels, H, W) in [-1, 1] -> content (N, 4·width, H/4, W/4), style (N, style)."""
        return self.content(images), self.style(images).flatten(1)

    def decode(self, content: Tensor, style: Tensor) -> Tensor:
        """Content and style (N, style) -> images (N, channels, H, W) in [-1, 1]."""
        image: Tensor = self.decoder(content, self.told(style))
        return image


class ScaledDiscriminator(nn.Module):
    """PatchGAN without norm at several scales: each four convolutions of stride 2 and one to a channel.

    `slope`: of the leaky ReLU; MUNIT 0.2, DRIT 0.01. (N, in_channels, H, W) in [-1, 1] -> a map of verdicts a scale.
    """

    def __init__(self, in_channels: int, width: int, scales: int, slope: float) -> None:
        super().__init__()
        widths = (in_channels, width, 2 * width, 4 * width, 8 * width)
        self.scales = nn.ModuleList(
            nn.Sequential(
                *(part for a, b in pairwise(widths) for part in (down(a, b), nn.LeakyReLU(slope))),
                nn.Conv2d(8 * width, 1, 1),
            )
            for _ in range(scales)
        )
        self.apply(init_weights)

    def forward(self, x: Tensor) -> list[Tensor]:
        verdicts = []
        for scale in self.scales:
            verdicts.append(scale(x))
            x = F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
        return verdicts
