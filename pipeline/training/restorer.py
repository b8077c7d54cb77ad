"""Stage train_restorer: a net that adds to a soft photo what it lacks and takes away what strokes have left there.

A photo of a drawing is soft, since the drawing could be of many faces. The net never sees one: it learns to undo what
is done to true photos, as blind face restoration does, with the terms of the ISN. So it goes with any system.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from pipeline.core.allowed import Items, Range
from pipeline.core.params import require
from pipeline.drawing.scale import face_scale
from pipeline.styles import StyleName
from pipeline.training.data import Batch
from pipeline.training.isn import Isn, IsnParams, vgg_file
from pipeline.training.sample_order import generator_of
from pipeline.training.spoiling import SpoilingParams, spoilt
from pipeline.training.trainers import Drawn, Needs, TrainingStage
from pipeline.training.windows import cut

CHANNELS = (3, 3)
STRIDE = 8  # px: the greatest of the VGG, and of D at its finest scale


@dataclass(frozen=True)
class RestorerParams(IsnParams):
    """Section `train_restorer`."""

    spoiling: SpoilingParams
    window: Annotated[float, Range(above=0, most=1)]  # share of the side that a step sees
    styles: Annotated[tuple[StyleName, ...], Items(least=0)]  # whose strokes leave ghosts, as of train_scn
    drawn: Annotated[tuple[Drawn, ...], Items()]

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.net.generator.kind == "restoring", "net.generator.kind restoring")


class Restorer(Isn):
    """The photo of a spoilt one."""

    given = "spoilt"

    def __init__(self, fabric: Fabric, params: RestorerParams) -> None:
        super().__init__(fabric, params, CHANNELS)
        self.params = params

    def spoilt(self, batch: Batch, window: float) -> Batch:
        """A batch through windows of so much of the side, with what is given of it."""
        scale, noise = face_scale((batch["photo"].shape[-1],) * 2), batch["noise"]
        photo, strokes = windowed(torch.cat([batch["photo"], batch["sketch"]], 1), noise, window).split([3, 1], 1)
        return {"photo": photo, self.given: spoilt(photo, strokes, noise, self.params.spoiling, scale), "noise": noise}

    def step(self, batch: Batch) -> dict[str, Tensor]:
        seen = self.spoilt(batch, self.params.window)
        return self.learn(*off_grid(self.made(seen[self.given], seen), seen))

    def measure(self, batch: Batch) -> dict[str, Tensor]:
        """How far whole photos, spoilt and restored, are from what they were; else as of the ISN."""
        return super().measure(self.spoilt(batch, 1))

    def show(self, batch: Batch) -> dict[str, Tensor]:
        """Columns of the sample sheet: name -> (N, C, H, W) in [0, 1]."""
        seen = self.spoilt(batch, 1)
        return {"spoilt": seen[self.given], "restored": self.gan.shown(seen[self.given]), "photo": seen["photo"]}


def off_grid(made: Tensor, batch: Batch) -> tuple[Tensor, Batch]:
    """Photos (N, 3, S, S) and their batch without STRIDE px of their border, now these, now those.

    The strides of D and of the VGG begin at a border, as the net's own depth-to-space does. Where all fall on the same
    px, every other px stands out.
    """
    top, left = generator_of(batch["noise"][-1]).integers(0, STRIDE, 2)
    side = made.shape[-1] - STRIDE

    def part(images: Tensor) -> Tensor:
        return images[..., top : top + side, left : left + side]

    return part(made), {name: layer if name == "noise" else part(layer) for name, layer in batch.items()}


def windowed(layers: Tensor, numbers: Tensor, share: float) -> Tensor:
    """(N, C, S, S) -> a square of each, of `share` of the side; `numbers` (N, k) in [0, 1) say where."""

    def corner(i: int, kept: int) -> tuple[int, int]:
        top, left = generator_of(numbers[i].flip(0)).integers(0, layers.shape[-1] - kept + 1, 2)
        return int(top), int(left)

    return cut(layers, share, corner)


def _weights(sections: Mapping[str, Any]) -> tuple[str, ...]:
    return vgg_file(sections["train_restorer"])


def _needs(sections: Mapping[str, Any]) -> Needs:
    return Needs(("photo",), sections["train_restorer"])


def _build(fabric: Fabric, sections: Mapping[str, Any], _: object) -> Restorer:
    return Restorer(fabric, sections["train_restorer"])


TRAINER = TrainingStage({"train_restorer": RestorerParams}, _needs, _build, weights=_weights)
