"""Squares cut from training pictures: what is fine is near, and a step costs less."""

from collections.abc import Callable

import torch
from torch import Tensor

STEP, LEAST = 16, 32  # px: the side is a multiple of the one and at least the other


def cut(layers: Tensor, share: float, corner: Callable[[int, int], tuple[int, int]]) -> Tensor:
    """(N, C, S, S) -> a square of each, of `share` of the side; the layers themselves where that is all.

    `corner`: which sample, and the side in px -> top and left.
    """
    side = layers.shape[-1]
    kept = min(side, max(LEAST, round(share * side / STEP) * STEP))
    if kept == side:
        return layers
    corners = (corner(i, kept) for i in range(len(layers)))
    return torch.stack(
        [sample[:, top : top + kept, left : left + kept] for sample, (top, left) in zip(layers, corners, strict=True)]
    )
