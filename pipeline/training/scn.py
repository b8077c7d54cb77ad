"""Stage train_scn: the Stroke Calibration Network, human-like sketch -> calibrated sketch (Section 3.2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from models.losses.photo import l1
from models.losses.strokes import calibration, filled_dice
from pipeline.core.allowed import BatchSize, Items, OneOf, Seed, Weight
from pipeline.core.params import require
from pipeline.core.polarity import turned_tensor
from pipeline.styles import StyleName
from pipeline.training.adversarial import AdversarialParams, Gan, NetParams, OneGan, OptimizerParams
from pipeline.training.completion import LINE, completed, near
from pipeline.training.data import AugmentParams, Batch
from pipeline.training.device import Device
from pipeline.training.human_hand import HandParams
from pipeline.training.loop import ScheduleParams
from pipeline.training.trainers import Drawn, Needs, TrainingStage, train_stage, weighted_sum

CHANNELS = (1, 1)
DICE_SLACK_PX = 1  # ours: by which a line may be off
MEASURES = ("lines", "l1")  # of the strokes calibrated from val's
Target = Annotated[str, OneOf(lambda: ("canny", "hed", "product"))]  # product: Canny ⊙ HED


@dataclass(frozen=True)
class ScnWeights:
    """Eq. 4, and ours."""

    adversarial: Weight
    calibration: Weight
    dice: Weight  # of R beside Canny ⊙ HED: teaches where D does not; 0: as the paper

    def __post_init__(self) -> None:
        require(any(vars(self).values()), "one of adversarial, calibration, dice above 0")


@dataclass(frozen=True)
class ScnLoss:
    """Which edges are E_gt, and the λ's."""

    targets: Annotated[tuple[Target, ...], Items()]  # Table 2's ablation
    adversarial: AdversarialParams
    weights: ScnWeights


@dataclass(frozen=True)
class ScnParams:
    """Section `train_scn`."""

    net: NetParams
    loss: ScnLoss
    optimizer: OptimizerParams
    schedule: ScheduleParams
    augment: AugmentParams
    styles: Annotated[tuple[StyleName, ...], Items(least=0)]  # learned from; none named: all that are packed
    drawn: Annotated[tuple[Drawn, ...], Items()]
    hand: HandParams
    batch: BatchSize
    seed: Seed

    def __post_init__(self) -> None:
        require(self.schedule.plateau_measure in MEASURES, f"schedule.plateau_measure one of {', '.join(MEASURES)}")
        code = getattr(self.net.generator, "code", 0)
        require(not code or (code == 1 and self.hand.level > 0), "net.generator.code 1 only, and hand.level above 0")


class Scn(OneGan):
    """R = G1(S), Eq. 1, with the terms of Eq. 4."""

    LAYERS = ("product",)  # what it is measured against and shown beside, whatever its targets

    def __init__(self, fabric: Fabric, params: ScnParams) -> None:
        self.gan = Gan(fabric, params.net, params.optimizer, params.loss.adversarial, CHANNELS)
        self.loss = params.loss

    def step(self, batch: Batch) -> dict[str, Tensor]:
        refined = self.calibrated(batch)
        judged = self.discriminate(refined, batch)
        terms = self.terms(refined, batch)
        self.gan.g_optimizer.zero_grad(set_to_none=True)
        self.gan.fabric.backward(self.total(terms))
        self.gan.update_generator()
        return {key: value.detach() for key, value in terms.items()} | judged

    def calibrated(self, batch: Batch) -> Tensor:
        """R of a batch, to learn from."""
        refined: Tensor = self.gan.g(batch["sketch"], *self._told(batch))
        return refined

    def shown(self, batch: Batch) -> Tensor:
        """R as the stage would hand G1 on."""
        return self.gan.shown(batch["sketch"], *self._told(batch))

    def _told(self, batch: Batch) -> tuple[Tensor, ...]:
        """The level, to a net that takes it; none is 0."""
        return (batch["level"],) if getattr(self.gan.generator, "code", 0) and "level" in batch else ()

    def discriminate(self, refined: Tensor, batch: Batch) -> dict[str, Tensor]:
        targets = [batch[name] for name in self.loss.targets]
        return self.gan.update_discriminator(targets, refined, batch["noise"], batch["sketch"])

    def terms(self, refined: Tensor, batch: Batch) -> dict[str, Tensor]:
        """The unweighted terms of G1."""
        targets = torch.cat([batch[name] for name in self.loss.targets])
        stacked = self.gan.judge_real(targets, batch["noise"], batch["sketch"])
        fake = self.gan.judge(refined, batch["noise"], batch["sketch"])
        matched = [calibration(_by_target(a, len(refined)), b) for a, b in zip(stacked, fake, strict=True)]
        found = {"adversarial": self.gan.fooling(fake), "calibration": torch.stack(matched).sum()}
        if self.loss.weights.dice:
            found["dice"] = filled_dice(refined.float(), batch["product"], DICE_SLACK_PX)
        return found

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        return weighted_sum(terms, self.loss.weights)

    def measure(self, batch: Batch) -> dict[str, Tensor]:
        """How wrong the calibrated strokes are beside the true Canny ⊙ HED: lines, by place; l1, by darkness.

        Both of the drawings as they are; where batch["erased"] says what may go, `completed` of the rest besides.
        """
        refined = self.shown(batch)
        found = {"lines": missed_lines(refined, batch["product"]), "l1": l1(batch["product"], refined)}
        if "erased" not in batch:
            return found
        left = batch | {"sketch": batch["sketch"] * (1 - batch["erased"])}
        return found | completed(self.shown(left), left["sketch"], batch["product"], batch["erased"])

    def show(self, batch: Batch) -> dict[str, Tensor]:
        """Columns of the sample sheet: name -> (N, C, H, W) in [0, 1]."""
        columns = {
            "sketch": turned_tensor(batch["sketch"]),
            "canny x hed": batch["product"],
            "refined": self.shown(batch),
        }
        if "erased" not in batch:
            return columns
        left = batch | {"sketch": batch["sketch"] * (1 - batch["erased"])}
        return columns | {"parts erased": turned_tensor(left["sketch"]), "completed": self.shown(left)}


def _by_target(maps: Sequence[Tensor], count: int) -> list[list[Tensor]]:
    """Maps of all targets in one batch -> for each target its own."""
    return [[layer[i : i + count] for layer in maps] for i in range(0, len(maps[0]), count)]


def missed_lines(refined: Tensor, truth: Tensor) -> Tensor:
    """1 - F of the lines drawn, each found within 2 px of the other's: (N, 1, H, W) in [0, 1], 1 = ink -> scalar."""
    drawn, true = refined > LINE, truth > LINE
    near_true, near_drawn = near(true), near(drawn)
    precision = (drawn & near_true).sum() / drawn.sum().clamp_min(1)
    recall = (true & near_drawn).sum() / true.sum().clamp_min(1)
    return 1 - 2 * precision * recall / (precision + recall).clamp_min(1e-6)


def _needs(sections: Mapping[str, Any]) -> Needs:
    params: ScnParams = sections["train_scn"]
    return Needs(tuple(dict.fromkeys((*Scn.LAYERS, *params.loss.targets))), params, hand=params.hand)


def _build(fabric: Fabric, sections: Mapping[str, Any], _: object) -> Scn:
    return Scn(fabric, sections["train_scn"])


TRAINER = TrainingStage({"train_scn": ScnParams}, _needs, _build)


def run(params: ScnParams, data: Path, device: Device) -> None:
    """Train SCN alone: data/packed -> data/trained/scn."""
    train_stage("scn", TRAINER, {"train_scn": params}, data, device)
