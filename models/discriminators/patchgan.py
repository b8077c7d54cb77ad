"""SN-PatchGAN (Yu et al. 2019): every element of the last map judges its own patch."""

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from models.blocks import init_weights, with_spectral_norm

Activations = list[list[Tensor]]  # of each scale, of each layer


class SnPatchDiscriminator(nn.Module):
    """Six spectrally normalised convolutions, kernel 5, stride 2, leaky ReLU 0.2 after each.

    (N, in_channels, H, W) -> the six activation maps; the last, (N, 4·width, H/64, W/64), is the verdict.
    """

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        channels = [in_channels, width, 2 * width, *([4 * width] * 4)]
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 5, 2, 2), nn.LeakyReLU(0.2)) for a, b in pairwise(channels)
        )
        self.apply(init_weights)
        with_spectral_norm(self)

    def forward(self, x: Tensor) -> list[Tensor]:
        activations = []
        for layer in self.layers:
            # the same result; on CPUs torch's bf16 weight gradient over a map of one pixel is not finite (2.14)
            x = layer(F.pad(x, (0, 1, 0, 1)) if x.shape[-1] == 1 else x)
            activations.append(x)
        return activations


class MultiScaleDiscriminator(nn.Module):
    """The same at several scales of the image (Wang et al. 2018), each half the one before; 1: the paper's.

    (N, in_channels, H, W) -> for each scale the six activation maps of its own SN-PatchGAN.
    """

    def __init__(self, in_channels: int, width: int, scales: int) -> None:
        super().__init__()
        self.scales = nn.ModuleList(SnPatchDiscriminator(in_channels, width) for _ in range(scales))

    def forward(self, x: Tensor) -> Activations:
        maps = []
        for i, scale in enumerate(self.scales):
            maps.append(scale(F.avg_pool2d(x, 2**i) if i else x))
        return maps
