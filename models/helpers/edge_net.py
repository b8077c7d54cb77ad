"""A compact holistically-nested edge detector: side outputs at every scale, informed from above, and their fusion."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.helpers.feature_pyramid import Pyramid, enlarged, ready, sizes


class EdgeNet(nn.Module):
    """(N, 3, H, W) RGB in [0, 1] -> logits of the side outputs, finest first, then of their fusion, each (N, 1, H, W).

    Every scale of a Pyramid judges (Xie & Tu 2015). Any H and W of at least 16.
    """

    def __init__(self, widths: Sequence[int], side: int) -> None:
        super().__init__()
        self.pyramid = Pyramid(3, widths, side)
        self.scores = nn.ModuleList(nn.Conv2d(side, 1, 1) for _ in widths)
        self.fuse = nn.Conv2d(len(widths), 1, 1)
        nn.init.constant_(self.fuse.weight, 1 / len(widths))

    def forward(self, photo: Tensor) -> list[Tensor]:
        maps = self.pyramid((photo - 0.5) / 0.25)
        sides = [enlarged(score(x), photo) for score, x in zip(self.scores, maps, strict=True)]
        return [*sides, self.fuse(torch.cat(sides, 1))]


class EdgeDetector(nn.Module):
    """(N, 3, H, W) RGB in [0, 1] -> probability of an edge, (N, 1, H, W) in [0, 1]; H and W of at least 32.

    The fusion of an EdgeNet, mean of its logits at full and at half the resolution.
    """

    def __init__(self, net: EdgeNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, photo: Tensor) -> Tensor:
        half = F.interpolate(photo, scale_factor=0.5, mode="area")
        fine, coarse = self.net(photo)[-1], enlarged(self.net(half)[-1], photo)
        return torch.sigmoid((fine + coarse) / 2)


def edge_detector(tensors: Mapping[str, Tensor]) -> EdgeDetector:
    """From an EdgeNet's state dict, of any precision. Raises ValueError where it is none."""
    _, widths, side = sizes(tensors, "pyramid.")
    return EdgeDetector(ready(EdgeNet(widths, side), tensors))


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
