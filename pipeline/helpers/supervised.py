"""How every helper net is trained: under one loss, measured and shown on what is not trained on."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol

from lightning_fabric import Fabric
from torch import nn

from pipeline.core.allowed import Items, Range
from pipeline.core.layout import Layout
from pipeline.training.checkpoint import load_tensors, run_key
from pipeline.training.data import Batch
from pipeline.training.device import Device
from pipeline.training.loop import ScheduleParams
from pipeline.training.run import Run, train
from pipeline.training.supervised import OptimizerParams, Pictures, Supervised

Channels = Annotated[int, Range(least=2, most=1024, multiple_of=2)]


@dataclass(frozen=True)
class NetParams:
    """Of a models.helpers.feature_pyramid.Pyramid."""

    widths: Annotated[tuple[Channels, ...], Items(least=1, most=5, repeats=True)]  # channels at 1/2, 1/4, …
    side: Channels  # channels that the scales share


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
