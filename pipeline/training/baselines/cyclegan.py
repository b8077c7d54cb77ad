"""CycleGAN (Zhu et al. 2017): drawings of one half of the people, photos of the other. docs/baselines.md."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from models.baselines.cyclegan import CycleGenerator
from models.baselines.pix2pix import PatchDiscriminator
from models.losses.photo import l1
from models.losses.towards import TOWARDS
from pipeline.core.allowed import Range, Weight
from pipeline.core.layout import Layout
from pipeline.training.checkpoint import below, prefixed
from pipeline.training.image_pool import ImagePool
from pipeline.training.sides import AdamParams, Side
from pipeline.training.trainers import Needs, TrainingStage
from pipeline.training.translation import (
    SKETCH,
    BaselineParams,
    Opened,
    Translator,
    drawings,
    needs,
    opened,
    signed,
    unsigned,
)

CHANNELS = 3  # of both, as published: the identity loss takes a picture of either for the other
PATCH_LAYERS = 3


@dataclass(frozen=True)
class CycleGanNet:
    """The published values: width 64; 9 blocks at 256 px, 6 at 128."""

    width: Annotated[int, Range(least=1, most=512)]
    blocks: Annotated[int, Range(least=0, most=64)]


@dataclass(frozen=True)
class CycleGanWeights:
    """Published: 1, 10 and, as a share of cycle's, 0.5."""

    adversarial: Weight
    cycle: Weight
    identity: Weight


@dataclass(frozen=True)
class CycleGanParams(BaselineParams):
    """Section `baselines.cyclegan`."""

    net: CycleGanNet
    loss: Literal["squared", "cross_entropy"]  # published: squared
    discriminator_factor: Annotated[float, Range(above=0, most=2)]  # on D's sum of real and fake; published: 0.5
    weights: CycleGanWeights
    pool: Annotated[int, Range(least=0, most=1000)]  # images made before, of each kind; published: 50
    optimizer: AdamParams


def make_nets(params: CycleGanParams) -> dict[str, nn.Module]:
    return {"to_photo": CycleGenerator(CHANNELS, CHANNELS, params.net.width, params.net.blocks)}


@torch.no_grad()
def photos(nets: nn.ModuleDict, strokes: Tensor, params: CycleGanParams) -> Tensor:
    """Strokes (N, 1, H, W), 1 = ink -> photos (N, 3, H, W) in [0, 1]."""
    return unsigned(nets["to_photo"](drawings(strokes)))


class CycleGan(Translator):
    """Both generators by one Adam, then both discriminators by another, on pools of what was made."""

    def __init__(self, fabric: Fabric, params: CycleGanParams, source: str = SKETCH) -> None:
        self.params, self.towards = params, TOWARDS[params.loss]
        back = {"to_drawing": CycleGenerator(CHANNELS, CHANNELS, params.net.width, params.net.blocks)}
        judges = {
            name: PatchDiscriminator(CHANNELS, params.net.width, PATCH_LAYERS, "instance")
            for name in ("of_photos", "of_drawings")
        }
        sides = {
            "g": Side(fabric, make_nets(params) | back, params.optimizer),
            "d": Side(fabric, judges, params.optimizer),
        }
        self.pools = {name: ImagePool(params.pool) for name in judges}
        super().__init__(fabric, params.seed, sides, source)

    def update(self, strokes: Tensor, photo: Tensor) -> dict[str, Tensor]:
        drawing, true = drawings(strokes), signed(photo)
        g, d = self.sides["g"], self.sides["d"]
        d.frozen(True)
        made, drawn = g.nets["to_photo"](drawing), g.nets["to_drawing"](true)
        terms = {
            "adversarial": self._verdict("of_photos", made, 1) + self._verdict("of_drawings", drawn, 1),
            "cycle": l1(drawing, g.nets["to_drawing"](made)) + l1(true, g.nets["to_photo"](drawn)),
            "identity": l1(true, g.nets["to_photo"](true)) + l1(drawing, g.nets["to_drawing"](drawing)),
        }
        weights = self.params.weights
        of_identity = weights.identity * weights.cycle
        g.update(
            weights.adversarial * terms["adversarial"]
            + weights.cycle * terms["cycle"]
            + of_identity * terms["identity"]
        )
        d.frozen(False)
        judged = self._judged("of_photos", true, made) + self._judged("of_drawings", drawing, drawn)
        d.update(judged)
        return terms | {"discriminator": judged}

    def _verdict(self, judge: str, images: Tensor, target: float) -> Tensor:
        return self.towards(self.sides["d"].nets[judge](images).float(), target)

    def _judged(self, judge: str, true: Tensor, made: Tensor) -> Tensor:
        """D's loss, the made images exchanged with its pool."""
        old = self.pools[judge](made)
        return self.params.discriminator_factor * (self._verdict(judge, true, 1) + self._verdict(judge, old, 0))

    def made(self, strokes: Tensor) -> Tensor:
        return photos(self.making(), strokes, self.params)

    def making(self) -> nn.ModuleDict:
        return nn.ModuleDict({"to_photo": self.sides["g"].nets["to_photo"]})

    def state(self) -> dict[str, Tensor]:
        pools = [prefixed(f"{name}/", pool.state()) for name, pool in self.pools.items()]
        return super().state() | {key: value for tensors in pools for key, value in tensors.items()}

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        super().load_state(tensors)
        for name, pool in self.pools.items():
            pool.load_state(below(tensors, f"{name}/"), self.fabric.device)


def _needs(sections: Mapping[str, Any]) -> Needs:
    return needs(sections["baselines.cyclegan"], SKETCH, paired=False)


def _build(fabric: Fabric, sections: Mapping[str, Any], _: object) -> CycleGan:
    return CycleGan(fabric, sections["baselines.cyclegan"])


TRAINER = TrainingStage({"baselines.cyclegan": CycleGanParams}, _needs, _build)


def open_as(name: str, layout: Layout, device: torch.device) -> Opened:
    """As trained into data/trained/NAME."""
    return opened(layout, name, device, CycleGanParams, make_nets, photos)


def open_system(layout: Layout, device: torch.device) -> Opened:
    """Sketches (N, S, S), 255 = paper -> photos (N, S, S, 3), and no calibrated strokes."""
    return open_as("cyclegan", layout, device)
