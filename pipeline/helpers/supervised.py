"""How every helper net is trained: one net, one loss, Muon, a cosine; measured and shown on what is not trained on."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from pipeline.core.allowed import Items, Range
from pipeline.core.layout import Layout
from pipeline.helpers.muon import Muon, split
from pipeline.training.checkpoint import below, load_optimizer, load_tensors, optimizer_tensors, prefixed, run_key
from pipeline.training.data import Batch
from pipeline.training.device import Device
from pipeline.training.loop import ScheduleParams
from pipeline.training.run import Run, train

WARM_UP = 0.03  # ours: share of the schedule over which the rate rises

Channels = Annotated[int, Range(least=2, most=1024, multiple_of=2)]

Pictures = Callable[[nn.Module, Batch], dict[str, Tensor]]


@dataclass(frozen=True)
class NetParams:
    """Of a models.helpers.feature_pyramid.Pyramid."""

    widths: Annotated[tuple[Channels, ...], Items(least=1, most=5, repeats=True)]  # channels at 1/2, 1/4, …
    side: Channels  # channels that the scales share


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


class HelperParams(Protocol):
    """What the values of every helper net have; any dataclass."""

    @property
    def optimizer(self) -> OptimizerParams: ...
    @property
    def schedule(self) -> ScheduleParams: ...
    @property
    def seed(self) -> int: ...


@dataclass(frozen=True)
class Task:
    """What a helper net learns."""

    name: str  # of HELPERS
    params: HelperParams
    net: Callable[[], nn.Module]
    losses: Pictures
    columns: Pictures
    batches: Callable[[int], Batch]  # of the training split
    validation: Sequence[Batch]  # of the split val; the first is on the sample sheets
    digest: str  # of the training data
    code: Sequence[Path]  # whose change starts a killed run afresh
    start: str = ""  # weights file of the same net to go on from


def train_task(task: Task, data: Path, device: Device) -> None:
    """-> DATA/trained/NAME; its weights file is what ships as data/weights/NAME/NAME.safetensors."""
    starts = [Path(task.start)] if task.start else []
    params: Any = task.params

    def build(fabric: Fabric) -> Supervised:
        net = task.net()
        for file in starts:
            net.load_state_dict(load_tensors(file)[0])
        return Supervised(fabric, net, task.params.optimizer, task.losses, task.columns)

    run = Run(
        task.name,
        task.params.schedule,
        task.params.seed,
        lambda _: task.batches,
        task.validation,
        build,
        run_key({task.name: params}, task.digest, [*task.code, *starts]),
        {"stage": task.name, "params": asdict(params)},
        Layout(data).trained(task.name),
    )
    train(run, device)
