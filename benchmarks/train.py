"""`python -m benchmarks.train`: training steps beside the same networks written plainly, in one run on one device.

Plainly: eager, fp32, one memory layout, spectral norm by hooks, D run once for each of its inputs, VGG once for each
loss and image, every term read back in every step: as the nearest public system trains.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from lightning.fabric import Fabric
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn.utils import spectral_norm
from torch.nn.utils.parametrize import is_parametrized, remove_parametrizations
from torch.utils.flop_counter import FlopCounterMode

from models import losses
from models.blocks import InstanceNorm, PixelNorm
from models.diffaugment import NOISE
from models.discriminator import SnPatchDiscriminator
from models.vgg import FULL_WIDTHS, Vgg19
from pipeline.manifest import Layout
from pipeline.packed import read_split
from pipeline.params import CHECKOUT, load
from pipeline.training.data import Ahead, Batch, Batches, readers
from pipeline.training.gan import make_generator
from pipeline.training.isn import Isn, IsnParams
from pipeline.training.joint import Joint, JointParams
from pipeline.training.scn import Scn, ScnParams
from pipeline.training.stage import Device, sketch_layers

MATRIX = 8192  # side of the product that says what the device can do
LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
STYLE = ("conv2_2", "conv3_4", "conv4_4", "conv5_2")


@dataclass(frozen=True)
class Setting:
    """What is measured: sections of params.yaml at a width, the paper's perceptual and style layers."""

    scn: ScnParams
    isn: IsnParams
    joint: JointParams


def setting(width: int) -> Setting:
    params = CHECKOUT / "params.yaml"
    scn, isn = load(ScnParams, "train_scn", params), load(IsnParams, "train_isn", params)
    scn, isn = _wide(scn, width), _wide(isn, width)
    chosen = replace(isn.loss.perceptual, layers=LAYERS, style_layers=STYLE)
    terms = replace(isn.loss.weights, style=200.0)
    isn = replace(isn, loss=replace(isn.loss, perceptual=chosen, weights=terms))
    return Setting(scn, isn, load(JointParams, "train_joint", params))


def _wide(params: Any, width: int) -> Any:
    generator = replace(params.net.generator, width=width)
    discriminator = replace(params.net.discriminator, width=width)
    return replace(params, net=replace(params.net, generator=generator, discriminator=discriminator))


def vgg() -> Vgg19:
    """VGG-19 of full width, untrained: speed does not depend on the weights."""
    return Vgg19(FULL_WIDTHS, max(*LAYERS, *STYLE), "zeros")


class PlainGan:
    """One GAN as most people write it."""

    def __init__(self, params: Any, channels: tuple[int, int], device: torch.device) -> None:
        self.g = _plainly(make_generator(params.net.generator, channels)).to(device)
        self.d = _plainly(SnPatchDiscriminator(channels[1], params.net.discriminator.width)).to(device)
        self.g_adam = torch.optim.Adam(self.g.parameters(), params.optimizer.lr, params.optimizer.betas)
        self.d_adam = torch.optim.Adam(self.d.parameters(), params.optimizer.lr / 10, params.optimizer.betas)

    def judge(self, real: Tensor, fake: Tensor) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """D's loss, and its maps of the real image and of the fake."""
        verdicts = self.d(real)[-1], self.d(fake.detach())[-1]
        return losses.lsgan_discriminator(*verdicts), self.d(real), self.d(fake)

    def update(self, d_loss: Tensor, g_loss: Tensor) -> None:
        for optimizer in (self.d_adam, self.g_adam):
            optimizer.zero_grad()
        d_loss.backward(retain_graph=True)
        d_grads = [p.grad for p in self.d.parameters()]
        g_loss.backward()
        for parameter, grad in zip(self.d.parameters(), d_grads, strict=True):
            parameter.grad = grad
        for optimizer in (self.d_adam, self.g_adam):
            optimizer.step()


class PlainPixelNorm(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x / torch.sqrt(torch.mean(x**2, dim=1, keepdim=True) + 1e-6)


def _plainly(net: nn.Module) -> nn.Module:
    for module in net.modules():
        for name, child in module.named_children():
            if isinstance(child, InstanceNorm):
                setattr(module, name, nn.InstanceNorm2d(1))
            if isinstance(child, PixelNorm):
                setattr(module, name, PlainPixelNorm())
        if is_parametrized(module, "weight"):
            remove_parametrizations(module, "weight")
            spectral_norm(module)
    return net


class Plain:
    """Both networks' steps; weights of the terms as `Setting` has them."""

    def __init__(self, of: Setting, device: torch.device) -> None:
        self.of, self.scn, self.isn = of, PlainGan(of.scn, (1, 1), device), PlainGan(of.isn, (1, 3), device)
        self.vgg = vgg().to(device)

    def scn_loss(self, refined: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        d_loss, real, fake = self.scn.judge(batch["product"], refined)
        weights = self.of.scn.loss.weights
        matching = losses.calibration([[layer.detach() for layer in real]], fake)
        return d_loss, weights.adversarial * losses.lsgan_generator(fake[-1]) + weights.calibration * matching

    def isn_loss(self, photo: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        d_loss, _, fake = self.isn.judge(batch["photo"], photo)
        weights = self.of.isn.loss.weights
        terms = [
            weights.l1 * losses.l1(batch["photo"], photo),
            weights.adversarial * losses.lsgan_generator(fake[-1]),
            weights.perceptual * losses.perceptual(self.vgg(batch["photo"]), self.vgg(photo), LAYERS),
            weights.style * losses.style(self.vgg(batch["photo"]), self.vgg(photo), STYLE),
            weights.tv * losses.TV[self.of.isn.loss.tv](photo),
        ]
        return d_loss, torch.stack(terms).sum()

    def step_scn(self, batch: Batch) -> list[float]:
        pair = self.scn_loss(self.scn.g(batch["sketch"]), batch)
        self.scn.update(*pair)
        return [loss.item() for loss in pair]

    def step_isn(self, batch: Batch) -> list[float]:
        pair = self.isn_loss(self.isn.g(batch["product"]), batch)
        self.isn.update(*pair)
        return [loss.item() for loss in pair]

    def step_joint(self, batch: Batch) -> list[float]:
        refined = self.scn.g(batch["sketch"])
        photo = self.isn.g(refined)
        scn, isn = self.scn_loss(refined, batch), self.isn_loss(photo, batch)
        self.scn.update(scn[0], scn[1] + isn[1])
        self.isn.d_adam.zero_grad()
        isn[0].backward()
        for optimizer in (self.isn.d_adam, self.isn.g_adam):
            optimizer.step()
        return [loss.item() for loss in (*scn, *isn)]


def trainers(of: Setting, fabric: Fabric, compiled: bool) -> dict[str, Any]:
    """The project's own, with full VGG-19."""
    made: dict[str, Any] = {
        "scn": Scn(fabric, of.scn),
        "isn": Isn(fabric, of.isn),
        "joint": Joint(fabric, of.scn, of.isn, of.joint),
    }
    for isn in (made["isn"], made["joint"].isn):
        isn.vgg = fabric.to_device(vgg()).to(memory_format=torch.channels_last)
    for trainer in made.values():
        trainer.set_progress(0.0)
        for net in trainer.nets() if compiled else ():
            net.compile(dynamic=False)
    return made


def batch_of(count: int, size: int, device: torch.device) -> Batch:
    """Random, all layers."""
    torch.manual_seed(0)
    channels = {"photo": 3, "canny": 1, "hed": 1, "product": 1, "sketch": 1}
    images = {name: torch.rand(count, c, size, size, device=device) for name, c in channels.items()}
    return images | {"noise": torch.rand(count, NOISE, device=device)}


def seconds(step: Callable[[], Any], device: torch.device, least: float) -> float:
    """Seconds a call, over at least `least` seconds, after two to warm up."""
    for _ in range(2):
        step()
    calls, start = 0, _now(device)
    while (took := _now(device) - start) < least or calls < 2:
        for _ in range(5 if device.type == "cuda" else 1):
            step()
            calls += 1
    return took / calls


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def matrix_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Multiply-adds x 2 a second of a large product: what shares are of."""
    side = MATRIX if device.type == "cuda" else MATRIX // 8
    a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    return 2 * side**3 / seconds(lambda: a @ b, device, 0.5)


def flops(step: Callable[[], Any]) -> int:
    """Of one eager step."""
    with FlopCounterMode(display=False) as counter:
        step()
    return counter.get_total_flops()


def main(
    size: Annotated[int, typer.Option(help="Side of the faces, px.")] = 128,
    width: Annotated[int, typer.Option(help="Of all networks; 64: the paper's.")] = 16,
    batch: Annotated[list[int] | None, typer.Option(help="Batch sizes.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    compiled: Annotated[bool, typer.Option("--compile")] = False,
    least: Annotated[float, typer.Option(help="Seconds each is measured for, at least.")] = 2.0,
    data: Annotated[str, typer.Option(help="Packed data of that size: real input beside synthetic.")] = "",
) -> None:
    """Images a second of SCN, ISN and joint steps, plain and ours, and their ratio."""
    fabric, of = Device(device, "auto").fabric(), setting(width)
    rate = matrix_rate(fabric.device, torch.bfloat16 if fabric.device.type == "cuda" else torch.float32)
    heads = ("step", "batch", "plain", "ours", "ratio", "TFLOP/s", "of matrix rate", "plain TF32 off")
    table = Table(*heads, title=f"images/s, {size} px, width {width}, {fabric.device}")
    for count in batch or [4]:
        inputs = batch_of(count, size, fabric.device)
        plain, own, counted = Plain(of, fabric.device), trainers(of, fabric, compiled), trainers(of, fabric, False)
        for name, trainer in own.items():
            plainly, ours = partial(getattr(plain, f"step_{name}"), inputs), partial(trainer.step, inputs)
            slow, fast = seconds(plainly, fabric.device, least), seconds(ours, fabric.device, least)
            done = flops(partial(counted[name].step, inputs)) / fast
            strict = _without_tf32(plainly, fabric.device, least)
            cells = [count / slow, count / fast, slow / fast, done / 1e12, done / rate, count / strict]
            table.add_row(name, str(count), *(f"{cell:.3g}" for cell in cells))
            Console().print(name, count, [f"{cell:.3g}" for cell in cells])
    Console().print(table)
    if data:
        input_rows(of, fabric, data, (batch or [4])[0])


def _without_tf32(step: Callable[[], Any], device: torch.device, least: float) -> float:
    kept = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        return seconds(step, device, least)
    finally:
        torch.backends.cudnn.allow_tf32 = kept


def input_rows(of: Setting, fabric: Fabric, data: str, count: int) -> None:
    """Joint steps on real input beside the same steps on one batch over and over."""
    split, trainer = read_split(Layout(Path(data)), "train"), trainers(of, fabric, False)["joint"]
    made = Batches(split, sketch_layers(of.scn), count, of.joint.augment, 0, fabric.device)
    steps = iter(range(10**9))
    with Ahead(made, readers(made, fabric.device)) as batches:
        real = seconds(lambda: trainer.step(batches(next(steps))), fabric.device, 4.0)
    one = made(0)
    synthetic = seconds(lambda: trainer.step(one), fabric.device, 4.0)
    Console().print(f"joint, batch {count}: real input {count / real:.1f} images/s, one batch {count / synthetic:.1f}")


if __name__ == "__main__":
    typer.run(main)
