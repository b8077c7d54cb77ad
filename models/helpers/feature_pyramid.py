"""Photo or sketch -> maps at every scale, each informed by the coarser ones: the trunk of the project's own nets."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TypeVar

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

Net = TypeVar("Net", bound=nn.Module)
BLOCKS = 2  # residual blocks a scale


class PyramidBlock(nn.Module):
    """Two 3x3 convolutions with batch norm, added to their input; (N, C, H, W) -> the same."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.body(x))


class Pyramid(nn.Module):
    """(N, in_channels, H, W) -> one map a scale, finest first, (N, side, H / 2^(i+1), W / 2^(i+1)), sides rounded up.

    Scale i computes with `widths[i]` channels; from the coarsest on, each adds what it knows to the finer one
    (Lin et al. 2017). Any H and W of at least 16.
    """

    def __init__(self, in_channels: int, widths: Sequence[int], side: int) -> None:
        super().__init__()
        stem = nn.Conv2d(in_channels, widths[0], 5, 2, 2, bias=False)
        self.stem = nn.Sequential(stem, nn.BatchNorm2d(widths[0]), nn.ReLU())
        self.downs = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 3, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU())
            for a, b in pairwise(widths)
        )
        last = len(widths) - 1
        self.scales = nn.ModuleList(
            nn.Sequential(*(PyramidBlock(width, 2 if i == last else 1) for _ in range(BLOCKS)))
            for i, width in enumerate(widths)
        )
        self.laterals = nn.ModuleList(nn.Conv2d(width, side, 1) for width in widths)
        self.mixes = nn.ModuleList(nn.Conv2d(side, side, 3, padding=1) for _ in widths)

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = [self.scales[0](self.stem(x))]
        for down, scale in zip(self.downs, self.scales[1:], strict=True):
            maps.append(scale(down(maps[-1])))
        above: list[Tensor] = []
        for fine, lateral, mix in reversed(list(zip(maps, self.laterals, self.mixes, strict=True))):
            y = lateral(fine)
            y = y + enlarged(above[-1], y) if above else y
            above.append(F.relu(mix(F.relu(y))))
        return above[::-1]


def enlarged(x: Tensor, like: Tensor) -> Tensor:
    """`x` at the height and width of `like`, bilinear."""
    return F.interpolate(x, like.shape[-2:], mode="bilinear", align_corners=False)


def sizes(tensors: Mapping[str, Tensor], prefix: str) -> tuple[int, list[int], int]:
    """(in_channels, widths, side) of the Pyramid whose state dict stands under `prefix`. Raises ValueError."""
    try:
        scales = sum(key.startswith(f"{prefix}laterals.") and key.endswith(".weight") for key in tensors)
        laterals = [tensors[f"{prefix}laterals.{i}.weight"].shape for i in range(scales)]
        return tensors[f"{prefix}stem.0.weight"].shape[1], [shape[1] for shape in laterals], laterals[0][0]
    except (KeyError, IndexError) as error:
        raise ValueError(f"no tensors of {prefix}stem and {prefix}laterals") from error


def unfused(net: Net, tensors: Mapping[str, Tensor]) -> Net:
    """`net` with the tensors, of any precision, to run and not to train."""
    net.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in tensors.items()})
    return net.eval()


def ready(net: Net, tensors: Mapping[str, Tensor]) -> Net:
    """The same, its batch norms part of their convolutions."""
    unfused(net, tensors)
    for layers in [m for m in net.modules() if isinstance(m, nn.Sequential)]:
        for i, (layer, norm) in enumerate(pairwise(layers)):
            if isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                layers[i], layers[i + 1] = fuse_conv_bn_eval(layer, norm), nn.Identity()
    return net
