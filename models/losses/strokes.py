"""Losses of drawn lines."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def calibration(real: Sequence[Sequence[Tensor]], fake: Sequence[Tensor]) -> Tensor:
    """Calibration loss CL, Eq. 2: L1 between D's maps of each edge target and of R, summed over layers and targets.

    `real[j][i]` and `fake[i]` are the i-th activations (N, C, H, W) for target j and for R.
    """
    return torch.stack([F.l1_loss(b, a) for target in real for a, b in zip(target, fake, strict=True)]).sum()


def tolerant_dice(logits: Tensor, ink: Tensor, slack_px: int) -> Tensor:
    """1 - soft Dice (Milletari et al. 2016) that forgives lines misplaced by up to `slack_px`; ours: the slack.

    `logits`, `ink`: (N, 1, H, W), the latter in [0, 1], 1 = line. Precision counts what is drawn near a line, recall
    the lines near which something is drawn; per image, then the mean.
    """
    drawn, side = torch.sigmoid(logits), 2 * slack_px + 1
    near_ink, near_drawn = (F.max_pool2d(x, side, 1, slack_px) for x in (ink, drawn))
    precision = ((drawn * near_ink).sum((1, 2, 3)) + 1) / (drawn.sum((1, 2, 3)) + 1)
    recall = ((near_drawn * ink).sum((1, 2, 3)) + 1) / (ink.sum((1, 2, 3)) + 1)
    return (1 - 2 * precision * recall / (precision + recall)).mean()


def filled_dice(drawn: Tensor, ink: Tensor, slack_px: int) -> Tensor:
    """The same of probabilities `drawn` (N, 1, H, W) in [0, 1], with slack for what is drawn alone.

    ours: with slack for the lines as well, a row of dashes is as good as a line.
    """
    near_ink = F.max_pool2d(ink, 2 * slack_px + 1, 1, slack_px)
    precision = ((drawn * near_ink).sum((1, 2, 3)) + 1) / (drawn.sum((1, 2, 3)) + 1)
    recall = ((drawn * ink).sum((1, 2, 3)) + 1) / (ink.sum((1, 2, 3)) + 1)
    return (1 - 2 * precision * recall / (precision + recall)).mean()
