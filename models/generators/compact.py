"""Generators for use where each millisecond counts: half the resolution, no norms, a larger system as their teacher."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.generators.modulated import Modulation, ReadsStyles

DILATIONS = (1, 2)  # of the two convolutions of a block; at an eighth of the resolution


def _convolution(in_channels: int, out_channels: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, kernel, stride, (kernel - 1) // 2), nn.ReLU())


class CompactBlock(nn.Module):
    """Two convolutions, their sum with the input; at first nothing is added. (N, C, H, W) -> the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        first, second = (nn.Conv2d(channels, channels, 3, padding=d, dilation=d) for d in DILATIONS)
        nn.init.zeros_(second.weight)
        self.body = nn.Sequential(first, nn.ReLU(), second)

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = self.body(x)
        return x + changed


class CompactGenerator(nn.Module):
    """A U-Net between space-to-depth and depth-to-space by 2 (Shi et al. 2016), residual blocks at its narrowest.

    Told by a code of `code` numbers, 0 the neutral one; of `code` 0 by none.
    (N, in_channels, H, W), code (N, code) or None -> (N, out_channels, H, W) in [0, 1]; H and W divisible by 8.
    """

    def __init__(self, in_channels: int, out_channels: int, width: int, blocks: int, code: int) -> None:
        super().__init__()
        self.code = code
        self.stem = _convolution(4 * in_channels, width)
        self.down1 = _convolution(width, 2 * width, 4, 2)
        self.down2 = _convolution(2 * width, 4 * width, 4, 2)
        self.middle = nn.Sequential(*(CompactBlock(4 * width) for _ in range(blocks)))
        self.up2 = _convolution(4 * width, 2 * width)
        self.joined = _convolution(4 * width, 2 * width)
        self.up1 = _convolution(2 * width, width)
        self.head = nn.Conv2d(2 * width, 4 * out_channels, 3, padding=1)
        told = {"at_eighth": 4 * width, "at_middle": 4 * width, "at_quarter": 2 * width, "at_half": width}
        self.by_code = nn.ModuleDict({name: Modulation(code, wide) for name, wide in told.items()} if code else {})

    def forward(self, x: Tensor, code: Tensor | None = None) -> Tensor:
        return torch.sigmoid(self.unbounded(x, code))

    def unbounded(self, x: Tensor, code: Tensor | None = None) -> Tensor:
        """The same before its values are taken to [0, 1]."""

        def told(name: str, maps: Tensor) -> Tensor:
            changed: Tensor = self.by_code[name](maps, x.new_zeros(x.shape[0], self.code) if code is None else code)
            return changed

        follow = told if self.code else _as_it_is
        half = self.stem(F.pixel_unshuffle(x, 2))
        quarter = self.down1(half)
        eighth = follow("at_eighth", self.down2(quarter))
        y = follow("at_middle", self.middle(eighth))
        y = torch.cat([self.up2(F.interpolate(y, scale_factor=2.0)), quarter], 1)
        y = follow("at_quarter", self.joined(y))
        y = follow("at_half", self.up1(F.interpolate(y, scale_factor=2.0)))
        return F.pixel_shuffle(self.head(torch.cat([y, half], 1)), 2)


def _as_it_is(_: str, maps: Tensor) -> Tensor:
    return maps


class CompactStyledGenerator(ReadsStyles, CompactGenerator):
    """`CompactGenerator` with the encoder that reads its code in a photo."""

    def __init__(self, in_channels: int, out_channels: int, code: int, dropped: float, **compact: Any) -> None:
        super().__init__(in_channels, out_channels, code=code, **compact)
        self.reads(out_channels, code, dropped)


class RestoringGenerator(CompactGenerator):
    """`CompactGenerator` that adds to its input what that lacks; at first little.

    (N, C, H, W) in [0, 1] -> the same; as it trains not cut to [0, 1], where it would learn nothing.
    """

    def __init__(self, in_channels: int, out_channels: int, width: int, blocks: int) -> None:
        super().__init__(in_channels, out_channels, width, blocks, code=0)
        nn.init.normal_(self.head.weight, 0.0, 0.01)
        self.head.get_parameter("bias").data.zero_()

    def forward(self, x: Tensor, code: Tensor | None = None) -> Tensor:
        whole = x + self.unbounded(x)
        return whole if self.training else whole.clamp(0, 1)
