"""Stage train_joint: SCN and ISN end to end (Algorithm 1, stage 3); the photo's loss reaches G1 too."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from pipeline.core.allowed import BatchSize, Items, Seed, Weight
from pipeline.core.params import require
from pipeline.core.polarity import turned_tensor
from pipeline.styles import StyleName
from pipeline.training.adversarial import OptimizerParams
from pipeline.training.data import AugmentParams, Batch
from pipeline.training.device import Device
from pipeline.training.human_hand import HandParams
from pipeline.training.isn import MEASURES as ISN_MEASURES
from pipeline.training.isn import Isn, IsnParams, vgg_file
from pipeline.training.loop import ScheduleParams
from pipeline.training.scn import MEASURES as SCN_MEASURES
from pipeline.training.scn import Scn, ScnParams
from pipeline.training.trainers import Drawn, Needs, TrainingStage, train_stage

MEASURES = (*(f"scn_{name}" for name in SCN_MEASURES), *(f"isn_{name}" for name in ISN_MEASURES))


@dataclass(frozen=True)
class JointParams:
    """Section `train_joint`; nets and losses are those of `train_scn` and `train_isn`."""

    optimizer: OptimizerParams
    schedule: ScheduleParams
    augment: AugmentParams
    styles: Annotated[tuple[StyleName, ...], Items(least=0)]  # as of train_scn
    drawn: Annotated[tuple[Drawn, ...], Items()]
    hand: HandParams
    isn_to_scn: Weight  # weight of the photo's loss in G1; 0: G1 learns from its own alone
    batch: BatchSize
    seed: Seed

    def __post_init__(self) -> None:
        require(self.schedule.plateau_measure in MEASURES, f"schedule.plateau_measure one of {', '.join(MEASURES)}")


class Joint:
    """P = G2(G1(S)) with both networks' losses and discriminators."""

    def __init__(self, fabric: Fabric, scn: ScnParams, isn: IsnParams, params: JointParams) -> None:
        self.isn_to_scn = params.isn_to_scn
        self.scn = Scn(fabric, replace(scn, optimizer=params.optimizer))
        self.isn = Isn(fabric, replace(isn, optimizer=params.optimizer))
        self.parts: dict[str, Scn | Isn] = {"scn": self.scn, "isn": self.isn}

    def step(self, batch: Batch) -> dict[str, Tensor]:
        refined = self.scn.calibrated(batch)
        photo = self.isn.made(torch.lerp(refined.detach(), refined, self.isn_to_scn), batch)
        judged = {"scn": self.scn.discriminate(refined, batch), "isn": self.isn.discriminate(photo, batch, refined)}
        terms = {"scn": self.scn.terms(refined, batch), "isn": self.isn.terms(photo, batch, refined)}
        for part in self.parts.values():
            part.gan.g_optimizer.zero_grad(set_to_none=True)
        self.scn.gan.fabric.backward(self.scn.total(terms["scn"]) + self.isn.total(terms["isn"]))
        for part in self.parts.values():
            part.gan.update_generator()
        return {f"{n}_{k}": v.detach() for rows in (terms, judged) for n, row in rows.items() for k, v in row.items()}

    def nets(self) -> list[nn.Module]:
        """What --compile compiles: nearly all the work."""
        return [part.gan.generator for part in self.parts.values()]

    def set_progress(self, share: float) -> float:
        self.isn.set_progress(share)
        return self.scn.set_progress(share)

    def state(self) -> dict[str, Tensor]:
        return self.scn.gan.state("scn/") | self.isn.gan.state("isn/")

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        for name, part in self.parts.items():
            part.gan.load_state(tensors, f"{name}/")

    def weights(self) -> dict[str, Tensor]:
        return self.scn.gan.weights("scn/") | self.isn.gan.weights("isn/")

    def measure(self, batch: Batch) -> dict[str, Tensor]:
        """What the SCN is measured by, and how far the photo made of its strokes is from the person's."""
        refined = self.scn.shown(batch)
        photo = {f"isn_{key}": value for key, value in self.isn.measure(batch | {"product": refined}).items()}
        return {f"scn_{key}": value for key, value in self.scn.measure(batch).items()} | photo

    def show(self, batch: Batch) -> dict[str, Tensor]:
        """Columns of the sample sheet: name -> (N, C, H, W) in [0, 1]."""
        refined = self.scn.shown(batch)
        columns = {"sketch": turned_tensor(batch["sketch"]), "refined": refined}
        return columns | self.isn.show_made(refined, batch["photo"])


def _needs(sections: Mapping[str, Any]) -> Needs:
    params, scn = sections["train_joint"], sections["train_scn"]
    return Needs(tuple(dict.fromkeys(("photo", *Scn.LAYERS, *scn.loss.targets))), params, hand=params.hand)


def _build(fabric: Fabric, sections: Mapping[str, Any], starts: Mapping[str, Mapping[str, Tensor]]) -> Joint:
    joint = Joint(fabric, sections["train_scn"], sections["train_isn"], sections["train_joint"])
    for name, part in joint.parts.items():
        part.gan.load_weights(starts[name])
    return joint


def _weights(sections: Mapping[str, Any]) -> tuple[str, ...]:
    return vgg_file(sections["train_isn"])


SECTIONS = {"train_joint": JointParams, "train_scn": ScnParams, "train_isn": IsnParams}
TRAINER = TrainingStage(SECTIONS, _needs, _build, ("scn", "isn"), _weights)


def run(scn: ScnParams, isn: IsnParams, params: JointParams, data: Path, device: Device) -> None:
    """Train both together from their own stages' weights: data/trained/{scn,isn} -> data/trained/joint."""
    train_stage("joint", TRAINER, {"train_joint": params, "train_scn": scn, "train_isn": isn}, data, device)
