"""Adversarial losses with the factors that the baselines were published with: a verdict's distance to a target.

The ½ of the project's own (models/losses/adversarial.py) is none of theirs: pix2pix and CycleGAN halve D's sum alone,
MUNIT halves nothing.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F


def squared(verdicts: Tensor, target: float) -> Tensor:
    """Least squares (Mao et al. 2017): mean (v - target)^2 over all verdicts."""
    return (verdicts - target).square().mean()


def cross_entropy(verdicts: Tensor, target: float) -> Tensor:
    """Binary cross-entropy of logits, mean over all verdicts."""
    return F.binary_cross_entropy_with_logits(verdicts, torch.full_like(verdicts, target))


TOWARDS: dict[str, Callable[[Tensor, float], Tensor]] = {"squared": squared, "cross_entropy": cross_entropy}
