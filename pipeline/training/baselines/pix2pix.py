"""pix2pix (Isola et al. 2017): a U-Net against a PatchGAN that sees the drawing beside the photo. docs/baselines.md."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from models.baselines.pix2pix import PatchDiscriminator, UnetGenerator
from models.losses.photo import l1
from models.losses.towards import TOWARDS
from pipeline.core.allowed import Range, Share, Weight
from pipeline.core.layout import Layout
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
    seeded,
    signed,
    unsigned,
)

CHANNELS = 3  # of drawings and photos, as published
PATCH_LAYERS = 3
TEST_SEED = 0  # ours: of the dropout in photos that are measured, which published code leaves to chance


@dataclass(frozen=True)
class Pix2PixNet:
    """The published values: width 64, 8 downs at 256 px, norm batch, dropout 0.5."""

    width: Annotated[int, Range(least=1, most=512)]
    downs: Annotated[int, Range(least=5, most=10)]  # sides of pictures are multiples of 2^downs
    norm: Literal["batch", "instance"]
    dropout: Share


@dataclass(frozen=True)
class Pix2PixWeights:
    """Published: 1 and 100."""

    adversarial: Weight
    l1: Weight


@dataclass(frozen=True)
class Pix2PixParams(BaselineParams):
    """Section `baselines.pix2pix`."""

    net: Pix2PixNet
    loss: Literal["cross_entropy", "squared"]  # published: cross_entropy
    discriminator_factor: Annotated[float, Range(above=0, most=2)]  # on its sum of real and fake; published: 0.5
    weights: Pix2PixWeights
    optimizer: AdamParams
    # train: batch norm and dropout as in training, image by image, as the published photos were made; eval: neither
    at_test: Literal["train", "eval"]

    @property
    def multiple(self) -> int:
        """What sides of pictures are multiples of."""
        return int(2**self.net.downs)


def make_nets(params: Pix2PixParams) -> dict[str, nn.Module]:
    net = params.net
    return {"generator": UnetGenerator(CHANNELS, CHANNELS, net.width, net.downs, net.norm, net.dropout)}


@contextmanager
def as_at_test(net: nn.Module, mode: str) -> Iterator[None]:
    """The net as its photos are measured; its running statistics stay as they are, and after it the net trains on."""
    tracked = [part for part in net.modules() if isinstance(part, nn.BatchNorm2d)]
    for part in tracked:
        part.track_running_stats = mode == "eval"
    net.train(mode == "train")
    yield
    net.train()
    for part in tracked:
        part.track_running_stats = True


@torch.no_grad()
def photos(nets: nn.ModuleDict, strokes: Tensor, params: Pix2PixParams) -> Tensor:
    """Strokes (N, 1, H, W), 1 = ink -> photos (N, 3, H, W) in [0, 1]: each alone, under the same dropout."""
    made = []
    with as_at_test(nets["generator"], params.at_test):
        for one in drawings(strokes).split(1):
            with seeded(TEST_SEED, one.device):
                made.append(nets["generator"](one))
    return unsigned(torch.cat(made))


class Pix2Pix(Translator):
    """G = adversarial + 100 L1; D, first, on concat(drawing, photo)."""

    def __init__(self, fabric: Fabric, params: Pix2PixParams, source: str = SKETCH) -> None:
        self.params, self.towards = params, TOWARDS[params.loss]
        discriminator = PatchDiscriminator(2 * CHANNELS, params.net.width, PATCH_LAYERS, params.net.norm)
        sides = {
            "g": Side(fabric, make_nets(params), params.optimizer),
            "d": Side(fabric, {"discriminator": discriminator}, params.optimizer),
        }
        super().__init__(fabric, params.seed, sides, source)

    def update(self, strokes: Tensor, photo: Tensor) -> dict[str, Tensor]:
        drawing, true = drawings(strokes), signed(photo)
        made = self.sides["g"].nets["generator"](drawing)
        judged = self._update_discriminator(drawing, true, made.detach())
        self.sides["d"].frozen(True)
        fooled = self.towards(self._verdicts(drawing, made), 1)
        off = l1(true, made)
        self.sides["g"].update(self.params.weights.adversarial * fooled + self.params.weights.l1 * off)
        return {"l1": off, "adversarial": fooled, "discriminator": judged}

    def _update_discriminator(self, drawing: Tensor, true: Tensor, made: Tensor) -> Tensor:
        self.sides["d"].frozen(False)
        fake, real = (self._verdicts(drawing, image) for image in (made, true))
        loss: Tensor = self.params.discriminator_factor * (self.towards(real, 1) + self.towards(fake, 0))
        self.sides["d"].update(loss)
        return loss

    def _verdicts(self, drawing: Tensor, image: Tensor) -> Tensor:
        verdicts: Tensor = self.sides["d"].nets["discriminator"](torch.cat([drawing, image], 1))
        return verdicts.float()

    def made(self, strokes: Tensor) -> Tensor:
        return photos(self.making(), strokes, self.params)


def _needs(sections: Mapping[str, Any]) -> Needs:
    return needs(sections["baselines.pix2pix"], SKETCH, paired=True)


def _build(fabric: Fabric, sections: Mapping[str, Any], _: object) -> Pix2Pix:
    return Pix2Pix(fabric, sections["baselines.pix2pix"])


TRAINER = TrainingStage({"baselines.pix2pix": Pix2PixParams}, _needs, _build)


def open_as(name: str, layout: Layout, device: torch.device) -> Opened:
    """As trained into data/trained/NAME."""
    return opened(layout, name, device, Pix2PixParams, make_nets, photos)


def open_system(layout: Layout, device: torch.device) -> Opened:
    """Sketches (N, S, S), 255 = paper -> photos (N, S, S, 3), and no calibrated strokes."""
    return open_as("pix2pix", layout, device)
