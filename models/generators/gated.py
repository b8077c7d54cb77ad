"""Filling what is erased, from strokes and colours: a U-Net of gated convolutions (Yu et al. 2019, Jo & Park 2019)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.blocks import NORMS, init_weights

DILATIONS = (2, 4, 8)  # of the units at the lowest resolution, fewer of them where `blocks` is below 3

SATURATED = 0.01  # ours: what is painted onto is kept so far from black and white


class GatedConv(nn.Module):
    """Features times a gate in [0, 1] that says where they count; both from one convolution.

    (N, in_channels, H, W) -> (N, out_channels, H / stride, W / stride); leaky ReLU 0.2 unless `plain`.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, stride: int = 1, dilation: int = 1, norm: str = ""
    ) -> None:
        super().__init__()
        reach = dilation * (kernel // 2)
        self.conv = nn.Conv2d(in_channels, 2 * out_channels, kernel, stride, reach, dilation)
        self.norm = NORMS[norm](out_channels) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        features, gate = self.conv(x).chunk(2, 1)
        return F.leaky_relu(self.norm(features), 0.2) * torch.sigmoid(gate)


class GatedGenerator(nn.Module):
    """Four gated convolutions of stride 2, dilated ones at 1/16, four up with the encoder's maps beside.

    As SC-FEGAN's, with half as many scales and the project's norms instead of local response norm; up-sampling is
    nearest, then a convolution. The first layer has no norm, as there.
    ours: with `changes` it paints onto its last input channels, so many as it has outputs: at first it leaves them.
    (N, in_channels, H, W) -> (N, out_channels, H, W) in [0, 1]; H and W divisible by 16, at least 32.
    """

    def __init__(self, in_channels: int, out_channels: int, width: int, blocks: int, norm: str, changes: bool) -> None:
        super().__init__()
        self.changed = out_channels if changes else 0
        widths = (width, 2 * width, 4 * width, 8 * width)
        into = (in_channels, *widths[:-1])
        self.down = nn.ModuleList(
            GatedConv(a, b, kernel, 2, norm=norm if i else "")
            for i, (a, b, kernel) in enumerate(zip(into, widths, (7, 5, 5, 3), strict=True))
        )
        self.middle = nn.Sequential(
            *(GatedConv(widths[-1], widths[-1], 3, 1, DILATIONS[i % len(DILATIONS)], norm) for i in range(blocks))
        )
        skips = (*reversed(widths[:-1]), in_channels)
        self.up = nn.ModuleList(
            GatedConv(a + skip, max(skip, width), 3, norm=norm)
            for a, skip in zip((widths[-1], *(max(s, width) for s in skips[:-1])), skips, strict=True)
        )
        self.head = nn.Conv2d(max(in_channels, width), out_channels, 3, padding=1)
        self.apply(init_weights)

    def forward(self, x: Tensor) -> Tensor:
        maps = [x]
        for layer in self.down:
            maps.append(layer(maps[-1]))
        y = self.middle(maps.pop())
        for layer in self.up:
            y = layer(torch.cat([F.interpolate(y, scale_factor=2.0, mode="nearest"), maps.pop()], 1))
        painted: Tensor = self.head(y)
        if self.changed:
            painted = painted + torch.logit(x[:, -self.changed :], SATURATED)
        return torch.sigmoid(painted)
