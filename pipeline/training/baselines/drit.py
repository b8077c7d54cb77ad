"""DRIT++ (Lee et al. 2020) as its authors' code runs by default: contents that no net tells apart, attributes drawn.

A batch is two halves: of the one the attributes are encoded, of the other they are drawn. docs/baselines.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from models.baselines.drit import (
    SLOPE,
    AttributeEncoder,
    ContentDiscriminator,
    ContentEncoders,
    DritGenerators,
)
from models.baselines.munit import ScaledDiscriminator
from models.losses.photo import l1
from models.losses.towards import cross_entropy
from pipeline.core.allowed import Range, Weight
from pipeline.core.layout import Layout
from pipeline.core.params import require
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

CHANNELS = (3, 3)  # of drawings and photos, as published
DRAWING, PHOTO = 0, 1
Pair = tuple[Tensor, Tensor]  # of a drawing, of a photo


@dataclass(frozen=True)
class DritNet:
    """The published values: width 64, 8 attributes, 3 scales, 3 layers of the content's discriminator."""

    width: Annotated[int, Range(least=1, most=512)]
    code: Annotated[int, Range(least=1, most=512)]
    scales: Annotated[int, Range(least=1, most=3)]
    content_layers: Annotated[int, Range(least=1, most=3)]  # 1 at 64 px, 2 at 128, 3 from 216 on


@dataclass(frozen=True)
class DritWeights:
    """Published: 1, 1, 10, 10, 0.01, 0.01, 10, 1."""

    adversarial: Weight
    content: Weight  # adversarial, of contents
    images: Weight
    cross_cycle: Weight
    divergence: Weight  # of the attributes from N(0, 1), a sum
    content_size: Weight
    attributes: Weight
    modes: Weight  # of mode seeking


@dataclass(frozen=True)
class DritParams(BaselineParams):
    """Section `baselines.drit`."""

    net: DritNet
    weights: DritWeights
    optimizer: AdamParams
    content_lr: Annotated[float, Range(above=0, most=1)]  # of the content's discriminator; published: 4e-5
    content_clip: Annotated[float, Range(above=0, most=1e6)]  # norm of its gradient; published: 5
    every_steps: Annotated[int, Range(least=1, most=100)]  # all nets; the steps between train that one; published: 3
    test_seeds: TestSeeds  # of the attributes of several photos a drawing; the first is measured

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.batch % 2 == 0, "batch even: one half's attributes are encoded, the other's drawn")

    @property
    def multiple(self) -> int:
        """What sides of pictures are multiples of."""
        return int(16 * 2 ** (self.net.scales - 1))


def make_nets(params: DritParams) -> dict[str, nn.Module]:
    net = params.net
    return {
        "content": ContentEncoders(CHANNELS, net.width),
        "generators": DritGenerators(CHANNELS, net.width, net.code),
    }


@torch.no_grad()
def photos_of_seed(nets: nn.ModuleDict, strokes: Tensor, params: DritParams, seed: int) -> Tensor:
    """Strokes (N, 1, H, W), 1 = ink -> photos (N, 3, H, W) in [0, 1], all with the attributes of one seed."""
    learning = nets["content"].training
    content = nets["content"].eval()(drawings(strokes), DRAWING)  # no noise
    nets["content"].train(learning)
    return unsigned(nets["generators"](content, told_all(seed, params.net.code, content), PHOTO))


def photos(nets: nn.ModuleDict, strokes: Tensor, params: DritParams) -> Tensor:
    """With the first attributes."""
    return photos_of_seed(nets, strokes, params, params.test_seeds[0])


@dataclass(frozen=True)
class Encoded:
    """The half of a batch whose attributes are encoded: images, contents, means, log variances, a draw of each."""

    images: Pair
    contents: Pair
    means: Pair
    log_variances: Pair
    attributes: Pair


class Drit(Translator):
    """Four image discriminators and one of contents against encoders and generators, which take two steps."""

    def __init__(self, fabric: Fabric, params: DritParams, source: str = SKETCH) -> None:
        self.params, net = params, params.net
        encoders = {
            f"attributes_{domain}": AttributeEncoder(count, net.width, net.code)
            for domain, count in enumerate(CHANNELS)
        }
        judges = {
            f"{kind}_{domain}": ScaledDiscriminator(count, net.width, net.scales, SLOPE)
            for kind in ("encoded", "drawn")
            for domain, count in enumerate(CHANNELS)
        }
        content = {"content": ContentDiscriminator(4 * net.width, net.content_layers)}
        slower = replace(params.optimizer, lr=params.content_lr)
        sides = {
            "g": Side(fabric, make_nets(params) | encoders, params.optimizer),
            "d": Side(fabric, judges, params.optimizer),
            "content": Side(fabric, content, slower, params.content_clip),
        }
        super().__init__(fabric, params.seed, sides, source)

    def making(self) -> nn.ModuleDict:
        return nn.ModuleDict({name: self.sides["g"].nets[name] for name in ("content", "generators")})

    def update(self, strokes: Tensor, photo: Tensor) -> dict[str, Tensor]:
        images = drawings(strokes).contiguous(), signed(photo)
        encoded, drawn = ((a, b) for a, b in zip(*(image.chunk(2) for image in images), strict=True))
        if (self.steps + 1) % self.params.every_steps:
            with torch.no_grad():
                contents = self._contents(encoded)
            zero = contents[0].new_zeros(())
            return dict.fromkeys(self._names(), zero) | {"content_discriminator": self._update_content(contents)}
        told = self._told(encoded), self._told(encoded)
        judged = self._update_discriminators(encoded, drawn, told[0])
        for side in ("d", "content"):
            self.sides[side].frozen(True)
        terms = self._encoded_terms(self._encode(encoded))
        self.sides["g"].update(self._weighted(terms))
        again = self._drawn_terms(encoded, told)
        for name in ("attributes_0", "attributes_1"):
            self.sides["g"].nets[name].requires_grad_(False)
        self.sides["g"].update(self._weighted(again))
        for name in ("attributes_0", "attributes_1"):
            self.sides["g"].nets[name].requires_grad_(True)
        return terms | {f"{name}_drawn" if name in terms else name: term for name, term in again.items()} | judged

    @staticmethod
    def _names() -> tuple[str, ...]:
        of_encoded = ("adversarial", "content", "images", "cross_cycle", "divergence", "content_size")
        return (*of_encoded, "adversarial_drawn", "attributes", "modes", "discriminator")

    def _weighted(self, terms: Mapping[str, Tensor]) -> Tensor:
        return torch.stack([getattr(self.params.weights, name) * term for name, term in terms.items()]).sum()

    def _told(self, encoded: Pair) -> Tensor:
        return self.codes(len(encoded[0]), self.params.net.code)

    def _contents(self, images: Pair) -> Pair:
        net = self.sides["g"].nets["content"]
        return net(images[DRAWING], DRAWING), net(images[PHOTO], PHOTO)

    def _encode(self, images: Pair) -> Encoded:
        found = [self.sides["g"].nets[f"attributes_{domain}"](image) for domain, image in enumerate(images)]
        means, log_variances = (tuple(part) for part in zip(*found, strict=True))
        attributes = tuple(
            mean + (log_variance / 2).exp() * self.codes(*mean.shape).to(mean)
            for mean, log_variance in zip(means, log_variances, strict=True)
        )
        return Encoded(images, self._contents(images), means, log_variances, attributes)  # type: ignore[arg-type]

    def _generated(self, content: Tensor, attributes: Tensor, domain: int) -> Tensor:
        image: Tensor = self.sides["g"].nets["generators"](content, attributes, domain)
        return image

    def _exchanged(self, contents: Pair, attributes: Pair) -> Pair:
        """A drawing of the photo's content, a photo of the drawing's."""
        of_drawing, of_photo = contents
        drawing = self._generated(of_photo, attributes[DRAWING], DRAWING)
        return drawing, self._generated(of_drawing, attributes[PHOTO], PHOTO)

    def _update_content(self, contents: Pair) -> Tensor:
        """Drawings' contents are 0, photos' 1."""
        side = self.sides["content"]
        side.frozen(False)
        verdicts = [side.nets["content"](content.detach()).float() for content in contents]
        loss = cross_entropy(verdicts[DRAWING], 0) + cross_entropy(verdicts[PHOTO], 1)
        side.update(loss)
        return loss

    def _update_discriminators(self, encoded: Pair, drawn: Pair, told: Tensor) -> dict[str, Tensor]:
        self.sides["d"].frozen(False)
        with torch.no_grad():
            half = self._encode(encoded)
            made = {
                "encoded": self._exchanged(half.contents, half.attributes),
                "drawn": self._exchanged(half.contents, (told, told)),
            }
        true = {"encoded": encoded, "drawn": drawn}
        losses = [
            self._verdicts(kind, domain, true[kind][domain], 1) + self._verdicts(kind, domain, made[kind][domain], 0)
            for kind in made
            for domain in (DRAWING, PHOTO)
        ]
        loss = torch.stack(losses).sum()
        self.sides["d"].update(loss)
        return {"discriminator": loss, "content_discriminator": self._update_content(half.contents)}

    def _verdicts(self, kind: str, domain: int, images: Tensor, target: float) -> Tensor:
        found = self.sides["d"].nets[f"{kind}_{domain}"](images)
        return torch.stack([cross_entropy(verdicts.float(), target) for verdicts in found]).sum()

    def _encoded_terms(self, half: Encoded) -> dict[str, Tensor]:
        """Of the first step: images of encoded attributes, back again by a second exchange."""
        made = self._exchanged(half.contents, half.attributes)
        back = self._encode(made)
        again = self._exchanged(back.contents, back.attributes)
        own = [self._generated(half.contents[i], half.attributes[i], i) for i in (DRAWING, PHOTO)]
        content = self.sides["content"].nets["content"]
        divergences = [
            -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum()
            for mean, log_variance in zip(half.means, half.log_variances, strict=True)
        ]
        both = (DRAWING, PHOTO)
        return {
            "adversarial": torch.stack([self._verdicts("encoded", i, made[i], 1) for i in both]).sum(),
            "content": torch.stack([cross_entropy(content(c).float(), 0.5) for c in half.contents]).sum(),
            "images": torch.stack([l1(half.images[i], own[i]) for i in both]).sum(),
            "cross_cycle": torch.stack([l1(half.images[i], again[i]) for i in both]).sum(),
            "divergence": torch.stack(divergences).sum() * self.fabric.world_size,  # of the whole batch
            "content_size": torch.stack([c.square().mean() for c in half.contents]).sum(),
        }

    def _drawn_terms(self, encoded: Pair, told: Pair) -> dict[str, Tensor]:
        """Of the second step: images of drawn attributes, by the nets as the first step left them."""
        contents = self._contents(encoded)
        made, other = (self._exchanged(contents, (code, code)) for code in told)
        both = (DRAWING, PHOTO)
        means = [self.sides["g"].nets[f"attributes_{i}"](made[i])[0] for i in both]
        apart = [l1(made[i], other[i]) / l1(told[0], told[1]) for i in both]
        return {
            "adversarial": torch.stack([self._verdicts("drawn", i, made[i], 1) for i in both]).sum(),
            "attributes": torch.stack([l1(told[0], mean) for mean in means]).sum(),
            "modes": torch.stack([1 / (ratio + 1e-5) for ratio in apart]).sum(),
        }

    def made(self, strokes: Tensor) -> Tensor:
        return photos(self.making(), strokes, self.params)

    def show(self, batch: Batch) -> dict[str, Tensor]:
        """A photo of each seed, and the true one."""
        strokes, seeds = batch[self.source], self.params.test_seeds
        made = [photos_of_seed(self.making(), strokes, self.params, seed) for seed in seeds]
        return {"sketch": turned_tensor(strokes)} | named(seeds, made) | {"photo": batch["photo"]}


def _needs(sections: Mapping[str, Any]) -> Needs:
    return needs(sections["baselines.drit"], SKETCH, paired=False)


def _build(fabric: Fabric, sections: Mapping[str, Any], _: object) -> Drit:
    return Drit(fabric, sections["baselines.drit"])


TRAINER = TrainingStage({"baselines.drit": DritParams}, _needs, _build)


def open_system(layout: Layout, device: torch.device) -> Opened:
    """Sketches (N, S, S), 255 = paper -> photos (N, S, S, 3) with the first attributes, and no calibrated strokes."""
    return opened(layout, "drit", device, DritParams, make_nets, photos)
