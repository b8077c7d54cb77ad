"""SN-PatchGAN (Yu et al. 2019): every element of the last map judges its own patch."""

from itertools import pairwise

from torch import Tensor, nn

from models.blocks import init_weights, with_spectral_norm


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
            x = layer(x)
            activations.append(x)
        return activations
