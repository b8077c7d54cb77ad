"""Stage train_joint: SCN and ISN end to end (Algorithm 1, stage 3); the photo's loss reaches G1 too."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from pipeline.core.layout import Layout
from pipeline.training.adversarial import OptimizerParams
from pipeline.training.checkpoint import load_tensors
from pipeline.training.data import AugmentParams, Batch
from pipeline.training.isn import Isn, IsnParams
from pipeline.training.loop import ScheduleParams
from pipeline.training.run import Device, train_stage
from pipeline.training.scn import Scn, ScnParams


@dataclass(frozen=True)
class JointParams:
    """Section `train_joint`; nets and losses are those of `train_scn` and `train_isn`."""

    optimizer: OptimizerParams
    schedule: ScheduleParams
    augment: AugmentParams
    styles: tuple[str, ...]  # as of train_scn
    drawn: tuple[Literal["deformed", "simplified"], ...]
    isn_to_scn: float  # weight of the photo's loss in G1; 0: G1 learns from its own alone
    batch: int
    seed: int


class Joint:
    """P = G2(G1(S)) with both networks' losses and discriminators."""

    def __init__(self, fabric: Fabric, scn: ScnParams, isn: IsnParams, params: JointParams) -> None:
        self.isn_to_scn = params.isn_to_scn
        self.scn = Scn(fabric, replace(scn, optimizer=params.optimizer))
        self.isn = Isn(fabric, replace(isn, optimizer=params.optimizer))
        self.parts: dict[str, Scn | Isn] = {"scn": self.scn, "isn": self.isn}

    def step(self, batch: Batch) -> dict[str, Tensor]:
        refined = self.scn.gan.g(batch["sketch"])
        photo = self.isn.gan.g(torch.lerp(refined.detach(), refined, self.isn_to_scn))
        judged = {"scn": self.scn.discriminate(refined, batch), "isn": self.isn.discriminate(photo, batch)}
        terms = {"scn": self.scn.terms(refined, batch), "isn": self.isn.terms(photo, batch)}
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

    def show(self, batch: Batch) -> dict[str, Tensor]:
        """Columns of the sample sheet: name -> (N, C, H, W) in [0, 1]."""
        refined = self.scn.gan.shown(batch["sketch"])
        columns = {"sketch": 1 - batch["sketch"], "refined": refined}
        return columns | {"generated": self.isn.gan.shown(refined), "photo": batch["photo"]}


def run(scn: ScnParams, isn: IsnParams, params: JointParams, data: Path, device: Device) -> None:
    """Train both together from their own stages' weights: data/trained/{scn,isn} -> data/trained/joint."""
    starts = {name: load_tensors(Layout(data).trained(name) / "weights.safetensors")[0] for name in ("scn", "isn")}

    def build(fabric: Fabric) -> Joint:
        joint = Joint(fabric, scn, isn, params)
        for name, part in joint.parts.items():
            part.gan.load_weights(starts[name])
        return joint

    about = {"scn": scn, "isn": isn}
    train_stage("joint", params, params, data, device, build, about, starts)
