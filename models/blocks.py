"""Building blocks shared by the generators and discriminators."""

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


def normalised(channels: int) -> nn.Sequential:
    """InstanceNorm without affine, then ReLU."""
    return nn.Sequential(nn.InstanceNorm2d(channels), nn.ReLU(inplace=True))


class ResidualBlock(nn.Module):
    """Dilated 3x3, then plain 3x3, each after reflection padding; no ReLU after the sum.

    (N, C, H, W) -> (N, C, H, W). H and W must exceed the dilation.
    """

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.ReflectionPad2d(dilation),
            nn.Conv2d(channels, channels, 3, dilation=dilation),
            normalised(channels),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)
