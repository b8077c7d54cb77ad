"""DRIT (Lee et al. 2018, 2020) as its authors' code runs by default: attributes concatenated, modes sought.

The norm that its discriminators' layers are asked for is never applied in that code, and is none here. Images are in
[-1, 1], paper +1. Layers: docs/baselines.md.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.blocks import ResidualBlock, convolution, init_weights, normalised

SLOPE = 0.01  # of the leaky ReLU in the discriminators and the first layer of the content encoder


def block(channels: int) -> ResidualBlock:
    return ResidualBlock(channels, 1, "instance", "reflect")


def content_encoder(in_channels: int, width: int) -> nn.Sequential:
    """One domain's: (N, in_channels, H, W) -> (N, 4·width, H/4, W/4), to go through the shared block yet."""
    return nn.Sequential(
        convolution(in_channels, width, 7, "reflect"),
        nn.LeakyReLU(SLOPE),
        nn.Conv2d(width, 2 * width, 3, 2, 1, padding_mode="reflect"),
        normalised(2 * width, "instance"),
        nn.Conv2d(2 * width, 4 * width, 3, 2, 1, padding_mode="reflect"),
        normalised(4 * width, "instance"),
        *(block(4 * width) for _ in range(3)),
    )


class ContentEncoders(nn.Module):
    """Of drawings and of photos, with one block in common: images -> content (N, 4·width, H/4, W/4).

    In training with N(0, 1) added.
    """

    def __init__(self, channels: tuple[int, int], width: int) -> None:
        super().__init__()
        self.own = nn.ModuleList(content_encoder(count, width) for count in channels)
        self.shared = block(4 * width)
        self.apply(init_weights)

    def forward(self, images: Tensor, domain: int) -> Tensor:
        content: Tensor = self.shared(self.own[domain](images))
        return content + torch.randn_like(content) if self.training else content


class HalvingBlock(nn.Module):
    """Residual block without norm that halves the resolution by means: (N, a, H, W) -> (N, b, H/2, W/2)."""

    def __init__(self, a: int, b: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.LeakyReLU(0.2), convolution(a, a, 3, "reflect"), nn.LeakyReLU(0.2), convolution(a, b, 3, "reflect")
        )
        self.across = nn.Conv2d(a, b, 1)

    def forward(self, x: Tensor) -> Tensor:
        across: Tensor = self.across(F.avg_pool2d(x, 2))
        return F.avg_pool2d(self.body(x), 2) + across


class AttributeEncoder(nn.Module):
    """One domain's: (N, in_channels, H, W) -> mean and log variance of the attributes, (N, code) each."""

    def __init__(self, in_channels: int, width: int, code: int) -> None:
        super().__init__()
        widths = (width, 2 * width, 3 * width, 4 * width)
        self.body = nn.Sequential(
            nn.Conv2d(in_channels, width, 4, 2, 1, padding_mode="reflect"),
            *(HalvingBlock(a, b) for a, b in pairwise(widths)),
            nn.LeakyReLU(0.2),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.mean, self.log_variance = (nn.Linear(4 * width, code) for _ in range(2))
        self.apply(init_weights)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.body(images)
        return self.mean(features), self.log_variance(features)


class DritDecoder(nn.Module):
    """One domain's: shared content and attributes, which are laid beside every map -> (N, out_channels, H, W)."""

    def __init__(self, out_channels: int, width: int, code: int) -> None:
        super().__init__()
        wide = 4 * width + code
        half = (wide + code) // 2
        quarter = (half + code) // 2
        self.parts = nn.ModuleList(
            [
                nn.Sequential(*(block(wide) for _ in range(3))),
                _doubled(wide + code, half),
                _doubled(half + code, quarter),
                nn.Sequential(nn.ConvTranspose2d(quarter + code, out_channels, 1), nn.Tanh()),
            ]
        )

    def forward(self, content: Tensor, attributes: Tensor) -> Tensor:
        x = content
        for part in self.parts:
            x = part(torch.cat([x, attributes[:, :, None, None].expand(-1, -1, *x.shape[2:])], 1))
        return x


def _doubled(a: int, b: int) -> nn.Sequential:
    """Twice the resolution; one norm over channels and pixels, with a scale and a shift a channel."""
    return nn.Sequential(nn.ConvTranspose2d(a, b, 3, 2, 1, 1), nn.GroupNorm(1, b), nn.ReLU())


class DritGenerators(nn.Module):
    """Of drawings and of photos, with one block in common: content, attributes (N, code) -> images in [-1, 1]."""

    def __init__(self, channels: tuple[int, int], width: int, code: int) -> None:
        super().__init__()
        self.shared = block(4 * width)
        self.own = nn.ModuleList(DritDecoder(count, width, code) for count in channels)
        self.apply(init_weights)

    def forward(self, content: Tensor, attributes: Tensor, domain: int) -> Tensor:
        image: Tensor = self.own[domain](self.shared(content), attributes)
        return image


class ContentDiscriminator(nn.Module):
    """Whose content it is, a drawing's or a photo's: (N, channels, h, w) -> logits.

    `layers` of kernel 7 and stride 2, 3 as published for content of 54 or 64 px; then 4x4 and 1x1.
    """

    def __init__(self, channels: int, layers: int) -> None:
        super().__init__()
        wide = [
            part
            for _ in range(layers)
            for part in (nn.Conv2d(channels, channels, 7, 2, 1, padding_mode="reflect"), nn.LeakyReLU(SLOPE))
        ]
        last = [nn.Conv2d(channels, channels, 4), nn.LeakyReLU(SLOPE), nn.Conv2d(channels, 1, 1)]
        self.body = nn.Sequential(*wide, *last)
        self.apply(init_weights)

    def forward(self, content: Tensor) -> Tensor:
        verdicts: Tensor = self.body(content)
        return verdicts
