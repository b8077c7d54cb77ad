"""Stage train_lite: narrow nets learn what a larger system makes of drawings (distillation, Hinton et al. 2015)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F

from models.generators.modulated import ReadsStyles
from models.losses.photo import PERCEPTUAL, dissimilarity, l1
from models.losses.strokes import filled_dice
from pipeline.core.allowed import BatchSize, Seed, Weight
from pipeline.core.layout import TAUGHT
from pipeline.core.params import require
from pipeline.core.polarity import turned_tensor
from pipeline.training.checkpoint import both_nets
from pipeline.training.data import AugmentParams, Batch
from pipeline.training.isn import CHANNELS as ISN_CHANNELS
from pipeline.training.loop import ScheduleParams
from pipeline.training.nets import GeneratorParams, make_generator
from pipeline.training.perceptual import VGGS, PerceptualParams
from pipeline.training.scn import CHANNELS as SCN_CHANNELS
from pipeline.training.supervised import OptimizerParams, Supervised
from pipeline.training.trainers import TEACHER, Needs, Starts, TrainingStage

MEASURES = ("strokes", "dice", "l1", "ssim")  # of val
SLACK_PX = 1  # ours: by which a line may be off


@dataclass(frozen=True)
class LiteWeights:
    """Of the strokes beside the teacher's, then of the photo beside the teacher's."""

    strokes: Weight  # cross-entropy: under L1 the net fell silent, since most pixels are paper, and stayed so
    dice: Weight
    l1: Weight
    ssim: Weight
    perceptual: Weight

    def __post_init__(self) -> None:
        require(bool(self.strokes or self.dice), "strokes or dice above 0")
        require(bool(self.l1 or self.ssim), "l1 or ssim above 0")


@dataclass(frozen=True)
class LiteParams:
    """Section `train_lite`."""

    perceptual: PerceptualParams
    weights: LiteWeights
    optimizer: OptimizerParams
    schedule: ScheduleParams
    augment: AugmentParams
    batch: BatchSize
    seed: Seed

    def __post_init__(self) -> None:
        require(self.schedule.plateau_measure in MEASURES, f"schedule.plateau_measure one of {', '.join(MEASURES)}")


@dataclass(frozen=True)
class StudentNet:
    """A generator without a discriminator."""

    generator: GeneratorParams


@dataclass(frozen=True)
class StudentParams:
    """Sections `lite_nets.scn` and `lite_nets.isn`."""

    net: StudentNet


class Students(nn.Module):
    """Both nets: strokes R of drawings, photos of the teacher's R for half of a batch, of their own for the rest.

    Drawings and the teacher's strokes (N, 1, S, S) in [0, 1], 1 = ink; levels (N, 1); tones (N, code) or None ->
    strokes (N, 1, S, S), photos (N, 3, S, S). `alone`: photos of their own strokes.
    """

    def __init__(self, scn: nn.Module, isn: nn.Module) -> None:
        super().__init__()
        self.scn, self.isn = scn, isn

    def forward(
        self, drawn: Tensor, level: Tensor, strokes: Tensor, style: Tensor | None, alone: bool
    ) -> tuple[Tensor, Tensor]:
        refined: Tensor = self.scn(drawn, level) if getattr(self.scn, "code", 0) else self.scn(drawn)
        own = torch.arange(len(drawn), device=drawn.device) % 2 > 0
        given = refined if alone else torch.where(own[:, None, None, None], refined.detach(), strokes)
        return refined, self.isn(given) if style is None else self.isn(given, style)


class Lite(Supervised):
    """What `Supervised` is, of both nets."""

    def __init__(self, fabric: Fabric, params: LiteParams, students: Students) -> None:
        chosen = params.perceptual
        asked = params.weights.perceptual > 0
        self.params = params
        self.vgg = fabric.to_device(VGGS[chosen.net](last=max(chosen.layers))) if asked else None
        super().__init__(fabric, students, params.optimizer, self._terms, self._columns)

    def _made(self, net: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        made: tuple[Tensor, Tensor] = net(
            batch["sketch"], batch["level"], batch["strokes"], batch.get("style"), not net.training
        )
        return made[0].float(), made[1].float()

    def _terms(self, net: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Each times its weight."""
        refined, photo = self._made(net, batch)
        found = {
            "strokes": F.binary_cross_entropy(refined, batch["strokes"]),
            "dice": filled_dice(refined, batch["strokes"], SLACK_PX),
            "l1": l1(batch["photo"], photo),
            "ssim": dissimilarity(batch["photo"], photo),
        }
        if self.vgg is not None:
            with torch.no_grad():
                real = self.vgg(batch["photo"])
            chosen = self.params.perceptual
            found["perceptual"] = PERCEPTUAL[chosen.weighting](real, self.vgg(photo), chosen.layers)
        return {name: term * getattr(self.params.weights, name) for name, term in found.items()}

    def _columns(self, net: nn.Module, batch: Batch) -> dict[str, Tensor]:
        refined, photo = self._made(net, batch)
        drawn = {"drawing": turned_tensor(batch["sketch"]), "teacher's strokes": batch["strokes"], "strokes": refined}
        return drawn | {"teacher's photo": batch["photo"], "photo": photo}

    def weights(self) -> dict[str, Tensor]:
        """As of a joint system."""
        students = cast(Students, self.net.module)
        return both_nets(students.scn, students.isn)


def _needs(_: Mapping[str, Any]) -> Needs:
    return Needs(("strokes", "photo"), ("sketch/drawn",))


def _build(fabric: Fabric, sections: Mapping[str, Any], starts: Starts) -> Lite:
    scn = make_generator(sections["lite_nets.scn"].net.generator, SCN_CHANNELS)
    isn = make_generator(sections["lite_nets.isn"].net.generator, ISN_CHANNELS)
    if isinstance(isn, ReadsStyles):
        isn.encoder.load_state_dict(dict(starts[TEACHER]))
        isn.encoder.requires_grad_(False)
    return Lite(fabric, sections["train_lite"], Students(scn, isn))


def _weights(sections: Mapping[str, Any]) -> tuple[str, ...]:
    params: LiteParams = sections["train_lite"]
    return (params.perceptual.net,) if params.weights.perceptual and params.perceptual.net != "random" else ()


SECTIONS = {"train_lite": LiteParams, "lite_nets.scn": StudentParams, "lite_nets.isn": StudentParams}
TRAINER = TrainingStage(SECTIONS, _needs, _build, weights=_weights, reads=TAUGHT)
