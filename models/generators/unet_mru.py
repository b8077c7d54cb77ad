"""The generator Improved-2 (Section 4.5.3): a U-Net of Masked Residual Units (SketchyGAN, Chen & Hays 2018)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.blocks import init_weights, normalised

CENTRED = {"instance"}  # norms that subtract a map's mean, and with it any bias of the convolution before them


def activated(in_channels: int, out_channels: int, kernel: int, norm: str, dilation: int = 1) -> nn.Sequential:
    """A convolution that keeps H and W (odd `kernel`, padded with zeros), a normalisation of the table, ReLU."""
    padding, bias = dilation * (kernel // 2), norm not in CENTRED
    conv = nn.Conv2d(in_channels, out_channels, kernel, padding=padding, dilation=dilation, bias=bias)
    return nn.Sequential(conv, normalised(out_channels, norm))


class MaskedResidualUnit(nn.Module):
    """m, n = sigmoid(Conv[x, I]); z = f(Conv(f(Conv[m * x, I]))); y = (1 - n) * z + n * proj(x).

    x (N, in_channels, H, W) and the image I (N, image_channels, H, W) -> (N, out_channels, H, W), not negative where
    x is not: f is a normalisation and ReLU. All 3x3; the dilation is that of the convolutions that see I. Where the
    depth changes, proj is a 1x1 convolution and f, as in SketchyGAN's code; elsewhere it is x itself.
    """

    def __init__(self, in_channels: int, out_channels: int, image_channels: int, norm: str, dilation: int = 1) -> None:
        super().__init__()
        self.depths = [in_channels, out_channels]
        seen = in_channels + image_channels
        self.gates = nn.Conv2d(seen, sum(self.depths), 3, padding=dilation, dilation=dilation)
        self.body = nn.Sequential(
            activated(seen, out_channels, 3, norm, dilation), activated(out_channels, out_channels, 3, norm)
        )
        same = in_channels == out_channels
        self.project = nn.Identity() if same else activated(in_channels, out_channels, 1, norm)

    def forward(self, x: Tensor, image: Tensor) -> Tensor:
        m, n = torch.split(torch.sigmoid(self.gates(torch.cat([x, image], 1))), self.depths, 1)
        z: Tensor = self.body(torch.cat([m * x, image], 1))
        kept: Tensor = self.project(x)
        return (1 - n) * z + n * kept


def halved(x: Tensor) -> Tensor:
    """Mean of each 2x2: (N, C, H, W) -> (N, C, H / 2, W / 2)."""
    return F.avg_pool2d(x, 2)


def beside(x: Tensor, skip: Tensor) -> Tensor:
    """x doubled by nearest neighbours, then the encoder's map: (N, A, H, W), (N, B, 2H, 2W) -> (N, A + B, 2H, 2W)."""
    return torch.cat([F.interpolate(x, scale_factor=2.0, mode="nearest"), skip], 1)


class UnetMruGenerator(nn.Module):
    """A stem, a unit at 1/2 and 1/4, `blocks` units at 1/8, a unit at 1/4, 1/2 and full resolution.

    Each decoder unit sees its input concatenated with the encoder map of equal resolution. Widths: `width` at full
    resolution, twice and four times that at 1/2 and at 1/4 and below. `dilation` is that of the units at 1/8;
    `norm` is of `models.blocks.NORMS`. Maps are doubled by nearest neighbours, as in SketchyGAN, borders are zeros.
    (N, in_channels, H, W) -> (N, out_channels, H, W) in [0, 1]; H and W divisible by 8, at least 16.
    Ours: four scales and their widths, and the decoder's gates, sigmoids as in the encoder: SketchyGAN's leaky ReLU,
    stretched to [0, 1] by each map's extremes, lets one pixel move the gate of all others.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        width: int,
        blocks: int,
        dilation: int,
        norm: str,
    ) -> None:
        super().__init__()
        self.stem = activated(in_channels, width, 7, norm)
        self.down2 = MaskedResidualUnit(width, 2 * width, in_channels, norm)
        self.down4 = MaskedResidualUnit(2 * width, 4 * width, in_channels, norm)
        deepest = (MaskedResidualUnit(4 * width, 4 * width, in_channels, norm, dilation) for _ in range(blocks))
        self.middle = nn.ModuleList(deepest)
        self.up4 = MaskedResidualUnit(8 * width, 2 * width, in_channels, norm)
        self.up2 = MaskedResidualUnit(4 * width, width, in_channels, norm)
        self.up1 = MaskedResidualUnit(2 * width, width, in_channels, norm)
        self.head = nn.Conv2d(width, out_channels, 3, padding=1)
        self.apply(init_weights)

    def forward(self, image: Tensor) -> Tensor:
        image2 = halved(image)
        image4 = halved(image2)
        image8 = halved(image4)
        full = self.stem(image)
        half = self.down2(halved(full), image2)
        quarter = self.down4(halved(half), image4)
        y = halved(quarter)
        for unit in self.middle:
            y = unit(y, image8)
        y = self.up4(beside(y, quarter), image4)
        y = self.up2(beside(y, half), image2)
        y = self.up1(beside(y, full), image)
        return torch.sigmoid(self.head(y))
