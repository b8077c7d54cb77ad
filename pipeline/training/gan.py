"""One generator against one discriminator: building, updating, saving. Which losses apply is the caller's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from models.discriminator import SnPatchDiscriminator
from models.generator import build_generator
from models.losses import lsgan_discriminator
from pipeline.training.checkpoint import CheckpointError, below, load_optimizer, optimizer_tensors, prefixed


@dataclass(frozen=True)
class GeneratorParams:
    """A generator of the table `models.generator.GENERATORS`."""

    kind: str
    width: int
    blocks: int
    dilation: int
    norm: Literal["instance", "pixel"]  # instance: as Johnson et al.; pixel: no droplets in flat regions
    up: Literal["transposed", "resize"]  # transposed: as Johnson et al.; resize: no dots in lines
    spectral: bool


@dataclass(frozen=True)
class OptimizerParams:
    """Adam for G; D gets a share of the rate (Algorithm 1)."""

    lr: float
    discriminator_lr_share: float
    betas: tuple[float, float]
    final_lr_share: float  # linear decay over the second half of the steps down to this share; 1: none, as the paper


@dataclass(frozen=True)
class NetParams:
    """What one GAN is made of."""

    generator: GeneratorParams
    discriminator_width: int


class Gan:
    """G, D and their optimizers on one device."""

    def __init__(self, fabric: Fabric, net: NetParams, optimizer: OptimizerParams, channels: tuple[int, int]) -> None:
        """`channels`: of G's input and of its output, which is D's input."""
        self.optimizer = optimizer
        generator = make_generator(net.generator, channels).to(memory_format=torch.channels_last)
        discriminator = SnPatchDiscriminator(channels[1], net.discriminator_width).to(memory_format=torch.channels_last)
        self.g, self.g_optimizer = fabric.setup(generator, self._adam(generator, optimizer.lr))
        d_lr = optimizer.lr * optimizer.discriminator_lr_share
        self.d, self.d_optimizer = fabric.setup(discriminator, self._adam(discriminator, d_lr))
        self.fabric = fabric

    def _adam(self, module: nn.Module, lr: float) -> torch.optim.Optimizer:
        return torch.optim.Adam(module.parameters(), lr=lr, betas=self.optimizer.betas, fused=True)

    def set_progress(self, share: float) -> float:
        """Learning rates for the step at `share` of the schedule; returns G's."""
        decay = 1 - max(0.0, 2 * share - 1) * (1 - self.optimizer.final_lr_share)
        lr = self.optimizer.lr * decay
        for optimizer, rate in ((self.g_optimizer, lr), (self.d_optimizer, lr * self.optimizer.discriminator_lr_share)):
            for group in optimizer.param_groups:
                group["lr"] = rate
        return lr

    def update_discriminator(self, real: Sequence[Tensor], fake: Tensor) -> dict[str, Tensor]:
        """One step of D on all real samples and the fakes, as one batch; its loss and accuracy."""
        self.d.train().requires_grad_(True)
        verdict = self.d(torch.cat([*real, fake.detach()]))[-1].float()
        real_verdict, fake_verdict = verdict[: -len(fake)], verdict[-len(fake) :]
        loss = lsgan_discriminator(real_verdict, fake_verdict)
        self.d_optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        self.d_optimizer.step()
        right = (real_verdict > 0.5).float().mean() + (fake_verdict < 0.5).float().mean()
        return {"discriminator": loss.detach(), "accuracy": right / 2}

    def judge(self, images: Tensor) -> list[Tensor]:
        """D's activations for G's sake: D itself is frozen."""
        self.d.eval().requires_grad_(False)
        return self.d(images)

    def judge_real(self, images: Tensor) -> list[Tensor]:
        """The same without a graph."""
        with torch.no_grad():
            return self.judge(images)

    def state(self, prefix: str) -> dict[str, Tensor]:
        """All that a later step depends on."""
        tensors = prefixed("g/", self.g.state_dict()) | prefixed("d/", self.d.state_dict())
        for name, optimizer in self._optimizers().items():
            tensors |= prefixed(f"{name}/", optimizer_tensors(optimizer))
        return prefixed(prefix, tensors)

    def load_state(self, tensors: Mapping[str, Tensor], prefix: str) -> None:
        """Inverse of `state`."""
        own = below(tensors, prefix)
        self.g.load_state_dict(below(own, "g/"))
        self.d.load_state_dict(below(own, "d/"))
        for name, optimizer in self._optimizers().items():
            load_optimizer(optimizer, below(own, f"{name}/"))

    def _optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"g_adam": self.g_optimizer, "d_adam": self.d_optimizer}

    def weights(self, prefix: str = "") -> dict[str, Tensor]:
        """G and D alone: what a later stage starts from."""
        return {k: v for k, v in self.state(prefix).items() if k.startswith((f"{prefix}g/", f"{prefix}d/"))}

    def load_weights(self, tensors: Mapping[str, Tensor]) -> None:
        """Start from another stage's nets. Raises CheckpointError when they are of another shape."""
        try:
            self.g.load_state_dict(below(tensors, "g/"))
            self.d.load_state_dict(below(tensors, "d/"))
        except RuntimeError as error:
            raise CheckpointError(f"these weights are of another net: {' '.join(str(error).split())[:300]}") from error


def make_generator(params: GeneratorParams, channels: tuple[int, int]) -> nn.Module:
    """An untrained generator of the table."""
    return build_generator(
        params.kind,
        *channels,
        width=params.width,
        blocks=params.blocks,
        dilation=params.dilation,
        norm=params.norm,
        up=params.up,
        spectral=params.spectral,
    )
