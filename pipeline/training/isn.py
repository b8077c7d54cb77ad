"""Stage train_isn: the Image Synthesis Network, calibrated sketch -> photo (Section 3.3), on true Canny ⊙ HED."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import torch
from lightning_fabric import Fabric
from torch import Tensor

from models.generators.modulated import NoisyGenerator, ReadsStyles
from models.losses.adversarial import feature_matching
from models.losses.photo import PERCEPTUAL, TV, dissimilarity, l1, style
from pipeline.core.allowed import BatchSize, Seed, Weight
from pipeline.core.params import require
from pipeline.training.adversarial import AdversarialParams, Gan, NetParams, OneGan, OptimizerParams
from pipeline.training.data import AugmentParams, Batch
from pipeline.training.device import Device
from pipeline.training.loop import ScheduleParams
from pipeline.training.perceptual import VGGS, PerceptualParams
from pipeline.training.trainers import Needs, TrainingStage, train_stage, weighted_sum

CHANNELS = (1, 3)


MEASURES = ("l1", "ssim")  # of the photos made of val


@dataclass(frozen=True)
class IsnWeights:
    """λ1, λ2, λ3, λ4 of Eq. 6, the weight of the total variation and, beyond the paper, of 1 - SSIM."""

    l1: Weight
    adversarial: Weight
    perceptual: Weight
    style: Weight
    tv: Weight
    ssim: Weight  # 0: none, as the paper
    feature_matching: Weight  # of D's maps of the made and the true photo; 0: none, as the paper

    def __post_init__(self) -> None:
        require(any(vars(self).values()), f"one of {', '.join(vars(self))} above 0")


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
        told = getattr(self.net.generator, "code", 0) and not hasattr(self.net.generator, "dropped")
        require(not told, "net.generator.kind styled, where it takes a code")


class Isn(OneGan):
    """P = G2(R), Eq. 5, with the terms of Eq. 6."""

    given = "product"  # what of a batch the photo is made of

    def __init__(self, fabric: Fabric, params: IsnParams, channels: tuple[int, int] = CHANNELS) -> None:
        self.gan = Gan(fabric, params.net, params.optimizer, params.loss.adversarial, channels)
        self.styled = isinstance(self.gan.generator, ReadsStyles)
        self.loss = params.loss
        chosen = params.loss.perceptual
        self.vgg = fabric.to_device(VGGS[chosen.net](last=max(chosen.layers + chosen.style_layers)))

    def made(self, strokes: Tensor, batch: Batch) -> Tensor:
        """P of strokes (N, 1, H, W), 1 = ink; of a net that takes a style, told those of the batch's photos."""
        if not self.styled:
            return self._photo(strokes)
        with self.gan.fabric.autocast():  # not self.gan.g, which the strokes go through
            code = cast(ReadsStyles, self.gan.generator).style(batch["photo"])
        places = [batch["noise"][:, :2]] if isinstance(self.gan.generator, NoisyGenerator) else []
        return self._photo(strokes, code.float(), *places)

    def _photo(self, *given: Tensor) -> Tensor:
        photo: Tensor = self.gan.g(*given)
        return photo

    def step(self, batch: Batch) -> dict[str, Tensor]:
        return self.learn(self.made(batch[self.given], batch), batch)

    def learn(self, photo: Tensor, batch: Batch) -> dict[str, Tensor]:
        """A step of D and of G, which has made the photo of a batch."""
        judged = self.discriminate(photo, batch, batch[self.given])
        terms = self.terms(photo, batch, batch[self.given])
        self.gan.g_optimizer.zero_grad(set_to_none=True)
        self.gan.fabric.backward(self.total(terms))
        self.gan.update_generator()
        return {key: value.detach() for key, value in terms.items()} | judged

    def discriminate(self, photo: Tensor, batch: Batch, strokes: Tensor) -> dict[str, Tensor]:
        return self.gan.update_discriminator([batch["photo"]], photo, batch["noise"], strokes)

    def terms(self, photo: Tensor, batch: Batch, strokes: Tensor) -> dict[str, Tensor]:
        """The unweighted terms of G2 that have a weight; `strokes`: what the photo was made of."""
        real, fake = self._seen(batch["photo"], photo)
        chosen = self.loss.perceptual
        losses: dict[str, Callable[[], Tensor]] = {
            "l1": lambda: l1(batch["photo"], photo),
            "perceptual": lambda: PERCEPTUAL[chosen.weighting](real, fake, chosen.layers),
            "style": lambda: style(real, fake, chosen.style_layers),
            "tv": lambda: TV[self.loss.tv](photo),
            "ssim": lambda: dissimilarity(batch["photo"], photo),
        }
        found = {name: loss() for name, loss in losses.items() if getattr(self.loss.weights, name)}
        return found | self._judged(photo, batch, strokes)

    def _judged(self, photo: Tensor, batch: Batch, strokes: Tensor) -> dict[str, Tensor]:
        """What D teaches: nothing while it rests."""
        weights = self.loss.weights
        asked = [name for name in ("adversarial", "feature_matching") if getattr(weights, name)]
        if self.gan.resting or not asked:
            return {name: photo.new_zeros(()) for name in asked}
        fake = self.gan.judge(photo, batch["noise"], strokes)
        found = {"adversarial": self.gan.fooling(fake)} if weights.adversarial else {}
        if weights.feature_matching:
            real = self.gan.judge_real(batch["photo"], batch["noise"], strokes)
            found["feature_matching"] = feature_matching(real, fake)
        return found

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

    def measure(self, batch: Batch) -> dict[str, Tensor]:
        """How far the photo made of the true Canny ⊙ HED is from the person's: mean error, 1 - SSIM.

        Of a net that takes a style, made with the neutral one; `_like`: with that of the true photo. gradient_TERM:
        the norm of each weighted term's gradient at the photo, mean over the batch. Raises UserError for D at chance.
        """
        self.gan.check()
        photo = self.gan.shown(batch[self.given])
        found = {"l1": l1(batch["photo"], photo), "ssim": dissimilarity(batch["photo"], photo)}
        if self.styled:
            like = self.shown_like(batch[self.given], batch["photo"])
            found |= {"l1_like": l1(batch["photo"], like), "ssim_like": dissimilarity(batch["photo"], like)}
        return found | self._gradients(photo, batch)

    @torch.enable_grad()
    def _gradients(self, photo: Tensor, batch: Batch) -> dict[str, Tensor]:
        made = photo.detach().requires_grad_()
        terms = self.terms(made, batch, batch[self.given])
        found = {}
        for name, term in terms.items():
            weighted = term * getattr(self.loss.weights, name)
            slope = torch.autograd.grad(weighted, made, retain_graph=True)[0] if term.requires_grad else 0 * made
            found[f"gradient_{name}"] = slope.detach().flatten(1).norm(dim=1).mean() * len(made)
        return found

    def shown_like(self, strokes: Tensor, photos: Tensor) -> Tensor:
        """Photos made of strokes in the styles of others, as the stage would hand G on."""
        with self.gan.handed_on() as net:
            made: Tensor = net(strokes, net.style(photos)).float()
        return made

    def show(self, batch: Batch) -> dict[str, Tensor]:
        """Columns of the sample sheet: name -> (N, C, H, W) in [0, 1]."""
        return {"canny x hed": batch["product"]} | self.show_made(batch["product"], batch["photo"])

    def show_made(self, strokes: Tensor, photo: Tensor) -> dict[str, Tensor]:
        """Of any strokes: what is generated, in the true photo's style too where the net takes one, and the photo."""
        like = {"like the photo": self.shown_like(strokes, photo)} if self.styled else {}
        return {"generated": self.gan.shown(strokes)} | like | {"photo": photo}


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
