"""A compact holistically-nested edge detector: side outputs at every scale, informed from above, and their fusion."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BLOCKS = 2  # residual blocks a scale


class EdgeBlock(nn.Module):
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


class EdgeNet(nn.Module):
    """(N, 3, H, W) RGB in [0, 1] -> logits of the side outputs, finest first, then of their fusion, each (N, 1, H, W).

    Scale i works at 1/2^(i+1) of the resolution with `widths[i]` channels; every scale also hears from the coarser
    ones (after Lin et al. 2017), then judges (Xie & Tu 2015). Any H and W of at least 16.
    """

    def __init__(self, widths: Sequence[int], side: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, widths[0], 5, 2, 2, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU())
        self.downs = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 3, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU())
            for a, b in pairwise(widths)
        )
        last = len(widths) - 1
        self.scales = nn.ModuleList(
            nn.Sequential(*(EdgeBlock(width, 2 if i == last else 1) for _ in range(BLOCKS)))
            for i, width in enumerate(widths)
        )
        self.laterals = nn.ModuleList(nn.Conv2d(width, side, 1) for width in widths)
        self.mixes = nn.ModuleList(nn.Conv2d(side, side, 3, padding=1) for _ in widths)
        self.scores = nn.ModuleList(nn.Conv2d(side, 1, 1) for _ in widths)
        self.fuse = nn.Conv2d(len(widths), 1, 1)
        nn.init.constant_(self.fuse.weight, 1 / len(widths))

    def forward(self, photo: Tensor) -> list[Tensor]:
        x, maps = self.stem((photo - 0.5) / 0.25), []
        for i, scale in enumerate(self.scales):
            x = scale(self.downs[i - 1](x) if i else x)
            maps.append(x)
        sides: list[Tensor] = []
        above: Tensor | None = None
        for i in range(len(maps) - 1, -1, -1):
            y = self.laterals[i](maps[i])
            y = y if above is None else y + _enlarged(above, y)
            above = F.relu(self.mixes[i](F.relu(y)))
            sides.insert(0, _enlarged(self.scores[i](above), photo))
        return [*sides, self.fuse(torch.cat(sides, 1))]


class EdgeDetector(nn.Module):
    """(N, 3, H, W) RGB in [0, 1] -> probability of an edge, (N, 1, H, W) in [0, 1]: the fusion of an EdgeNet."""

    def __init__(self, net: EdgeNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, photo: Tensor) -> Tensor:
        return torch.sigmoid(self.net(photo)[-1])


def edge_detector(tensors: Mapping[str, Tensor]) -> EdgeDetector:
    """From an EdgeNet's state dict, of any precision. Raises ValueError where it is none."""
    if "stem.0.weight" not in tensors or "laterals.0.weight" not in tensors:
        raise ValueError("not an EdgeNet: no tensor stem.0.weight or laterals.0.weight")
    scales = sum(key.startswith("laterals.") and key.endswith(".weight") for key in tensors)
    widths = [tensors[f"laterals.{i}.weight"].shape[1] for i in range(scales)]
    net = EdgeNet(widths, len(tensors["laterals.0.weight"]))
    net.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in tensors.items()})
    return EdgeDetector(net)


def _enlarged(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, like.shape[-2:], mode="bilinear", align_corners=False)


def balanced_cross_entropy(logits: Tensor, agreement: Tensor, positive: float, negative_weight: float) -> Tensor:
    """Class-balanced cross-entropy (Xie & Tu 2015, Eq. 2) with undecided pixels left out (Liu et al. 2017, Eq. 1).

    `logits`, `agreement`: (N, 1, H, W), the latter the share of annotators who drew an edge there: edges are where
    it is at least `positive`, no edges where it is 0, in between nothing is asked. Mean over the asked pixels of each
    image, so that edges and the rest weigh alike but for `negative_weight`.
    """
    edge, none = (agreement >= positive).float(), (agreement == 0).float()
    count_edge, count_none = (m.sum((1, 2, 3), keepdim=True) for m in (edge, none))
    total = (count_edge + count_none).clamp_min(1)
    weight = edge * (count_none / total) + none * (negative_weight * count_edge / total)
    loss = F.binary_cross_entropy_with_logits(logits, edge, reduction="none")
    return (loss * weight / total).sum() / len(logits)
