"""A compact net that draws: photo or rough sketch -> clean lines. Two helpers that ship are such nets."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.helpers import feature_pyramid
from models.helpers.feature_pyramid import Pyramid, ready, sizes


class LineNet(nn.Module):
    """(N, in_channels, H, W) in [0, 1] -> logits of ink, (N, 1, H, W). Any H and W of at least 16.

    A Pyramid's finest map, at half the resolution, says what to draw; the picture itself, at full resolution, where.
    """

    def __init__(self, in_channels: int, widths: Sequence[int], side: int) -> None:
        super().__init__()
        self.pyramid = Pyramid(in_channels, widths, side)
        self.spread = nn.Conv2d(side, 4 * side // 2, 1)
        self.near = nn.Conv2d(in_channels, side // 2, 3, padding=1)
        self.head = nn.Sequential(nn.Conv2d(side // 2, side // 2, 3, padding=1), nn.ReLU(), nn.Conv2d(side // 2, 1, 1))

    def forward(self, picture: Tensor) -> Tensor:
        x = (picture - 0.5) / 0.25
        h, w = x.shape[-2:]
        x = F.pad(x, (0, w % 2, 0, h % 2), mode="replicate")
        what = F.pixel_shuffle(self.spread(self.pyramid(x)[0]), 2)
        ink: Tensor = self.head(F.relu(what + self.near(x)))
        return ink[..., :h, :w]


class Drawer(nn.Module):
    """(N, C, H, W) in [0, 1] -> a drawing (N, 1, H, W) in [0, 1], 1 = paper: a LineNet's ink, turned into paper."""

    def __init__(self, net: LineNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, picture: Tensor) -> Tensor:
        return torch.sigmoid(-self.net(picture))


def drawer(tensors: Mapping[str, Tensor], in_channels: int) -> Drawer:
    """From a LineNet's state dict, of any precision. Raises ValueError where it is none, or of other input channels."""
    channels, widths, side = sizes(tensors, "pyramid.")
    if channels != in_channels or "spread.weight" not in tensors:
        raise ValueError(f"not a LineNet of {in_channels} channels: it has {channels}, or no tensor spread.weight")
    return Drawer(ready(LineNet(channels, widths, side), tensors))


def unfused(tensors: Mapping[str, Tensor]) -> Drawer:
    """The same, of any channels, with its batch norms as they are in the file. Raises ValueError."""
    return Drawer(feature_pyramid.unfused(LineNet(*sizes(tensors, "pyramid.")), tensors)).eval()
