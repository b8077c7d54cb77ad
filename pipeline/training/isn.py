"""Stage train_isn: the Image Synthesis Network, calibrated sketch -> photo (Section 3.3), on true Canny ⊙ HED."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from models.losses.photo import TV, dissimilarity, l1, perceptual, style
from models.perceptual import NAMES, vgg19_random
from pipeline.core.allowed import BatchSize, Items, OneOf, Seed, Weight
from pipeline.core.params import require
from pipeline.training.adversarial import AdversarialParams, Gan, NetParams, OptimizerParams
from pipeline.training.data import AugmentParams, Batch
from pipeline.training.device import Device
from pipeline.training.loop import ScheduleParams
from pipeline.training.trainers import Needs, TrainingStage, train_stage, weighted_sum
from pipeline.weights import loaders

CHANNELS = (1, 3)


MEASURES = ("l1", "ssim")  # of the photos made of val
Layers = Annotated[tuple[Annotated[str, OneOf(lambda: NAMES)], ...], Items(least=0)]


@dataclass(frozen=True)
class IsnWeights:
    """λ1, λ2, λ3, λ4 of Eq. 6, the weight of the total variation and, beyond the paper, of 1 - SSIM."""

    l1: Weight
    adversarial: Weight
    perceptual: Weight
    style: Weight
    tv: Weight
    ssim: Weight  # 0: none, as the paper

    def __post_init__(self) -> None:
        require(any(vars(self).values()), "one of l1, adversarial, perceptual, style, tv, ssim above 0")


@dataclass(frozen=True)
class PerceptualParams:
    """Which VGG-19 and which of its maps, all before activation."""

    net: Literal["vgg19", "vgg19_normalised", "vgg19_compressed", "random"]
    layers: Layers
    style_layers: Layers

    def __post_init__(self) -> None:
        require(bool(self.layers or self.style_layers), "a layer in layers or style_layers")


@dataclass(frozen=True)
class IsnLoss:
    """Eq. 6."""

    perceptual: PerceptualParams
    tv: Literal["paper", "anisotropic"]
    adversarial: AdversarialParams
    weights: IsnWeights

    def __post_init__(self) -> None:
        for weight, layers in (("perceptual", "layers"), ("style", "style_layers")):
            used = not getattr(self.weights, weight) or getattr(self.perceptual, layers)
            require(bool(used), f"perceptual.{layers} named, or weights.{weight} 0")


@dataclass(frozen=True)
class IsnParams:
    """Section `train_isn`."""

    net: NetParams
    loss: IsnLoss
    optimizer: OptimizerParams
    schedule: ScheduleParams
    augment: AugmentParams
    batch: BatchSize
    seed: Seed

    def __post_init__(self) -> None:
        require(self.schedule.plateau_measure in MEASURES, f"schedule.plateau_measure one of {', '.join(MEASURES)}")


VGGS: dict[str, Callable[..., nn.Module]] = {
    **{name: partial(loaders.net, name) for name in ("vgg19", "vgg19_normalised", "vgg19_compressed")},
    "random": partial(vgg19_random, 0),
}


class Isn:
    """P = G2(R), Eq. 5, with the terms of Eq. 6."""

    def __init__(self, fabric: Fabric, params: IsnParams) -> None:
        self.gan = Gan(fabric, params.net, params.optimizer, params.loss.adversarial, CHANNELS)
        self.loss = params.loss
        chosen = params.loss.perceptual
        self.vgg = fabric.to_device(VGGS[chosen.net](last=max(chosen.layers + chosen.style_layers)))

    def step(self, batch: Batch) -> dict[str, Tensor]:
        photo = self.gan.g(batch["product"])
        judged = self.discriminate(photo, batch)
        terms = self.terms(photo, batch)
        self.gan.g_optimizer.zero_grad(set_to_none=True)
        self.gan.fabric.backward(self.total(terms))
        self.gan.update_generator()
        return {key: value.detach() for key, value in terms.items()} | judged

    def discriminate(self, photo: Tensor, batch: Batch) -> dict[str, Tensor]:
        return self.gan.update_discriminator([batch["photo"]], photo, batch["noise"])

    def terms(self, photo: Tensor, batch: Batch) -> dict[str, Tensor]:
        """The unweighted terms of G2 that have a weight."""
        real, fake = self._seen(batch["photo"], photo)
        losses: dict[str, Callable[[], Tensor]] = {
            "l1": lambda: l1(batch["photo"], photo),
            "adversarial": lambda: self.gan.fooling(self.gan.judge(photo, batch["noise"])),
            "perceptual": lambda: perceptual(real, fake, self.loss.perceptual.layers),
            "style": lambda: style(real, fake, self.loss.perceptual.style_layers),
            "tv": lambda: TV[self.loss.tv](photo),
            "ssim": lambda: dissimilarity(batch["photo"], photo),
        }
        return {name: loss() for name, loss in losses.items() if getattr(self.loss.weights, name)}

    def _seen(self, photo: Tensor, made: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """What the VGG sees in the true photo and in the made one; nothing where no loss asks."""
        if not (self.loss.weights.perceptual or self.loss.weights.style):
            return {}, {}
        with torch.no_grad():
            real = self._features(photo)
        return real, self._features(made)

    def _features(self, photo: Tensor) -> dict[str, Tensor]:
        with self.gan.fabric.autocast():
            features: dict[str, Tensor] = self.vgg(photo)
        return features

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        return weighted_sum(terms, self.loss.weights)

    def nets(self) -> list[nn.Module]:
        """What --compile compiles: nearly all the work."""
        return [self.gan.generator]

    def set_progress(self, share: float) -> float:
        return self.gan.set_progress(share)

    def state(self) -> dict[str, Tensor]:
        return self.gan.state("")

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        self.gan.load_state(tensors, "")

    def weights(self) -> dict[str, Tensor]:
        return self.gan.weights()

    def measure(self, batch: Batch) -> dict[str, Tensor]:
        """How far the photo made of the true Canny ⊙ HED is from the person's: mean error, 1 - SSIM."""
        photo = self.gan.shown(batch["product"])
        return {"l1": l1(batch["photo"], photo), "ssim": dissimilarity(batch["photo"], photo)}

    def show(self, batch: Batch) -> dict[str, Tensor]:
        """Columns of the sample sheet: name -> (N, C, H, W) in [0, 1]."""
        return {"canny x hed": batch["product"], "generated": self.gan.shown(batch["product"]), "photo": batch["photo"]}


def vgg_file(params: IsnParams) -> tuple[str, ...]:
    """The weight file its perceptual loss reads; the untrained VGG has none."""
    return (params.loss.perceptual.net,) if params.loss.perceptual.net != "random" else ()


def _weights(sections: Mapping[str, Any]) -> tuple[str, ...]:
    return vgg_file(sections["train_isn"])


def _needs(_: Mapping[str, Any]) -> Needs:
    return Needs(("photo", "product"))


def _build(fabric: Fabric, sections: Mapping[str, Any], _: object) -> Isn:
    return Isn(fabric, sections["train_isn"])


TRAINER = TrainingStage({"train_isn": IsnParams}, _needs, _build, weights=_weights)


def run(params: IsnParams, data: Path, device: Device) -> None:
    """Train ISN alone: data/packed -> data/trained/isn."""
    train_stage("isn", TRAINER, {"train_isn": params}, data, device)
