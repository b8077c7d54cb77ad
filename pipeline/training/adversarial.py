"""One generator against one discriminator: building, updating, saving. Which losses apply is the caller's."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from models.discriminators.diffaugment import AUGMENTATIONS, diff_augment
from models.discriminators.patchgan import Activations
from models.losses.adversarial import ADVERSARIAL
from pipeline.core.allowed import Items, OneOf, Range, Share, Weight
from pipeline.core.errors import UserError
from pipeline.training.checkpoint import CheckpointError, below, load_optimizer, optimizer_tensors, prefixed
from pipeline.training.nets import DiscriminatorParams, GeneratorParams, make_discriminator, make_generator

Decay = Annotated[float, Range(least=0, below=1)]
PATIENCE = 0.005  # ours: share that a step has in the moving average of D's accuracy
Augmentation = Annotated[str, OneOf(lambda: AUGMENTATIONS)]


@dataclass(frozen=True)
class OptimizerParams:
    """Adam for G; D gets a share of the rate (Algorithm 1)."""

    lr: Annotated[float, Range(above=0, most=1)]
    discriminator_lr_share: Annotated[float, Range(above=0, most=100)]
    betas: tuple[Decay, Decay]
    final_lr_share: Share  # linear decay over the second half of the steps down to this share; 1: none, as the paper
    ema: Decay  # decay of a moving average of G's weights, which is what the stage hands on; 0: none, as the paper


@dataclass(frozen=True)
class AdversarialParams:
    """How D is taught."""

    loss: Literal["lsgan", "hinge"]  # lsgan: the paper's
    r1: Weight  # weight of R1 (Mescheder et al. 2018) on the real images; 0: none, as the paper
    r1_every_steps: Annotated[int, Range(least=1, most=1000)]  # lazy (Karras et al. 2020): seldom, and as much stronger
    augment: Annotated[tuple[Augmentation, ...], Items(least=0)]  # DiffAugment; none: as the paper
    conditional: bool  # D sees what was made beside what it was made of; false: as the paper
    from_share: Decay  # share of the steps after which D begins: a regression first; 0: none, as the paper
    chance: Share  # D right less often than this, on the mean of some 500 steps, ends the run; .5 is chance; 0: never


@dataclass(frozen=True)
class NetParams:
    """What one GAN is made of."""

    generator: GeneratorParams
    discriminator: DiscriminatorParams


class Gan:
    """G, D and their optimizers on one device, or the same on several."""

    def __init__(
        self,
        fabric: Fabric,
        net: NetParams,
        optimizer: OptimizerParams,
        adversarial: AdversarialParams,
        channels: tuple[int, int],
    ) -> None:
        """`channels`: of G's input and of its output, which is D's input."""
        self.fabric, self.optimizer, self.adversarial = fabric, optimizer, adversarial
        self.loss = ADVERSARIAL[adversarial.loss]
        self.generator = make_generator(net.generator, channels).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        seen = sum(channels) if adversarial.conditional else channels[1]
        self.discriminator = make_discriminator(net.discriminator, seen)
        self.discriminator.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = fabric.to_device(deepcopy(self.generator).requires_grad_(False)) if optimizer.ema else None
        self.averaged, self.judged = 0, 0  # steps of G and of D
        self.resting = adversarial.from_share > 0  # D, at first
        self.right = fabric.to_device(torch.ones(()))  # moving average of D's accuracy
        self.g, self.g_optimizer = fabric.setup(self.generator, self._adam(self.generator, optimizer.lr))
        d_lr = optimizer.lr * optimizer.discriminator_lr_share
        self.d, self.d_optimizer = fabric.setup(self.discriminator, self._adam(self.discriminator, d_lr))

    def _adam(self, module: nn.Module, lr: float) -> torch.optim.Optimizer:
        return torch.optim.Adam(module.parameters(), lr=lr, betas=self.optimizer.betas, fused=True)

    def set_progress(self, share: float) -> float:
        """Learning rates for the step at `share` of the schedule, and whether D rests; returns G's rate."""
        self.resting = share < self.adversarial.from_share
        decay = 1 - max(0.0, 2 * share - 1) * (1 - self.optimizer.final_lr_share)
        lr = self.optimizer.lr * decay
        for optimizer, rate in ((self.g_optimizer, lr), (self.d_optimizer, lr * self.optimizer.discriminator_lr_share)):
            for group in optimizer.param_groups:
                group["lr"] = rate
        return lr

    def update_discriminator(
        self, real: Sequence[Tensor], fake: Tensor, noise: Tensor, given: Tensor
    ) -> dict[str, Tensor]:
        """One step of D on all real samples and the fakes, as one batch; its loss and accuracy.

        `noise`: (N, 7), of the augmentation; `given`: what the fakes were made of. Nothing while D rests.
        """
        if self.resting:
            return {"discriminator": fake.new_zeros(()), "accuracy": fake.new_zeros(())}
        self.discriminator.train().requires_grad_(True)
        images = self._augmented(self._beside(given, torch.cat([*real, fake.detach()])), noise)
        verdicts = [scale[-1].float() for scale in self.d(images)]
        split = [(verdict[: -len(fake)], verdict[-len(fake) :]) for verdict in verdicts]
        loss = torch.stack([self.loss.discriminator(*pair) for pair in split]).mean()
        if self.adversarial.r1 and self.judged % self.adversarial.r1_every_steps == 0:
            strength = self.adversarial.r1 * self.adversarial.r1_every_steps
            loss = loss + strength / 2 * self._gradient_penalty(images[: -len(fake)])
        self.judged += 1
        self.d_optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        self.d_optimizer.step()
        right = [((a > self.loss.border).float().mean() + (b < self.loss.border).float().mean()) / 2 for a, b in split]
        accuracy = torch.stack(right).mean()
        self.right = torch.lerp(self.right, accuracy.detach().float(), PATIENCE)
        return {"discriminator": loss.detach(), "accuracy": accuracy}

    def check(self) -> None:
        """Raises UserError where D has been at chance for long: it teaches nothing."""
        right = float(self.fabric.all_reduce(self.right))  # type: ignore[arg-type]
        if right < self.adversarial.chance:
            raise UserError(
                f"training: D is right in {right:.2f} of its verdicts, at chance, and teaches nothing; "
                "norm: instance in its net helps, or a higher discriminator_lr_share; chance: 0 goes on"
            )

    def _beside(self, given: Tensor, images: Tensor) -> Tensor:
        """Images (k·N, C, H, W), each beside what it was or should be made of, where D is conditional."""
        if not self.adversarial.conditional:
            return images
        return torch.cat([given.detach().repeat(len(images) // len(given), 1, 1, 1), images], 1)

    def _gradient_penalty(self, real: Tensor) -> Tensor:
        """R1: the mean squared norm of D's gradient at the real images.

        Not through self.d, which lets no gradient pass but that of the whole loss.
        """
        self.discriminator.eval()
        images = real.detach().requires_grad_()
        with self.fabric.autocast():
            total = torch.stack([scale[-1].float().mean((1, 2, 3)).sum() for scale in self.discriminator(images)]).sum()
        (slope,) = torch.autograd.grad(total, images, create_graph=True)
        return slope.square().sum((1, 2, 3)).mean()

    def update_generator(self) -> None:
        """One step of G with the gradients at hand; its moving average follows."""
        self.g_optimizer.step()
        if self.average is None:
            return
        self.averaged += 1
        weight = 1 - min(self.optimizer.ema, (1 + self.averaged) / (10 + self.averaged))
        with torch.no_grad():
            own, new = ([p.data for p in net.parameters()] for net in (self.average, self.generator))
            torch._foreach_lerp_(own, new, weight)
            for kept, buffer in zip(self.average.buffers(), self.generator.buffers(), strict=True):
                kept.copy_(buffer)

    def judge(self, images: Tensor, noise: Tensor, given: Tensor) -> Activations:
        """D's activations for G's sake: D itself is frozen. `given`: what the images were made of."""
        self.discriminator.eval().requires_grad_(False)
        with self.fabric.autocast():  # not self.d: its gradients are not wanted, which several devices would wait for
            maps = self.discriminator(self._augmented(self._beside(given, images), noise))
        return [[layer.float() for layer in scale] for scale in maps]

    def judge_real(self, images: Tensor, noise: Tensor, given: Tensor) -> Activations:
        """The same without a graph."""
        with torch.no_grad():
            return self.judge(images, noise, given)

    def fooling(self, maps: Activations) -> Tensor:
        """G's adversarial loss on what D made of the fakes."""
        return torch.stack([self.loss.generator(scale[-1]) for scale in maps]).mean()

    def _augmented(self, images: Tensor, noise: Tensor) -> Tensor:
        return diff_augment(images, noise, self.adversarial.augment)

    def shown(self, *given: Tensor) -> Tensor:
        """G as it would be handed on, for pictures; nothing that training depends on changes.

        `given`: what it is made of and, where G takes one, a code.
        """
        with self.handed_on() as net:
            shown: Tensor = net(*given).float()
        return shown

    @contextmanager
    def handed_on(self) -> Iterator[Any]:
        """G as the stage would hand it on, to use and not to train."""
        net = self.average or self.generator
        net.eval()
        with torch.no_grad(), self.fabric.autocast():
            yield net
        net.train()

    def state(self, prefix: str) -> dict[str, Tensor]:
        """All that a later step depends on."""
        tensors = prefixed("g/", self.generator.state_dict()) | prefixed("d/", self.discriminator.state_dict())
        for name, optimizer in self._optimizers().items():
            tensors |= prefixed(f"{name}/", optimizer_tensors(optimizer))
        if self.adversarial.chance:
            tensors["right"] = self.right
        if self.adversarial.r1_every_steps > 1:
            tensors["judged"] = torch.tensor(self.judged)
        if self.average is not None:
            tensors |= prefixed("average/", self.average.state_dict()) | {"averaged": torch.tensor(self.averaged)}
        return prefixed(prefix, tensors)

    def load_state(self, tensors: Mapping[str, Tensor], prefix: str) -> None:
        """Inverse of `state`."""
        own = below(tensors, prefix)
        self.generator.load_state_dict(below(own, "g/"))
        self.discriminator.load_state_dict(below(own, "d/"))
        for name, optimizer in self._optimizers().items():
            load_optimizer(optimizer, below(own, f"{name}/"))
        if self.adversarial.chance:
            self.right = own["right"].to(self.right)
        if self.adversarial.r1_every_steps > 1:
            self.judged = int(own["judged"])
        if self.average is not None:
            self.average.load_state_dict(below(own, "average/"))
            self.averaged = int(own["averaged"])

    def _optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"g_adam": self.g_optimizer, "d_adam": self.d_optimizer}

    def weights(self, prefix: str = "") -> dict[str, Tensor]:
        """G, averaged where it is, and D: what a later stage starts from."""
        g = prefixed("g/", (self.average or self.generator).state_dict())
        return prefixed(prefix, g | prefixed("d/", self.discriminator.state_dict()))

    def load_weights(self, tensors: Mapping[str, Tensor]) -> None:
        """Start from another stage's nets. Raises CheckpointError when they are of another shape."""
        try:
            self.generator.load_state_dict(below(tensors, "g/"))
            self.discriminator.load_state_dict(below(tensors, "d/"))
        except RuntimeError as error:
            raise CheckpointError(f"these weights are of another net: {' '.join(str(error).split())[:300]}") from error
        if self.average is not None:
            self.average.load_state_dict(below(tensors, "g/"))


class OneGan:
    """What `fit` asks of a trainer that owns one `Gan`."""

    gan: Gan

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
