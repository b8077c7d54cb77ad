"""Several nets against several: each side of the game has one Adam, however many nets it updates."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from pipeline.core.allowed import Range
from pipeline.training.checkpoint import below, load_optimizer, optimizer_tensors, prefixed

HALVINGS = 10  # of "halved": the rate is halved after each tenth of the run, as MUNIT's 100,000 of 1,000,000 steps
# ours: norm of a gradient that teaches nothing. Of blank paper it grows 300 times at each instance norm, to infinity
LARGEST = 1e6
Decay = Annotated[float, Range(least=0, below=1)]


@dataclass(frozen=True)
class AdamParams:
    """One side's Adam."""

    lr: Annotated[float, Range(above=0, most=1)]
    betas: tuple[Decay, Decay]
    weight_decay: Annotated[float, Range(least=0, most=1)]  # L2, in the gradient
    rate: Literal["constant", "linear", "halved"]  # linear: constant, then down to 0 over the second half


def share_of_rate(rate: str, progress: float) -> float:
    """Factor on the learning rate at `progress` in [0, 1) of the run."""
    if rate == "halved":
        return float(0.5 ** int(HALVINGS * progress))
    return 1 - max(0.0, 2 * progress - 1) if rate == "linear" else 1.0


class Side:
    """Nets that one Adam updates. On several devices their gradients are averaged before each update, and so are the
    running statistics of a batch norm, which in a step is of each device's own share.

    The nets are called as they are, in `fabric.autocast()`: any number of times, in any order, before one update.
    """

    def __init__(self, fabric: Fabric, nets: Mapping[str, nn.Module], params: AdamParams, clip: float = 0) -> None:
        """`clip`: the norm that a gradient is cut to; 0: none."""
        self.fabric, self.params, self.clip = fabric, params, clip
        self.nets: nn.ModuleDict = fabric.to_device(nn.ModuleDict(nets))  # type: ignore[assignment]
        adam = torch.optim.Adam(
            self.nets.parameters(), lr=params.lr, betas=params.betas, weight_decay=params.weight_decay
        )
        self.adam: torch.optim.Optimizer = fabric.setup_optimizers(adam)  # type: ignore[assignment]

    def update(self, loss: Tensor) -> None:
        """One step down the gradient of the loss; none where the gradient is beyond all use."""
        self.adam.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        if self.fabric.world_size > 1:
            for parameter in self.nets.parameters():
                if parameter.grad is not None:
                    parameter.grad = self.fabric.all_reduce(parameter.grad)  # type: ignore[assignment]
            for statistic in self.nets.buffers():
                if statistic.is_floating_point():
                    statistic.copy_(self.fabric.all_reduce(statistic))  # type: ignore[arg-type]
        norm = nn.utils.clip_grad_norm_(self.nets.parameters(), self.clip or torch.inf)
        if norm <= LARGEST:  # false for what is no number
            self.adam.step()

    def frozen(self, yes: bool) -> None:
        """Whether the nets are to be passed through without a gradient of their own."""
        self.nets.requires_grad_(not yes)

    def set_progress(self, progress: float) -> float:
        """The rate of the step at `progress` in [0, 1) of the run; returns it."""
        lr = self.params.lr * share_of_rate(self.params.rate, progress)
        for group in self.adam.param_groups:
            group["lr"] = lr
        return lr

    def state(self) -> dict[str, Tensor]:
        return prefixed("nets/", self.nets.state_dict()) | prefixed("adam/", optimizer_tensors(self.adam))

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        self.nets.load_state_dict(below(tensors, "nets/"))
        load_optimizer(self.adam, below(tensors, "adam/"))
