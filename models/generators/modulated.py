"""The paper's generator, told by a code what strokes cannot say: colours and light, or how far to leave the drawing."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.blocks import init_weights
from models.generators.resnet import ResnetGenerator

THUMBNAIL = 32  # px: colours and light are in it, features hardly
NOISE_SIDE = 512  # px: larger maps see the same noise again


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
        return self._photo(x, x.new_zeros(len(x), self.code) if code is None else code, _as_it_is)

    def _photo(self, x: Tensor, code: Tensor, changed: Callable[[str, Tensor], Tensor]) -> Tensor:
        """`changed`: what is done to each map of the decoder, by its name, before the code is."""
        full = self.stem(x)
        half = self.down1(full)
        quarter = self.by_code["at_quarter"](self.down2(half), code)
        middle = self.by_code["at_middle"](changed("at_middle", self.middle(quarter)), code)
        y = self.by_code["at_half"](changed("at_half", self.up2(torch.cat([middle, quarter], 1))), code)
        y = self.by_code["at_full"](changed("at_full", self.up1(torch.cat([y, half], 1))), code)
        return torch.sigmoid(self.head(torch.cat([y, full], 1)))


def _as_it_is(_: str, x: Tensor) -> Tensor:
    return x


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


class ReadsStyles(nn.Module):
    """A generator with the encoder that reads its code in a photo.

    `dropped`: share of the samples that are to be made without a code while it trains.
    """

    encoder: StyleEncoder
    dropped: float

    def reads(self, channels: int, code: int, dropped: float) -> None:
        """Give it an untrained encoder of photos of so many channels."""
        self.dropped = dropped
        self.encoder = StyleEncoder(channels, code)
        self.encoder.body.apply(init_weights)

    def style(self, photo: Tensor) -> Tensor:
        """Photos (N, channels, H, W) in [0, 1] -> codes (N, code); in training the first share of them neutral."""
        code: Tensor = self.encoder(photo)
        if not self.training:
            return code
        told = torch.arange(len(code), device=code.device) >= round(self.dropped * len(code))
        return code * told[:, None]


class StyledGenerator(ReadsStyles, ModulatedGenerator):
    """`ModulatedGenerator` that reads its code in a photo; the rest as there."""

    def __init__(self, in_channels: int, out_channels: int, code: int, dropped: float, **modulated: Any) -> None:
        super().__init__(in_channels, out_channels, code=code, **modulated)
        self.reads(out_channels, code, dropped)


class Noise(nn.Module):
    """White noise added to maps, as loud as each map has learnt (Karras et al. 2019); at first not at all.

    (N, C, H, W), places (N, 2) in [0, 1) or None -> (N, C, H, W). ours: one plane of noise, the same in every run; the
    place says where in it a sample's window begins. None: at its corner, so that a drawing has one photo.
    """

    plane: Tensor

    def __init__(self, channels: int, seed: int) -> None:
        super().__init__()
        self.loudness = nn.Parameter(torch.zeros(channels, 1, 1))
        drawn = torch.randn(NOISE_SIDE, NOISE_SIDE, generator=torch.Generator().manual_seed(seed))
        self.register_buffer("plane", drawn, persistent=False)

    def forward(self, x: Tensor, places: Tensor | None = None) -> Tensor:
        begins = x.new_zeros(1, 2) if places is None else places * NOISE_SIDE
        rows, columns = (
            (torch.arange(side, device=x.device) + begin.long()) % NOISE_SIDE
            for side, begin in zip(x.shape[2:], begins.split(1, 1), strict=True)
        )
        window = self.plane[rows[:, :, None], columns[:, None, :]][:, None]
        return x + self.loudness.to(x.dtype) * window.to(x.dtype)


class NoisyGenerator(StyledGenerator):
    """`StyledGenerator` with noise in its decoder: hair and skin that no stroke tells.

    The same, with places (N, 2) in [0, 1) of the noise, as it trains; None: the same noise for every drawing.
    """

    def __init__(self, in_channels: int, out_channels: int, width: int, **styled: Any) -> None:
        super().__init__(in_channels, out_channels, width=width, **styled)
        widths = {"at_middle": 4 * width, "at_half": 2 * width, "at_full": width}
        self.noise = nn.ModuleDict({name: Noise(wide, seed) for seed, (name, wide) in enumerate(widths.items())})

    def forward(self, x: Tensor, code: Tensor | None = None, places: Tensor | None = None) -> Tensor:
        def noisy(name: str, maps: Tensor) -> Tensor:
            changed: Tensor = self.noise[name](maps, places)
            return changed

        return self._photo(x, x.new_zeros(len(x), self.code) if code is None else code, noisy)
