"""The same functions in fewer multiplications, for runtimes that compute convolutions as they stand: to export."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FEW = 3  # ours: outputs, of which runtimes compute as many as of eight


def with_cheap_convolutions(module: nn.Module) -> nn.Module:
    """Convolutions of doubled maps, and wide ones with few outputs, below `module` as cheaper ones, in place.

    The same values to rounding, of maps whose H and W are divisible by 4.
    """
    for name, child in module.named_children():
        if isinstance(child, nn.Sequential) and len(child) == 2 and _doubles(child[0]):
            if isinstance(child[1], nn.Conv2d) and _keeps_size(child[1], (3,)):
                setattr(module, name, DoubledConv(child[1]))
        elif isinstance(child, nn.Conv2d) and child.out_channels <= FEW and _keeps_size(child, (5, 7)):
            setattr(module, name, SpreadConv(child, 4 if child.out_channels == 1 else 2))
        else:
            with_cheap_convolutions(child)
    return module


def _doubles(module: nn.Module) -> bool:
    return isinstance(module, nn.Upsample) and module.scale_factor == 2 and module.mode == "nearest"


def _keeps_size(conv: nn.Conv2d, kernels: tuple[int, ...]) -> bool:
    """Whether it is a plain one, padded with zeros, of such a kernel."""
    reach, plain = conv.kernel_size[0] // 2, (conv.stride, conv.dilation, conv.groups) == ((1, 1), (1, 1), 1)
    return plain and conv.kernel_size[0] in kernels and (conv.padding_mode, conv.padding) == ("zeros", (reach, reach))


class DoubledConv(nn.Module):
    """A map doubled by nearest neighbours, then a 3x3 convolution: (N, C, H, W) -> (N, D, 2H, 2W).

    Each of the four pixels of a doubled one sees 2x2 pixels of the map, some of them twice: four kernels of 2x2, their
    weights sums of the nine.
    """

    sides: Tensor

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv
        sums = torch.tensor([[[1.0, 0, 0], [0, 1, 1]], [[1, 1, 0], [0, 0, 1]]])  # of three taps, for either pixel
        self.register_buffer("sides", sums, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.conv.weight, self.conv.bias
        kernels = torch.cat([down @ weight @ across.mT for down in self.sides for across in self.sides])
        made = F.conv2d(x, kernels, None if bias is None else bias.repeat(4), padding=1)
        first, last = slice(0, -1), slice(1, None)
        places = [(down, across) for down in (first, last) for across in (first, last)]
        parts = [part[:, :, down, across] for part, (down, across) in zip(made.chunk(4, 1), places, strict=True)]
        return F.pixel_shuffle(torch.stack(parts, 2).flatten(1, 2), 2)


class SpreadConv(nn.Module):
    """A convolution whose outputs are those of `side` x `side` pixels at once: (N, C, H, W) -> (N, D, H, W)."""

    def __init__(self, conv: nn.Conv2d, side: int) -> None:
        super().__init__()
        self.conv, self.side = conv, side

    def forward(self, x: Tensor) -> Tensor:
        weight, bias, side = self.conv.weight, self.conv.bias, self.side
        free = [(i, side - 1 - i) for i in range(side)]  # before and behind a kernel that is moved by i
        kernels = torch.stack([F.pad(weight, (*across, *down)) for down in free for across in free], 1).flatten(0, 1)
        biases = None if bias is None else bias.repeat_interleave(side**2)
        return F.pixel_shuffle(F.conv2d(x, kernels, biases, side, weight.shape[2] // 2), side)
