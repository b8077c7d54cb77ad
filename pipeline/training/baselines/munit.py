"""MUNIT (Huang et al. 2018): what a picture shows and how it looks as two codes; many photos of a drawing.

docs/baselines.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from models.baselines.munit import MunitGenerator, ScaledDiscriminator
from models.losses.photo import l1
from models.losses.towards import TOWARDS
from pipeline.core.allowed import Range, Weight
from pipeline.core.layout import Layout
from pipeline.core.polarity import turned_tensor
from pipeline.training.data import Batch
from pipeline.training.sides import AdamParams, Side
from pipeline.training.styles_at_test import TestSeeds, named, told_all
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

CHANNELS = 3  # of both, as published
SLOPE = 0.2
DOMAINS = ("drawing", "photo")


@dataclass(frozen=True)
class MunitNet:
    """The published values: width 64, 4 blocks, 8 numbers a style, 3 scales."""

    width: Annotated[int, Range(least=1, most=512)]
    blocks: Annotated[int, Range(least=1, most=64)]
    style: Annotated[int, Range(least=1, most=512)]
    scales: Annotated[int, Range(least=1, most=3)]


@dataclass(frozen=True)
class MunitWeights:
    """Published: 1, 10, 1, 1, and 0 for the images' cycle, of which 10 keeps shapes."""

    adversarial: Weight
    images: Weight
    styles: Weight
    contents: Weight
    cycle: Weight


@dataclass(frozen=True)
class MunitParams(BaselineParams):
    """Section `baselines.munit`."""

    net: MunitNet
    loss: Literal["squared", "cross_entropy"]  # published: squared
    discriminator_factor: Annotated[float, Range(above=0, most=2)]  # on D's sum of real and fake; published: 1
    weights: MunitWeights
    optimizer: AdamParams
    test_seeds: TestSeeds  # of the styles of several photos a drawing; the first is measured

    @property
    def multiple(self) -> int:
        """What sides of pictures are multiples of: the third scale is judged at a quarter, 16 px a verdict."""
        return int(16 * 2 ** (self.net.scales - 1))


def make_nets(params: MunitParams) -> dict[str, nn.Module]:
    net = params.net
    return {name: MunitGenerator(CHANNELS, net.width, net.blocks, net.style) for name in DOMAINS}


def _both(nets: nn.ModuleDict) -> tuple[Any, Any]:
    """The generators of drawings and of photos."""
    return nets["drawing"], nets["photo"]


@torch.no_grad()
def photos_of_seed(nets: nn.ModuleDict, strokes: Tensor, params: MunitParams, seed: int) -> Tensor:
    """Strokes (N, 1, H, W), 1 = ink -> photos (N, 3, H, W) in [0, 1], all in the style of one seed."""
    drawing, photo = _both(nets)
    content = drawing.content(drawings(strokes))
    return unsigned(photo.decode(content, told_all(seed, params.net.style, content)))


def photos(nets: nn.ModuleDict, strokes: Tensor, params: MunitParams) -> Tensor:
    """In the first style."""
    return photos_of_seed(nets, strokes, params, params.test_seeds[0])


class Munit(Translator):
    """D of each domain first, on images of styles drawn for it; then both generators, with another draw."""

    def __init__(self, fabric: Fabric, params: MunitParams, source: str = SKETCH) -> None:
        self.params, self.towards = params, TOWARDS[params.loss]
        judges = {name: ScaledDiscriminator(CHANNELS, params.net.width, params.net.scales, SLOPE) for name in DOMAINS}
        sides = {
            "g": Side(fabric, make_nets(params), params.optimizer),
            "d": Side(fabric, judges, params.optimizer),
        }
        super().__init__(fabric, params.seed, sides, source)

    def update(self, strokes: Tensor, photo: Tensor) -> dict[str, Tensor]:
        drawing, true = drawings(strokes).contiguous(), signed(photo)
        judged = self._update_discriminators(drawing, true)
        terms = self._terms(drawing, true)
        weights = self.params.weights
        self.sides["g"].update(torch.stack([getattr(weights, name) * term for name, term in terms.items()]).sum())
        return terms | {"discriminator": judged}

    def _update_discriminators(self, drawing: Tensor, true: Tensor) -> Tensor:
        self.sides["d"].frozen(False)
        g_drawing, g_photo = _both(self.sides["g"].nets)
        with torch.no_grad():
            of_drawing, of_photo = g_drawing.content(drawing), g_photo.content(true)
            drawn, made = g_drawing.decode(of_photo, self._style(true)), g_photo.decode(of_drawing, self._style(true))
        loss = self._judged("drawing", drawing, drawn) + self._judged("photo", true, made)
        self.sides["d"].update(loss)
        return loss

    def _terms(self, drawing: Tensor, true: Tensor) -> dict[str, Tensor]:
        """The unweighted terms of the generators."""
        self.sides["d"].frozen(True)
        g_drawing, g_photo = _both(self.sides["g"].nets)
        (of_drawing, own_drawing), (of_photo, own_photo) = g_drawing.encode(drawing), g_photo.encode(true)
        style_drawing, style_photo = self._style(true), self._style(true)
        drawn, made = g_drawing.decode(of_photo, style_drawing), g_photo.decode(of_drawing, style_photo)
        (of_photo_again, drawing_style), (of_drawing_again, photo_style) = g_drawing.encode(drawn), g_photo.encode(made)
        terms = {
            "images": l1(drawing, g_drawing.decode(of_drawing, own_drawing))
            + l1(true, g_photo.decode(of_photo, own_photo)),
            "styles": l1(style_drawing, drawing_style) + l1(style_photo, photo_style),
            "contents": l1(of_drawing, of_drawing_again) + l1(of_photo, of_photo_again),
            "adversarial": self._fooled("drawing", drawn) + self._fooled("photo", made),
        }
        if self.params.weights.cycle:
            terms["cycle"] = l1(drawing, g_drawing.decode(of_drawing_again, own_drawing)) + l1(
                true, g_photo.decode(of_photo_again, own_photo)
            )
        return terms

    def _style(self, like: Tensor) -> Tensor:
        return self.codes(len(like), self.params.net.style)

    def _verdicts(self, domain: str, images: Tensor, target: float) -> Tensor:
        found = self.sides["d"].nets[domain](images)
        return torch.stack([self.towards(verdicts.float(), target) for verdicts in found]).sum()

    def _judged(self, domain: str, true: Tensor, made: Tensor) -> Tensor:
        loss = self._verdicts(domain, true, 1) + self._verdicts(domain, made, 0)
        return self.params.discriminator_factor * loss

    def _fooled(self, domain: str, made: Tensor) -> Tensor:
        return self._verdicts(domain, made, 1)

    def made(self, strokes: Tensor) -> Tensor:
        return photos(self.making(), strokes, self.params)

    def show(self, batch: Batch) -> dict[str, Tensor]:
        """A photo of each seed, and the true one."""
        strokes, seeds = batch[self.source], self.params.test_seeds
        made = [photos_of_seed(self.making(), strokes, self.params, seed) for seed in seeds]
        return {"sketch": turned_tensor(strokes)} | named(seeds, made) | {"photo": batch["photo"]}


def _needs(sections: Mapping[str, Any]) -> Needs:
    return needs(sections["baselines.munit"], SKETCH, paired=False)


def _build(fabric: Fabric, sections: Mapping[str, Any], _: object) -> Munit:
    return Munit(fabric, sections["baselines.munit"])


TRAINER = TrainingStage({"baselines.munit": MunitParams}, _needs, _build)


def open_as(name: str, layout: Layout, device: torch.device) -> Opened:
    """As trained into data/trained/NAME."""
    return opened(layout, name, device, MunitParams, make_nets, photos)


def open_system(layout: Layout, device: torch.device) -> Opened:
    """Sketches (N, S, S), 255 = paper -> photos (N, S, S, 3) in the first style, and no calibrated strokes."""
    return open_as("munit", layout, device)
