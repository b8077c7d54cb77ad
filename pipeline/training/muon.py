"""Muon (Jordan et al. 2024): momentum whose every matrix is made orthogonal before it is applied.

torch.optim.Muon takes matrices only; a convolution's kernel is one of (out, in * height * width).
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

MOMENTUM = 0.9
COEFFICIENTS = (3.4445, -4.775, 2.0315)  # of the quintic iteration, Jordan et al. 2024
ITERATIONS = 4  # ours: one less than theirs
RMS = 0.2  # size of an update, as AdamW's (Liu et al. 2025)


class Muon(torch.optim.Optimizer):
    """For parameters of at least two dimensions, the first of them outputs; `lr` and decay as one would give AdamW."""

    def __init__(self, params: Iterable[nn.Parameter], lr: float, weight_decay: float) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                momentum = self.state[parameter].setdefault("momentum", torch.zeros_like(parameter))
                momentum.lerp_(parameter.grad, 1 - MOMENTUM)
                update = orthogonal(parameter.grad.lerp(momentum, MOMENTUM).flatten(1)).view(parameter.shape)
                size = RMS * math.sqrt(max(update.shape[0], update[0].numel()))
                parameter.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-group["lr"] * size)


def orthogonal(matrix: Tensor) -> Tensor:
    """(m, n) -> about U V' of its singular value decomposition, by Newton and Schulz's iteration."""
    a, b, c = COEFFICIENTS
    x = matrix / (matrix.norm() + 1e-7)
    x = x.T if len(x) > x.shape[1] else x
    for _ in range(ITERATIONS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    made: Tensor = x.T if len(matrix) > matrix.shape[1] else x
    return made


def split(net: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Parameters for Muon (kernels between hidden channels) and for another optimizer (all the rest)."""
    parameters = list(net.parameters())
    hidden = [p for p in parameters if p.ndim > 1 and p.shape[0] > 1 and p.shape[1] > 3]
    return hidden, [p for p in parameters if all(p is not q for q in hidden)]
