"""Nets that learn by one loss, without a discriminator: Muon, a cosine; measured on what they have not seen."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from pipeline.core.allowed import Range
from pipeline.training.checkpoint import below, load_optimizer, optimizer_tensors, prefixed
from pipeline.training.data import Batch
from pipeline.training.muon import Muon, split

WARM_UP = 0.03  # ours: share of the schedule over which the rate rises

Pictures = Callable[[nn.Module, Batch], dict[str, Tensor]]


@dataclass(frozen=True)
class OptimizerParams:
    """Muon for the kernels between hidden channels, AdamW for all the rest."""

    lr: Annotated[float, Range(above=0, most=1)]
    weight_decay: Annotated[float, Range(least=0, most=1)]


class Supervised:
    """A trainer for `fit` that minimises the sum of the terms of `losses`; `columns`: what its sample sheets show."""

    def __init__(
        self, fabric: Fabric, net: nn.Module, params: OptimizerParams, losses: Pictures, columns: Pictures
    ) -> None:
        net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        hidden, rest = split(net)
        muon = Muon(hidden, params.lr, params.weight_decay)
        adam = torch.optim.AdamW(rest, params.lr, weight_decay=params.weight_decay, fused=True)
        self.net, *self.optimizers = fabric.setup(net, muon, adam)
        self.fabric, self.lr, self.losses, self.columns = fabric, params.lr, losses, columns

    def step(self, batch: Batch) -> dict[str, Tensor]:
        self.net.train()
        terms = self.losses(self.net, batch)
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(torch.stack(list(terms.values())).sum())
        for optimizer in self.optimizers:
            optimizer.step()
        return {name: term.detach() for name, term in terms.items()}

    def nets(self) -> list[nn.Module]:
        return [self.net.module]

    def set_progress(self, share: float) -> float:
        """Warm-up, then half a cosine."""
        lr = self.lr * min(1.0, share / WARM_UP + 1e-3) * 0.5 * (1 + math.cos(math.pi * share))
        for group in (group for optimizer in self.optimizers for group in optimizer.param_groups):
            group["lr"] = lr
        return lr

    def state(self) -> dict[str, Tensor]:
        state = prefixed("net/", self.net.state_dict())
        for i, optimizer in enumerate(self.optimizers):
            state |= prefixed(f"optimizer{i}/", optimizer_tensors(optimizer))
        return state

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        self.net.load_state_dict(below(tensors, "net/"))
        for i, optimizer in enumerate(self.optimizers):
            load_optimizer(optimizer, below(tensors, f"optimizer{i}/"))

    def weights(self) -> dict[str, Tensor]:
        """Half precision: what is shipped."""
        return {k: v.half() if v.is_floating_point() else v for k, v in self.net.state_dict().items()}

    def measure(self, batch: Batch) -> dict[str, Tensor]:
        """The terms of the loss."""
        self.net.eval()
        return self.losses(self.net, batch)

    def show(self, batch: Batch) -> dict[str, Tensor]:
        """Columns of the sample sheet: name -> (N, C, H, W) in [0, 1]."""
        self.net.eval()
        return self.columns(self.net, batch)
