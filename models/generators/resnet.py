"""The paper's generator: two convolutions down, dilated residual blocks, two up, skips between equal resolutions."""

import torch
from torch import Tensor, nn

from models.blocks import UPSAMPLINGS, Padding, ResidualBlock, convolution, init_weights, normalised


class ResnetGenerator(nn.Module):
    """Two down-sampling layers, dilated residual blocks, two up-sampling layers.

    Each decoder layer sees its input concatenated with the encoder map of equal resolution.
    `padding`: "reflect", as Johnson et al., or "zeros", which needs no copy of the maps.
    (N, in_channels, H, W) -> (N, out_channels, H, W) in [0, 1]; H and W divisible by 4, at least 16.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        width: int,
        blocks: int,
        dilation: int,
        norm: str,
        up: str,
        padding: Padding,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(convolution(in_channels, width, 7, padding), normalised(width, norm))
        self.down1 = nn.Sequential(nn.Conv2d(width, 2 * width, 4, 2, 1), normalised(2 * width, norm))
        self.down2 = nn.Sequential(nn.Conv2d(2 * width, 4 * width, 4, 2, 1), normalised(4 * width, norm))
        self.middle = nn.Sequential(*(ResidualBlock(4 * width, dilation, norm, padding) for _ in range(blocks)))
        self.up2 = nn.Sequential(UPSAMPLINGS[up](8 * width, 2 * width), normalised(2 * width, norm))
        self.up1 = nn.Sequential(UPSAMPLINGS[up](4 * width, width), normalised(width, norm))
        self.head = convolution(2 * width, out_channels, 7, padding)
        self.apply(init_weights)

    def forward(self, x: Tensor) -> Tensor:
        full = self.stem(x)
        half = self.down1(full)
        quarter = self.down2(half)
        y = self.up2(torch.cat([self.middle(quarter), quarter], 1))
        y = self.up1(torch.cat([y, half], 1))
        return torch.sigmoid(self.head(torch.cat([y, full], 1)))
