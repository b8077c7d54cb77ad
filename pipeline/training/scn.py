"""Stage train_scn: the Stroke Calibration Network, human-like sketch -> calibrated sketch (Section 3.2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F

from models.losses.photo import l1
from models.losses.strokes import calibration
from pipeline.core.allowed import BatchSize, Items, OneOf, Seed, Weight
from pipeline.core.params import require
from pipeline.core.polarity import turned_tensor
from pipeline.styles import StyleName
from pipeline.training.adversarial import AdversarialParams, Gan, NetParams, OptimizerParams
from pipeline.training.data import AugmentParams, Batch
from pipeline.training.device import Device
from pipeline.training.loop import ScheduleParams
from pipeline.training.trainers import Drawn, Needs, TrainingStage, train_stage, weighted_sum

CHANNELS = (1, 1)
LINE = 0.5  # of the calibrated strokes and of their truth, above which there is a line


MEASURES = ("lines", "l1")  # of the strokes calibrated from val's
Target = Annotated[str, OneOf(lambda: ("canny", "hed", "product"))]  # product: Canny ⊙ HED


@dataclass(frozen=True)
class ScnWeights:
    """Eq. 4."""

    adversarial: Weight
    calibration: Weight

    def __post_init__(self) -> None:
        require(any(vars(self).values()), "one of adversarial, calibration above 0")


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
    batch: BatchSize
    seed: Seed

    def __post_init__(self) -> None:
        require(self.schedule.plateau_measure in MEASURES, f"schedule.plateau_measure one of {', '.join(MEASURES)}")


class Scn:
    """R = G1(S), Eq. 1, with the terms of Eq. 4."""

    LAYERS = ("product",)  # what it is measured against and shown beside, whatever its targets

    def __init__(self, fabric: Fabric, params: ScnParams) -> None:
        self.gan = Gan(fabric, params.net, params.optimizer, params.loss.adversarial, CHANNELS)
        self.loss = params.loss

    def step(self, batch: Batch) -> dict[str, Tensor]:
        refined = self.gan.g(batch["sketch"])
        judged = self.discriminate(refined, batch)
        terms = self.terms(refined, batch)
        self.gan.g_optimizer.zero_grad(set_to_none=True)
        self.gan.fabric.backward(self.total(terms))
        self.gan.update_generator()
        return {key: value.detach() for key, value in terms.items()} | judged

    def discriminate(self, refined: Tensor, batch: Batch) -> dict[str, Tensor]:
        return self.gan.update_discriminator([batch[name] for name in self.loss.targets], refined, batch["noise"])

    def terms(self, refined: Tensor, batch: Batch) -> dict[str, Tensor]:
        """The unweighted terms of G1."""
        targets = torch.cat([batch[name] for name in self.loss.targets])
        stacked = self.gan.judge_real(targets, batch["noise"])
        fake = self.gan.judge(refined, batch["noise"])
        matched = [calibration(_by_target(a, len(refined)), b) for a, b in zip(stacked, fake, strict=True)]
        return {"adversarial": self.gan.fooling(fake), "calibration": torch.stack(matched).sum()}

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
        """How wrong the calibrated strokes are beside the true Canny ⊙ HED: lines, by place; l1, by darkness."""
        refined = self.gan.shown(batch["sketch"])
        return {"lines": missed_lines(refined, batch["product"]), "l1": l1(batch["product"], refined)}

    def show(self, batch: Batch) -> dict[str, Tensor]:
        """Columns of the sample sheet: name -> (N, C, H, W) in [0, 1]."""
        return {
            "sketch": turned_tensor(batch["sketch"]),
            "canny x hed": batch["product"],
            "refined": self.gan.shown(batch["sketch"]),
        }


def _by_target(maps: Sequence[Tensor], count: int) -> list[list[Tensor]]:
    """Maps of all targets in one batch -> for each target its own."""
    return [[layer[i : i + count] for layer in maps] for i in range(0, len(maps[0]), count)]


def missed_lines(refined: Tensor, truth: Tensor) -> Tensor:
    """1 - F of the lines drawn, each found within 2 px of the other's: (N, 1, H, W) in [0, 1], 1 = ink -> scalar."""
    drawn, true = refined > LINE, truth > LINE
    near_true, near_drawn = (F.max_pool2d(lines.float(), 5, 1, 2) > 0 for lines in (true, drawn))
    precision = (drawn & near_true).sum() / drawn.sum().clamp_min(1)
    recall = (true & near_drawn).sum() / true.sum().clamp_min(1)
    return 1 - 2 * precision * recall / (precision + recall).clamp_min(1e-6)


def _needs(sections: Mapping[str, Any]) -> Needs:
    params: ScnParams = sections["train_scn"]
    return Needs(tuple(dict.fromkeys((*Scn.LAYERS, *params.loss.targets))), params)


def _build(fabric: Fabric, sections: Mapping[str, Any], _: object) -> Scn:
    return Scn(fabric, sections["train_scn"])


TRAINER = TrainingStage({"train_scn": ScnParams}, _needs, _build)


def run(params: ScnParams, data: Path, device: Device) -> None:
    """Train SCN alone: data/packed -> data/trained/scn."""
    train_stage("scn", TRAINER, {"train_scn": params}, data, device)
