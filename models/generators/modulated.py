"""The paper's generator, told by a code what strokes cannot say: colours and light, or how far to leave the drawing."""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.blocks import init_weights
from models.generators.resnet import ResnetGenerator

THUMBNAIL = 32  # px: colours and light are in it, features hardly


class Modulation(nn.Module):
    """Every map scaled and shifted as a code says (FiLM, Perez et al. 2018); at first not at all.

    (N, C, H, W), (N, code) -> (N, C, H, W).
    """

    def __init__(self, code: int, channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(code, 2 * channels)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        told: Tensor = self.linear(code)[:, :, None, None]
        scale, shift = told.chunk(2, 1)
        return x * (1 + scale) + shift


class ModulatedGenerator(ResnetGenerator):
    """`ResnetGenerator` whose maps follow a code from the narrowest on; the code 0 is the neutral one.

    (N, in_channels, H, W), code (N, code) or None -> (N, out_channels, H, W) in [0, 1].
    """

    def __init__(self, in_channels: int, out_channels: int, width: int, code: int, **resnet: Any) -> None:
        super().__init__(in_channels, out_channels, width, **resnet)
        self.code = code
        self.by_code = nn.ModuleDict(
            {
                "at_quarter": Modulation(code, 4 * width),
                "at_middle": Modulation(code, 4 * width),
                "at_half": Modulation(code, 2 * width),
                "at_full": Modulation(code, width),
            }
        )

    def forward(self, x: Tensor, code: Tensor | None = None) -> Tensor:
        code = x.new_zeros(len(x), self.code) if code is None else code
        full = self.stem(x)
        half = self.down1(full)
        quarter = self.by_code["at_quarter"](self.down2(half), code)
        middle = self.by_code["at_middle"](self.middle(quarter), code)
        y = self.by_code["at_half"](self.up2(torch.cat([middle, quarter], 1)), code)
        y = self.by_code["at_full"](self.up1(torch.cat([y, half], 1)), code)
        return torch.sigmoid(self.head(torch.cat([y, full], 1)))


class StyleEncoder(nn.Module):
    """What a small photo tells of colours, light and background: (N, C, H, W) in [0, 1] -> (N, code) in [-1, 1]."""

    def __init__(self, channels: int, code: int) -> None:
        super().__init__()
        widths = (channels, 32, 64, 128)
        self.body = nn.Sequential(
            *(part for a, b in pairwise(widths) for part in (nn.Conv2d(a, b, 3, 2, 1), nn.LeakyReLU(0.2)))
        )
        self.head = nn.Linear(widths[-1] * (THUMBNAIL // 8) ** 2, code)

    def forward(self, photo: Tensor) -> Tensor:
        small = F.interpolate(photo, (THUMBNAIL, THUMBNAIL), mode="area")
        return torch.tanh(self.head(self.body(2 * small - 1).flatten(1)))


class StyledGenerator(ModulatedGenerator):
    """`ModulatedGenerator` with the encoder that reads its code in a photo; the rest as there.

    `dropped`: share of the samples that are to be made without a code while it trains.
    """

    def __init__(self, in_channels: int, out_channels: int, code: int, dropped: float, **modulated: Any) -> None:
        super().__init__(in_channels, out_channels, code=code, **modulated)
        self.dropped = dropped
        self.encoder = StyleEncoder(out_channels, code)
        self.encoder.body.apply(init_weights)

    def style(self, photo: Tensor) -> Tensor:
        """Photos (N, out_channels, H, W) in [0, 1] -> codes (N, code); in training the first share of them neutral."""
        code: Tensor = self.encoder(photo)
        if not self.training:
            return code
        told = torch.arange(len(code), device=code.device) >= round(self.dropped * len(code))
        return code * told[:, None]
