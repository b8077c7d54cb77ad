"""Differentiable augmentation of what D sees, real and generated alike (DiffAugment, Zhao et al. 2020)."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

NOISE = 7  # uniform numbers in [0, 1) that each sample takes
SHIFT = 1 / 8  # of the side: furthest translation
HOLE = 1 / 2  # of the side: the square that cutout empties


def color(x: Tensor, noise: Tensor) -> Tensor:
    """Brightness ± 0.5, saturation 0 to 2, contrast 0.5 to 1.5: (N, C, H, W), (N, 7) -> (N, C, H, W).

    Of a fourth channel on, the first ones are a condition, such as strokes, and stay as they are.
    """
    if x.shape[1] > 3:
        return torch.cat([x[:, :-3], color(x[:, -3:], noise)], 1)
    brightness, saturation, contrast = (noise[:, i, None, None, None] for i in range(3))
    x = x + (brightness - 0.5)
    gray = x.mean(1, keepdim=True)
    x = (x - gray) * (2 * saturation) + gray
    mean = x.mean((1, 2, 3), keepdim=True)
    return (x - mean) * (contrast + 0.5) + mean


def translation(x: Tensor, noise: Tensor) -> Tensor:
    """Displaced by up to an eighth of the side either way, zeros coming in."""
    h, w = x.shape[2:]
    rows, columns = (_moved(n, noise[:, i]) for n, i in ((h, 3), (w, 4)))
    sample = torch.arange(len(x), device=x.device)[:, None, None]
    cut = x.permute(0, 2, 3, 1)[sample, rows.clamp(0, h - 1)[:, :, None], columns.clamp(0, w - 1)[:, None, :]]
    inside = ((rows >= 0) & (rows < h))[:, None, :, None] & ((columns >= 0) & (columns < w))[:, None, None, :]
    return cut.permute(0, 3, 1, 2) * inside


def _moved(side: int, noise: Tensor) -> Tensor:
    """(N,) -> source index of each row or column, (N, side)."""
    reach = int(side * SHIFT + 0.5)
    shift = (noise * (2 * reach + 1)).long() - reach
    return torch.arange(side, device=noise.device) + shift[:, None]


def cutout(x: Tensor, noise: Tensor) -> Tensor:
    """A square of half the side emptied, its middle anywhere."""
    rows, columns = (
        (torch.arange(n, device=x.device) - (noise[:, i] * n)[:, None]).abs() < n * HOLE / 2
        for n, i in ((x.shape[2], 5), (x.shape[3], 6))
    )
    return x * ~(rows[:, None, :, None] & columns[:, None, None, :])


AUGMENTATIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "color": color,
    "translation": translation,
    "cutout": cutout,
}


def diff_augment(x: Tensor, noise: Tensor, kinds: Sequence[str]) -> Tensor:
    """Augmentations of the table, one after another: (k·N, C, H, W), (N, 7) -> the same shape.

    The k parts of x, such as real and generated, are changed alike. Gradients flow to x.
    """
    repeated = noise.repeat(len(x) // len(noise), 1)
    for kind in kinds:
        x = AUGMENTATIONS[kind](x, repeated)
    return x
