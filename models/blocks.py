"""Building blocks shared by the generators and discriminators."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm


def init_weights(module: nn.Module) -> None:
    """N(0, 0.02) for convolutions, zero biases (as the nearest public system, EdgeConnect)."""
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def with_spectral_norm(module: nn.Module) -> nn.Module:
    """Spectral normalisation (Miyato et al. 2018) on every convolution below `module`, in place."""
    for child in module.modules():
        if isinstance(child, (nn.Conv2d, nn.ConvTranspose2d)):
            spectral_norm(child)
    return module


def without_parametrizations(module: nn.Module) -> nn.Module:
    """Fold spectral normalisation into plain weights, in place: what is shipped and exported."""
    for child in module.modules():
        if nn.utils.parametrize.is_parametrized(child, "weight"):
            nn.utils.parametrize.remove_parametrizations(child, "weight")
    return module


class PixelNorm(nn.Module):
    """Every pixel's feature vector divided by its root mean square (Karras et al. 2018): (N, C, H, W) -> the same.

    Instance norm lets a net shift the statistics of a flat map by one bright spot, which shows in the photo as a
    droplet (Karras et al. 2020); here no pixel can touch another.
    """

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-6)


NORMS: dict[str, Callable[[int], nn.Module]] = {
    "instance": nn.InstanceNorm2d,  # without affine
    "pixel": lambda channels: PixelNorm(),
}


def normalised(channels: int, norm: str) -> nn.Sequential:
    """A normalisation of the table, then ReLU."""
    return nn.Sequential(NORMS[norm](channels), nn.ReLU(inplace=True))


UPSAMPLINGS: dict[str, Callable[[int, int], nn.Module]] = {  # (in, out channels): resolution doubled
    "transposed": lambda a, b: nn.ConvTranspose2d(a, b, 4, 2, 1),
    # no pixel of the doubled grid differs from the next by construction, hence no dots in lines (Odena et al. 2016)
    "resize": lambda a, b: nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(a, b, 3, padding=1)),
}


class ResidualBlock(nn.Module):
    """Dilated 3x3, then plain 3x3, each after reflection padding; no ReLU after the sum.

    (N, C, H, W) -> (N, C, H, W). H and W must exceed the dilation.
    """

    def __init__(self, channels: int, dilation: int, norm: str) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.ReflectionPad2d(dilation),
            nn.Conv2d(channels, channels, 3, dilation=dilation),
            normalised(channels, norm),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            NORMS[norm](channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)
