"""What the trainers of the baselines share: pictures as published nets see them, random numbers, what is kept."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn

from models.losses.photo import dissimilarity, l1
from pipeline.core.allowed import BatchSize, Items, Seed
from pipeline.core.layout import Layout
from pipeline.core.params import build, require
from pipeline.core.polarity import strokes_of, turned_tensor, unit
from pipeline.styles import StyleName
from pipeline.training.checkpoint import below, load_tensors, prefixed
from pipeline.training.data import AugmentParams, Batch
from pipeline.training.loop import ScheduleParams
from pipeline.training.sides import Side
from pipeline.training.trainers import Drawn, Needs

Pixels = NDArray[np.uint8]
Strokes = NDArray[np.float32]
Opened = Callable[[Pixels], tuple[Pixels, Strokes | None]]
"""Sketches (N, S, S), 255 = paper -> photos (N, S, S, 3) and, of some, calibrated strokes (N, S, S), 1 = ink."""
Params = TypeVar("Params")
MEASURES = ("l1", "ssim")  # of the photos made of val
AT_ONCE = 8  # drawings


def signed(images: Tensor) -> Tensor:
    """[0, 1] -> [-1, 1]."""
    return 2 * images - 1


def unsigned(images: Tensor) -> Tensor:
    """[-1, 1] -> [0, 1]."""
    return (images + 1) / 2


def drawings(strokes: Tensor, channels: int = 3) -> Tensor:
    """Strokes (N, 1, H, W) in [0, 1], 1 = ink -> pictures (N, channels, H, W) in [-1, 1], paper +1, as published."""
    return signed(turned_tensor(strokes)).expand(-1, channels, -1, -1)


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Torch's random numbers from a seed while the block runs; after it they go on as if it had not been."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


@dataclass(frozen=True)
class BaselineParams:
    """What every section `baselines.NAME` ends with."""

    schedule: ScheduleParams
    augment: AugmentParams
    styles: Annotated[tuple[StyleName, ...], Items(least=0)]  # none named: all that are packed
    drawn: Annotated[tuple[Drawn, ...], Items()]
    batch: BatchSize
    seed: Seed

    def __post_init__(self) -> None:
        measure = self.schedule.plateau_measure
        require(measure in MEASURES, f"schedule.plateau_measure one of {', '.join(MEASURES)}")


class Translator(ABC):
    """A trainer of nets in several sides; what depends on chance follows from the seed and the number of the step."""

    kept: tuple[str, ...] = ("g",)  # sides whose nets make photos

    def __init__(self, fabric: Fabric, seed: int, sides: Mapping[str, Side], source: str) -> None:
        """`source`: what of a batch is drawn, "sketch" or, where it stands behind our SCN, "product"."""
        self.fabric, self.seed, self.sides, self.source, self.steps = fabric, seed, dict(sides), source, 0

    @abstractmethod
    def update(self, strokes: Tensor, photo: Tensor) -> dict[str, Tensor]:
        """One step of every side; the unweighted terms. (N, 1, H, W), 1 = ink, and (N, 3, H, W), both in [0, 1]."""

    @abstractmethod
    def made(self, strokes: Tensor) -> Tensor:
        """Strokes (N, 1, S, S), 1 = ink -> photos (N, 3, S, S), both in [0, 1]; nothing that training uses changes."""

    def step(self, batch: Batch) -> dict[str, Tensor]:
        torch.manual_seed(self.seed * 1_000_003 + self.steps)
        with self.fabric.autocast():
            terms = self.update(batch[self.source], batch["photo"])
        self.steps += 1
        return {name: term.detach() for name, term in terms.items()}

    def codes(self, count: int, size: int) -> Tensor:
        """N(0, 1), (count, size): of several processes each has its part of what one would draw for the whole batch."""
        whole = torch.randn(count * self.fabric.world_size, size, device=self.fabric.device)
        return whole[self.fabric.global_rank :: self.fabric.world_size]

    def set_progress(self, share: float) -> float:
        rates = [side.set_progress(share) for side in self.sides.values()]
        return rates[0]

    def state(self) -> dict[str, Tensor]:
        sides = [prefixed(f"{name}/", side.state()) for name, side in self.sides.items()]
        return {"steps": torch.tensor(self.steps)} | {key: value for side in sides for key, value in side.items()}

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        self.steps = int(tensors["steps"])
        for name, side in self.sides.items():
            side.load_state(below(tensors, f"{name}/"))

    def weights(self) -> dict[str, Tensor]:
        return prefixed("nets/", self.making().state_dict())

    def making(self) -> nn.ModuleDict:
        """The nets that make photos, by name."""
        return nn.ModuleDict({name: net for side in self.kept for name, net in self.sides[side].nets.items()})

    def measure(self, batch: Batch) -> dict[str, Tensor]:
        photo = self.made(batch[self.source])
        return {"l1": l1(batch["photo"], photo), "ssim": dissimilarity(batch["photo"], photo)}

    def show(self, batch: Batch) -> dict[str, Tensor]:
        strokes = batch[self.source]
        return {"sketch": turned_tensor(strokes), "generated": self.made(strokes), "photo": batch["photo"]}

    def nets(self) -> list[nn.Module]:
        return list(self.making().values())


SKETCH, PRODUCT = "sketch", "product"  # sources


def needs(params: Any, source: str, paired: bool) -> Needs:
    """Photos, and the drawings that the section names or, behind our SCN, the true Canny ⊙ HED as the ISN has it."""
    return Needs(("photo", PRODUCT), (), paired) if source == PRODUCT else Needs(("photo",), params, paired)


def opened(
    layout: Layout,
    name: str,
    device: torch.device,
    section: type[Params],
    make: Callable[[Params], Mapping[str, nn.Module]],
    photos: Callable[[nn.ModuleDict, Tensor, Params], Tensor],
) -> Opened:
    """A trained baseline as evaluation opens it. Raises CheckpointError where it is not there.

    `make`: the untrained nets; `photos`: by them, of strokes (N, 1, S, S), 1 = ink -> (N, 3, S, S) in [0, 1].
    """
    tensors, about = load_tensors(layout.trained(name) / "weights.safetensors")
    ((own, values),) = about["params"].items()
    params = build(section, values, f"{own} weights header")
    nets = nn.ModuleDict(dict(make(params)))
    nets.load_state_dict(below(tensors, "nets/"))
    nets.eval().to(device)
    return photographed(lambda strokes: photos(nets, strokes, params), device)


def photographed(made: Callable[[Tensor], Tensor], device: torch.device) -> Opened:
    """What makes photos of strokes (N, 1, S, S) on a device -> the same of sketches, a few at a time."""

    @torch.inference_mode()
    def draw(sketches: Pixels) -> tuple[Pixels, None]:
        strokes = torch.from_numpy(strokes_of(unit(np.asarray(sketches))))[:, None]
        parts = [made(part.to(device)).float().cpu() for part in strokes.split(AT_ONCE)]
        return torch.cat(parts).clamp(0, 1).mul(255).round().byte().permute(0, 2, 3, 1).numpy(), None

    return draw
