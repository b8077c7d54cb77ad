"""DeepFaceDrawing (Chen et al. 2020) as its authors' inference code has it: components, their codes, one synthesis.

Drawings are in [-1, 1], paper +1. Its synthesis is CycleGenerator with 4 downs, its discriminators PatchGANs of
pix2pixHD. Layers: docs/baselines.md.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from models.baselines.pix2pix import init_published
from models.blocks import convolution

FIRST, MOST = 32, 512  # channels after the first halving and at most
FEATURES = (256, 256, 128, 64, 64)  # channels of the feature decoder, from its code up


def widths(halvings: int) -> list[int]:
    """Channels after each halving: 32 to 512 of the published five."""
    return [min(FIRST * 2**i, MOST) for i in range(halvings)]


class BatchBlock(nn.Module):
    """Residual block with batch norm and reflected borders, no ReLU after the sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            convolution(channels, channels, 3, "reflect"),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            convolution(channels, channels, 3, "reflect"),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = self.body(x)
        return x + changed


def _half(a: int, b: int) -> nn.Sequential:
    """Half the resolution; no activation, as published: its leaky ReLU has the slope 1."""
    return nn.Sequential(nn.Conv2d(a, b, 4, 2, 1), nn.BatchNorm2d(b))


def _double(a: int, b: int) -> nn.Sequential:
    return nn.Sequential(nn.ConvTranspose2d(a, b, 4, 2, 1), nn.BatchNorm2d(b))


class ComponentEncoder(nn.Module):
    """A component's window (N, 1, side, side) -> its code (N, code); `side` a multiple of 2^(halvings + 1)."""

    def __init__(self, side: int, code: int, halvings: int) -> None:
        super().__init__()
        of = widths(halvings)
        parts = [part for a, b in pairwise(of) for part in (BatchBlock(a), _half(a, b))]
        self.body = nn.Sequential(_half(1, of[0]), *parts, BatchBlock(of[-1]), nn.Flatten())
        self.linear = nn.Linear(of[-1] * (side // 2**halvings) ** 2, code)
        self.apply(init_published)

    def forward(self, window: Tensor) -> Tensor:
        code: Tensor = self.linear(self.body(window))
        return code


class _Unfolded(nn.Module):
    """A code (N, code) as maps (N, channels, small, small)."""

    def __init__(self, code: int, channels: int, small: int) -> None:
        super().__init__()
        self.linear, self.shape = nn.Linear(code, channels * small**2), (channels, small, small)

    def forward(self, code: Tensor) -> Tensor:
        maps: Tensor = self.linear(code).unflatten(1, self.shape)
        return maps


class ComponentDecoder(nn.Module):
    """A code -> the drawing of its window (N, 1, side, side), without an activation at its end."""

    def __init__(self, side: int, code: int, halvings: int) -> None:
        super().__init__()
        of = widths(halvings)[::-1]
        parts = [part for a, b in pairwise(of) for part in (_double(a, b), BatchBlock(b))]
        self.body = nn.Sequential(
            _Unfolded(code, of[0], side // 2**halvings),
            BatchBlock(of[0]),
            *parts,
            _double(of[-1], of[-1]),
            BatchBlock(of[-1]),
            convolution(of[-1], 1, 5, "reflect"),
        )
        self.apply(init_published)

    def forward(self, code: Tensor) -> Tensor:
        window: Tensor = self.body(code)
        return window


class FeatureDecoder(nn.Module):
    """A code -> `maps` feature maps of its window (N, maps, side, side)."""

    def __init__(self, side: int, code: int, halvings: int, maps: int) -> None:
        super().__init__()
        first = widths(halvings)[-1]
        of = [first, *FEATURES[-halvings:]]
        parts = [part for a, b in pairwise(of) for part in (_double(a, b), BatchBlock(b))]
        self.body = nn.Sequential(
            _Unfolded(code, first, side // 2**halvings),
            BatchBlock(first),
            *parts,
            convolution(of[-1], maps, 5, "reflect"),
        )
        self.apply(init_published)

    def forward(self, code: Tensor) -> Tensor:
        features: Tensor = self.body(code)
        return features


def projected(codes: Tensor, manifold: Tensor, neighbours: int) -> Tensor:
    """Codes (N, D) as locally linear combinations of their nearest in `manifold` (M, D), by Euclid (Roweis 2000).

    Weights minimise |code - Σ w_i v_i|² with Σ w_i = 1 and may be negative. ours: a ridge of 1e-8 of the trace, since
    there can be more neighbours than their differences have dimensions.
    """
    wide, known = codes.double(), manifold.double()
    places = torch.cdist(wide, known).topk(min(neighbours, len(known)), largest=False).indices
    nearest = known[places]
    off = nearest - wide[:, None]
    gram = off @ off.mT
    trace = gram.diagonal(dim1=1, dim2=2).sum(1)[:, None, None]
    ridge = (1e-8 * trace + 1e-12) * torch.eye(gram.shape[1], dtype=gram.dtype, device=gram.device)
    weights = torch.linalg.solve(gram + ridge, gram.new_ones(*gram.shape[:2], 1))
    weights = weights / weights.sum(1, keepdim=True)
    combined: Tensor = (weights * nearest).sum(1)
    return combined.to(codes.dtype)
