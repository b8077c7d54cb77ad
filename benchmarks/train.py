"""`python -m benchmarks.train`: training steps beside the same networks written plainly, in one run on one device.

Plainly: eager, fp32, one memory layout, spectral norm by hooks, D run once for each of its inputs, VGG once for each
loss and image, every term read back in every step: as the nearest public system trains.
"""

import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from lightning_fabric import Fabric
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn.utils import spectral_norm
from torch.nn.utils.parametrize import is_parametrized, remove_parametrizations
from torch.utils.flop_counter import FlopCounterMode

from models.blocks import InstanceNorm, PixelNorm
from models.discriminators.diffaugment import NOISE
from models.discriminators.patchgan import SnPatchDiscriminator
from models.losses import adversarial, photo, strokes
from models.perceptual import FULL_WIDTHS, Vgg19
from pipeline.core.dataset import read_split
from pipeline.core.layout import Layout
from pipeline.core.params import load
from pipeline.core.workspace import SHIPPED
from pipeline.training.adversarial import Gan
from pipeline.training.data import Ahead, Batch, Batches, readers
from pipeline.training.device import Device
from pipeline.training.isn import IsnParams
from pipeline.training.joint import Joint, JointParams
from pipeline.training.nets import make_generator
from pipeline.training.scn import ScnParams
from pipeline.training.trainers import TRAINERS, sketch_layers

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
    params = SHIPPED / "params.yaml"
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
    """One GAN as most people write it, with the weights of ours."""

    def __init__(self, params: Any, channels: tuple[int, int], ours: Gan, device: torch.device) -> None:
        g = make_generator(params.net.generator, channels)
        d = SnPatchDiscriminator(channels[1], params.net.discriminator.width)
        g.load_state_dict(ours.generator.state_dict())
        scales: Any = ours.discriminator.scales
        d.load_state_dict(scales[0].state_dict())
        self.g, self.d = _plainly(g).to(device), _plainly(d).to(device)
        self.g_adam = torch.optim.Adam(self.g.parameters(), params.optimizer.lr, params.optimizer.betas)
        self.d_adam = torch.optim.Adam(self.d.parameters(), params.optimizer.lr / 10, params.optimizer.betas)

    def judge(self, real: Tensor, fake: Tensor) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """D's loss, and its maps of the real image and of the fake."""
        verdicts = self.d(real)[-1], self.d(fake.detach())[-1]
        return adversarial.lsgan_discriminator(*verdicts), self.d(real), self.d(fake)

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
            found: Any = module.parametrizations.weight  # type: ignore[union-attr]
            state = {"weight_orig": found.original, "weight_u": found[0]._u, "weight_v": found[0]._v}
            kept = {name: value.detach().clone() for name, value in state.items()}
            remove_parametrizations(module, "weight")
            spectral_norm(module).load_state_dict(kept, strict=False)
    return net


class Plain:
    """Both networks' steps; weights of the terms as `Setting` has them."""

    def __init__(self, of: Setting, ours: Joint, device: torch.device) -> None:
        self.of = of
        self.scn = PlainGan(of.scn, (1, 1), ours.scn.gan, device)
        self.isn = PlainGan(of.isn, (1, 3), ours.isn.gan, device)
        self.vgg = deepcopy(ours.isn.vgg).to(memory_format=torch.contiguous_format)

    def scn_loss(self, refined: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        d_loss, real, fake = self.scn.judge(batch["product"], refined)
        weights = self.of.scn.loss.weights
        matching = strokes.calibration([[layer.detach() for layer in real]], fake)
        return d_loss, weights.adversarial * adversarial.lsgan_generator(fake[-1]) + weights.calibration * matching

    def isn_loss(self, made: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        d_loss, _, fake = self.isn.judge(batch["photo"], made)
        weights = self.of.isn.loss.weights
        terms = [
            weights.l1 * photo.l1(batch["photo"], made),
            weights.adversarial * adversarial.lsgan_generator(fake[-1]),
            weights.perceptual * photo.perceptual(self.vgg(batch["photo"]), self.vgg(made), LAYERS),
            weights.style * photo.style(self.vgg(batch["photo"]), self.vgg(made), STYLE),
            weights.tv * photo.TV[self.of.isn.loss.tv](made),
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
        scn, isn = self.scn_loss(refined, batch), self.isn_loss(self.isn.g(refined), batch)
        self.scn.update(scn[0], scn[1] + isn[1])
        self.isn.d_adam.zero_grad()
        isn[0].backward()
        for optimizer in (self.isn.d_adam, self.isn.g_adam):
            optimizer.step()
        return [loss.item() for loss in (*scn, *isn)]


def system(of: Setting, fabric: Fabric) -> Joint:
    """The project's own networks and steps, with full VGG-19."""
    joint = Joint(fabric, of.scn, of.isn, of.joint)
    joint.isn.vgg = fabric.to_device(vgg()).to(memory_format=torch.channels_last)
    joint.set_progress(0.0)
    return joint


def batch_of(count: int, size: int, device: torch.device) -> Batch:
    """Random, all layers."""
    torch.manual_seed(0)
    channels = {"photo": 3, "canny": 1, "hed": 1, "product": 1, "sketch": 1}
    images = {name: torch.rand(count, c, size, size, device=device) for name, c in channels.items()}
    return images | {"noise": torch.rand(count, NOISE, device=device)}


def seconds(step: Callable[[], Any], device: torch.device, least: float) -> float:
    """Seconds a call, over at least `least` seconds, after two to warm up and one to learn how often to look."""
    step()
    step()
    start = _now(device)
    step()
    together = max(1, min(20, int(0.1 / (_now(device) - start))))
    calls, start = 0, _now(device)
    while (took := _now(device) - start) < least or calls < 2:
        for _ in range(together):
            step()
        calls += together
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


def main(
    size: Annotated[int, typer.Option(help="Side of the faces, px.")] = 128,
    width: Annotated[int, typer.Option(help="Of all networks; 64: the paper's.")] = 16,
    batch: Annotated[list[int] | None, typer.Option(help="Batch sizes.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    precision: Annotated[str, typer.Option(help="Of ours: 32-true, bf16-mixed, auto.")] = "auto",
    compiled: Annotated[bool, typer.Option("--compile", help="Ours compiled, too.")] = False,
    least: Annotated[float, typer.Option(help="Seconds each is measured for, at least.")] = 2.0,
    data: Annotated[str, typer.Option(help="Packed data of that size: real input beside synthetic.")] = "",
) -> None:
    """Images a second of SCN, ISN and joint steps, plain and ours, and their ratio."""
    chosen = Device(device, precision)
    fabric, of = chosen.fabric(), setting(width)
    rate = matrix_rate(fabric.device, torch.bfloat16 if fabric.device.type == "cuda" else torch.float32)
    heads = ("step", "batch", "how", "images/s", "times plain", "TFLOP/s", "of matrix rate", "first losses off by")
    title = (
        f"{size} px, width {width}, {fabric.device}, {chosen.chosen_precision()}, matrix rate {rate / 1e12:.4g} TFLOP/s"
    )
    table = Table(*heads, title=title)
    for count in batch or [4]:
        inputs = batch_of(count, size, fabric.device)
        for name in ("scn", "isn", "joint"):
            for row in rows_of(name, of, fabric, inputs, compiled, least):
                done = row.flops / row.seconds
                cells = [count / row.seconds, row.times, done / 1e12, done / rate, row.off]
                line = [name, str(count), row.how, *(f"{cell:.3g}" for cell in cells)]
                table.add_row(*line)
                print(*line, flush=True)
    Console().print(table)
    if data:
        input_row(of, fabric, data, (batch or [4])[0])


@dataclass(frozen=True)
class Measured:
    """One way to take a step."""

    how: str
    seconds: float
    times: float  # as fast as plain
    flops: int
    off: float  # how far its first losses are from plain's, as a share


def rows_of(name: str, of: Setting, fabric: Fabric, inputs: Batch, compiled: bool, least: float) -> list[Measured]:
    """Steps of one stage: plain, on a GPU plain without TF32, ours, ours compiled; all from the same weights."""
    device, ours = fabric.device, system(of, fabric)
    trainer: Any = ours if name == "joint" else ours.parts[name]
    plainly: Callable[[], list[float]] = partial(getattr(Plain(of, ours, device), f"step_{name}"), inputs)
    step = partial(trainer.step, inputs)
    expected, first = plainly(), first_losses(name, ours, step())
    off = max(abs(a - b) / abs(a) for a, b in zip(expected, first, strict=True))
    with FlopCounterMode(display=False) as counter:
        step()
    count = counter.get_total_flops()
    slow = seconds(plainly, device, least)
    rows = [Measured("plain", slow, 1.0, count, 0.0)]
    if device.type == "cuda":
        strict = _without_tf32(plainly, device, 0.0)
        rows.append(Measured("plain, no TF32", strict, slow / strict, count, 0.0))
    fast = seconds(step, device, least)
    rows.append(Measured("ours", fast, slow / fast, count, off))
    if compiled:
        for net in trainer.nets():
            net.compile(dynamic=False)
        fast = seconds(step, device, least)
        rows.append(Measured("ours, compiled", fast, slow / fast, count, off))
    return rows


def first_losses(name: str, ours: Joint, terms: dict[str, Tensor]) -> list[float]:
    """Of D and of G, for each GAN of the stage, as `Plain` gives them."""
    found = []
    for part in ours.parts if name == "joint" else [name]:
        prefix = f"{part}_" if name == "joint" else ""
        own = {key.removeprefix(prefix): value for key, value in terms.items() if key.startswith(prefix)}
        found += [own["discriminator"].item(), ours.parts[part].total(own).item()]
    return found


def _without_tf32(step: Callable[[], Any], device: torch.device, least: float) -> float:
    kept = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        return seconds(step, device, least)
    finally:
        torch.backends.cudnn.allow_tf32 = kept


def input_row(of: Setting, fabric: Fabric, data: str, count: int) -> None:
    """Joint steps on real input beside the same steps on one batch over and over."""
    split, trainer = read_split(Layout(Path(data)), "train"), system(of, fabric)
    needs = TRAINERS["joint"].needs({"train_joint": of.joint, "train_scn": of.scn, "train_isn": of.isn})
    drawn = sketch_layers(split, needs.sketches)
    made = Batches(split, needs.layers, drawn, count, of.joint.augment, 0, fabric.device)
    one, steps = made(0), iter(range(10**9))
    with Ahead(made, readers(made, fabric.device)) as batches:
        real = seconds(lambda: trainer.step(batches(next(steps))), fabric.device, 4.0)
    synthetic = seconds(lambda: trainer.step(one), fabric.device, 4.0)
    print(f"joint, batch {count}: real input {count / real:.1f} images/s, one batch {count / synthetic:.1f}")


if __name__ == "__main__":
    typer.run(main)
