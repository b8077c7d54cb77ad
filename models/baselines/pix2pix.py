"""pix2pix (Isola et al. 2017) as its authors' code has it: U-Net generator and 70x70 PatchGAN.

Images are in [-1, 1], paper +1. Layers, biases and initial weights: docs/baselines.md.
"""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

from models.blocks import InstanceNorm, init_weights

NORMS: dict[str, Callable[[int], nn.Module]] = {
    "batch": nn.BatchNorm2d,
    "instance": lambda channels: InstanceNorm(),
}


def init_published(module: nn.Module) -> None:
    """N(0, 0.02) for convolutions, N(1, 0.02) for the scales of batch norm, zero biases."""
    init_weights(module)
    if isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)


class UnetGenerator(nn.Module):
    """Convolutions k4 s2 down to the bottleneck and as many up, each seeing the map of equal size on the way down.

    `downs`: 8 is the published U-Net 256; dropout follows the first downs - 5 ups after the innermost. No norm after
    the first and the last convolution down; convolutions have a bias where the norm has none, the last up always.
    (N, in_channels, H, W) in [-1, 1] -> (N, out_channels, H, W) in [-1, 1]; H and W multiples of 2^downs.
    """

    def __init__(self, in_channels: int, out_channels: int, width: int, downs: int, norm: str, dropout: float) -> None:
        super().__init__()
        widths = [width * min(2**i, 8) for i in range(downs)]
        bias, last = norm == "instance", downs - 1
        self.downs, self.ups = nn.ModuleList(), nn.ModuleList()
        for i, (a, b) in enumerate(pairwise([in_channels, *widths])):
            before = [nn.LeakyReLU(0.2)] if i else []
            after = [NORMS[norm](b)] if 0 < i < last else []
            self.downs.append(nn.Sequential(*before, nn.Conv2d(a, b, 4, 2, 1, bias=bias), *after))
        for i in range(last, -1, -1):
            a = widths[i] if i == last else 2 * widths[i]
            b = widths[i - 1] if i else out_channels
            up = nn.ConvTranspose2d(a, b, 4, 2, 1, bias=bias or not i)
            dropped = [nn.Dropout(dropout)] if 4 <= i < last else []
            self.ups.append(nn.Sequential(nn.ReLU(), up, *([NORMS[norm](b)] if i else [nn.Tanh()]), *dropped))
        self.apply(init_published)

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for down in self.downs:
            x = down(x)
            skips.append(x)
        x = self.ups[0](skips.pop())
        for up in list(self.ups)[1:]:
            x = up(torch.cat([skips.pop(), x], 1))
        return x


class PatchDiscriminator(nn.Module):
    """PatchGAN: kernel 4, padding 1, leaky ReLU 0.2, `layers` of stride 2; 3: each verdict sees 70 px.

    (N, in_channels, H, W) in [-1, 1] -> verdicts (N, 1, h, w), logits. Of a pair: the images concatenated.
    """

    def __init__(self, in_channels: int, width: int, layers: int, norm: str) -> None:
        super().__init__()
        widths = [width * min(2**i, 8) for i in range(layers + 1)]
        parts: list[nn.Module] = [nn.Conv2d(in_channels, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        for i, (a, b) in enumerate(pairwise(widths), 1):
            stride = 2 if i < layers else 1
            parts += [nn.Conv2d(a, b, 4, stride, 1, bias=norm == "instance"), NORMS[norm](b), nn.LeakyReLU(0.2)]
        self.body = nn.Sequential(*parts, nn.Conv2d(widths[-1], 1, 4, 1, 1))
        self.apply(init_published)

    def forward(self, x: Tensor) -> Tensor:
        verdicts: Tensor = self.body(x)
        return verdicts
