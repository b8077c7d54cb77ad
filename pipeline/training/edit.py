"""Stage train_edit: what is erased from a photo is drawn anew from strokes and colours (SC-FEGAN's task, Figure 8).

ours: G begins with what the ISN makes of the whole face's lines, as DeepFill v2's second net does with its first's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from models.losses.photo import PERCEPTUAL, l1
from pipeline.core.allowed import BatchSize, Range, Seed, Weight
from pipeline.core.layout import PROPOSED
from pipeline.core.params import require
from pipeline.drawing.face_prior import Eyes
from pipeline.training.adversarial import AdversarialParams, Gan, NetParams, OneGan, OptimizerParams
from pipeline.training.data import AugmentParams, Batch
from pipeline.training.erasing import Eraser, ErasingParams, composed
from pipeline.training.loop import ScheduleParams
from pipeline.training.perceptual import VGGS, PerceptualParams
from pipeline.training.propose import ProposeParams
from pipeline.training.trainers import FRAMING, Needs, TrainingStage, weighted_sum
from pipeline.training.windows import cut

CHANNELS = (12, 3)
COLOURS, MASK, PROPOSAL = slice(4, 7), slice(7, 8), slice(9, 12)  # of what the net is given
MEASURES = ("erased_l1",)


@dataclass(frozen=True)
class EditWeights:
    """Of what is made, within what is erased and without."""

    l1: Weight
    perceptual: Weight
    adversarial: Weight

    def __post_init__(self) -> None:
        require(any(vars(self).values()), f"one of {', '.join(vars(self))} above 0")


@dataclass(frozen=True)
class EditLoss:
    """After SC-FEGAN: L1 that counts more where it is erased, VGG's maps, SN-PatchGAN."""

    perceptual: PerceptualParams
    adversarial: AdversarialParams
    weights: EditWeights
    erased: Annotated[float, Range(least=1, most=100)]  # weight of L1 where the photo is erased; 1 elsewhere


@dataclass(frozen=True)
class EditParams:
    """Section `train_edit`."""

    net: NetParams
    loss: EditLoss
    optimizer: OptimizerParams
    schedule: ScheduleParams
    augment: AugmentParams
    erasing: ErasingParams
    window: Annotated[float, Range(above=0, most=1)]  # share of the side that a step sees, around what is erased
    batch: BatchSize
    seed: Seed

    def __post_init__(self) -> None:
        require(self.schedule.plateau_measure in MEASURES, f"schedule.plateau_measure one of {', '.join(MEASURES)}")


class Edit(OneGan):
    """G fills what is erased; D sees it beside what G was given."""

    def __init__(self, fabric: Fabric, params: EditParams, eyes: Eyes) -> None:
        """`eyes`: where the crops have them."""
        self.gan = Gan(fabric, params.net, params.optimizer, params.loss.adversarial, CHANNELS)
        self.params, self.loss, self.eyes = params, params.loss, eyes
        chosen = params.loss.perceptual
        asked = params.loss.weights.perceptual
        self.vgg = fabric.to_device(VGGS[chosen.net](last=max(chosen.layers))) if asked else None

    def erased(self, batch: Batch) -> Tensor:
        """What G is given of a batch, (N, 12, S, S)."""
        eraser = Eraser(self.params.erasing, self.eyes, batch["photo"].shape[-1])
        return eraser(batch["photo"], batch["product"], batch["noise"], batch["proposal"])

    def step(self, batch: Batch) -> dict[str, Tensor]:
        asked, photo = windowed(self.erased(batch), batch["photo"], batch["noise"], self.params.window)
        made: Tensor = self.gan.g(asked)
        whole = composed(photo, made, asked[:, MASK])
        judged = self.gan.update_discriminator([photo], whole, batch["noise"], asked)
        terms = self.terms(made, whole, batch | {"photo": photo}, asked)
        self.gan.g_optimizer.zero_grad(set_to_none=True)
        self.gan.fabric.backward(weighted_sum(terms, self.loss.weights))
        self.gan.update_generator()
        return {key: value.detach() for key, value in terms.items()} | judged

    def terms(self, made: Tensor, whole: Tensor, batch: Batch, asked: Tensor) -> dict[str, Tensor]:
        """The unweighted terms of G."""
        weight = 1 + (self.loss.erased - 1) * asked[:, MASK]
        found = {"l1": l1(batch["photo"] * weight, made * weight)}
        if self.vgg is not None:
            with torch.no_grad():
                real = self.vgg(batch["photo"])
            found["perceptual"] = PERCEPTUAL[self.loss.perceptual.weighting](
                real, self.vgg(whole), self.loss.perceptual.layers
            )
        if self.loss.weights.adversarial and not self.gan.resting:
            found["adversarial"] = self.gan.fooling(self.gan.judge(whole, batch["noise"], asked))
        return found

    def filled(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """What G is given of a batch, and the photos with what is erased filled as the stage would hand G on."""
        asked = self.erased(batch)
        return asked, composed(batch["photo"], self.gan.shown(asked), asked[:, MASK])

    def measure(self, batch: Batch) -> dict[str, Tensor]:
        """erased_l1: mean error where the photo was erased."""
        self.gan.check()
        asked, whole = self.filled(batch)
        return {"erased_l1": (whole - batch["photo"]).abs().sum() / (3 * asked[:, MASK].sum()).clamp_min(1)}

    def show(self, batch: Batch) -> dict[str, Tensor]:
        """Columns of the sample sheet: name -> (N, C, H, W) in [0, 1]."""
        asked, whole = self.filled(batch)
        colours = torch.where(asked[:, COLOURS] >= 0, asked[:, COLOURS], asked[:, :3] + asked[:, MASK])
        columns = {"erased": colours, "strokes": asked[:, 3:4], "proposal": asked[:, PROPOSAL]}
        return columns | {"filled": whole, "photo": batch["photo"]}


def windowed(asked: Tensor, photo: Tensor, noise: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """(N, 12, S, S), (N, 3, S, S) -> squares of both of `share` of the side, each around an erased pixel.

    `noise` (N, k) in [0, 1): its last number says which.
    """

    def corner(i: int, kept: int) -> tuple[int, int]:
        erased = asked[i, MASK][0].nonzero()
        middle = erased[int(float(noise[i, -1]) * len(erased))]
        top, left = (int((at - kept // 2).clamp(0, photo.shape[-1] - kept)) for at in middle)
        return top, left

    both = torch.cat([asked, photo], 1)
    seen = cut(both, share, corner)
    if seen is both:
        return asked, photo
    return tuple(seen.split([asked.shape[1], photo.shape[1]], 1))  # type: ignore[return-value]


def _weights(sections: Mapping[str, Any]) -> tuple[str, ...]:
    net: str = sections["train_edit"].loss.perceptual.net
    return (net,) if net != "random" else ()


def _needs(_: Mapping[str, Any]) -> Needs:
    return Needs(("photo", "product", "proposal"))


def _build(fabric: Fabric, sections: Mapping[str, Any], _: object) -> Edit:
    return Edit(fabric, sections["train_edit"], sections[FRAMING].eyes)


SECTIONS = {"train_edit": EditParams, "propose": ProposeParams}
TRAINER = TrainingStage(SECTIONS, _needs, _build, weights=_weights, framed=True, reads=PROPOSED)
