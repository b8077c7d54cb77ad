"""What a net that draws learns from drawings that miss the photo by a few pixels."""

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

STAY = 0.1  # ours: what the longest shift must gain in overlap, as a share, over none
AROUND = 3  # ours: a tile's shift is judged over so many tiles by so many, so that no line leaves unseen


@cache
def shifts(reach_px: int) -> list[tuple[int, int]]:
    """All whole (dx, dy) no longer than `reach_px`, the shortest first."""
    steps = range(-reach_px, reach_px + 1)
    inside = [(x, y) for x in steps for y in steps if x * x + y * y <= reach_px**2]
    return sorted(inside, key=lambda shift: (shift[0] ** 2 + shift[1] ** 2, shift))


@torch.no_grad()
def registered(drawing: Tensor, drawn: Tensor, reach_px: int, tile_px: int) -> Tensor:
    """`drawing` moved, tile by tile, by up to `reach_px`, onto what a net has `drawn`: the nearest good answer.

    All (N, 1, H, W) in [0, 1], 1 = ink, H and W multiples of `tile_px`. A tile takes the shift at which the two
    overlap most (Dice, over the tiles around it); between the tiles' centres the shift changes evenly, so that
    lines stay whole.
    """
    h, w = drawing.shape[-2:]
    candidates = shifts(reach_px)
    starts = [(slice(reach_px + y, reach_px + y + h), slice(reach_px + x, reach_px + x + w)) for x, y in candidates]
    padded = F.pad(drawing, (reach_px,) * 4, mode="replicate")
    boxes = F.avg_pool2d(F.avg_pool2d(padded, (tile_px, 1), 1), (1, tile_px), 1)  # of every tile, wherever it starts
    overlap = _around(torch.cat([F.avg_pool2d(padded[..., y, x] * drawn, tile_px) for y, x in starts], 1))
    ink = torch.cat([boxes[..., y, x][..., ::tile_px, ::tile_px] for y, x in starts], 1)
    total = _around(ink + F.avg_pool2d(drawn, tile_px))
    offsets = torch.tensor(candidates, dtype=drawing.dtype, device=drawing.device)  # (shifts, 2)
    price = 1 - STAY * offsets.square().sum(1) / max(reach_px, 1) ** 2
    best = (2 * overlap / total.clamp_min(1e-6) * price[:, None, None]).argmax(1)  # (N, tiles, tiles)
    flow = F.interpolate(offsets[best].permute(0, 3, 1, 2), size=(h, w), mode="bilinear")
    return _warped(drawing, flow)


def _around(tiles: Tensor) -> Tensor:
    """Mean over the tiles around each, (N, C, rows, columns) -> the same."""
    return F.avg_pool2d(tiles, AROUND, 1, AROUND // 2, count_include_pad=False)


def _warped(x: Tensor, flow: Tensor) -> Tensor:
    """Each pixel of (N, 1, H, W) from (dx, dy) further on; `flow`: (N, 2, H, W) in px."""
    h, w = x.shape[-2:]
    ys, xs = torch.meshgrid(torch.arange(h, device=x.device), torch.arange(w, device=x.device), indexing="ij")
    at_x, at_y = (2 * (xs + flow[:, 0]) + 1) / w - 1, (2 * (ys + flow[:, 1]) + 1) / h - 1
    return F.grid_sample(x, torch.stack([at_x, at_y], -1), padding_mode="border", align_corners=False)


def nearest_drawing(
    logits: Tensor, drawings: Tensor, ink_weight: float, dice_weight: float, reach_px: int, tile_px: int
) -> dict[str, Tensor]:
    """Loss against the nearest of several drawings (as Li et al. 2019 take it), each `registered` first.

    `logits` of ink (N, 1, H, W), `drawings` (N, K, H, W) in [0, 1], 1 = ink. Of the K the one counts whose sum of
    terms is least. Terms: cross-entropy, a mean over pixels in which ink weighs `ink_weight`; Dice, which punishes
    what is blurred (Milletari et al. 2016), in [0, dice_weight].
    """
    n, k, h, w = drawings.shape
    logits = logits.float().expand(n, k, h, w).reshape(n * k, 1, h, w)
    drawn = torch.sigmoid(logits)
    target = registered(drawings.reshape(n * k, 1, h, w), drawn, reach_px, tile_px)
    weight = 1 + (ink_weight - 1) * target
    entropy = F.binary_cross_entropy_with_logits(logits, target, weight, reduction="none").mean((1, 2, 3))
    dice = dice_weight * (
        1 - (2 * (drawn * target).sum((1, 2, 3)) + 1) / (drawn.sum((1, 2, 3)) + target.sum((1, 2, 3)) + 1)
    )
    entropy, dice = entropy.reshape(n, k), dice.reshape(n, k)
    nearest = (entropy + dice).argmin(1, keepdim=True)
    return {"cross_entropy": entropy.gather(1, nearest).mean(), "dice": dice.gather(1, nearest).mean()}
