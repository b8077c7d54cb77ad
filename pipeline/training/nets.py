"""The tables GENERATORS and DISCRIMINATORS: a net by its kind, with the params that it uses and no others."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from torch import nn

from models.blocks import with_spectral_norm
from models.discriminators.patchgan import MultiScaleDiscriminator
from models.generators.resnet import ResnetGenerator
from models.generators.unet_mru import UnetMruGenerator
from pipeline.core.allowed import Kind, Range

Width = Annotated[int, Range(least=1, most=512)]
Norm = Literal["instance", "pixel"]  # instance: as Johnson et al.; pixel: no droplets in flat regions


@dataclass(frozen=True)
class ResnetParams:
    """The paper's generator, and with more blocks Improved-1."""

    kind: str
    width: Width
    blocks: Annotated[int, Range(least=0, most=64)]
    dilation: Annotated[int, Range(least=1, most=8)]
    norm: Norm
    up: Literal["transposed", "resize"]  # transposed: as Johnson et al.; resize: no dots in lines
    padding: Literal["reflect", "zeros"]  # reflect: as Johnson et al.; zeros: no copy of every map
    spectral: bool  # spectral norm on every convolution


@dataclass(frozen=True)
class UnetMruParams:
    """Improved-2: a U-Net of Masked Residual Units."""

    kind: str
    width: Width
    blocks: Annotated[int, Range(least=0, most=64)]
    dilation: Annotated[int, Range(least=1, most=8)]
    norm: Norm
    spectral: bool


@dataclass(frozen=True)
class SnPatchParams:
    """SN-PatchGAN, at one scale of the image or several."""

    kind: str
    width: Width
    scales: Annotated[int, Range(least=1, most=4)]  # 1: the paper's


@dataclass(frozen=True)
class Net:
    """A row: the dataclass of its params, and the module, called with (channels, **params)."""

    params: type
    module: type[nn.Module]


GENERATORS = {"resnet": Net(ResnetParams, ResnetGenerator), "unet_mru": Net(UnetMruParams, UnetMruGenerator)}
DISCRIMINATORS = {"sn_patch": Net(SnPatchParams, MultiScaleDiscriminator)}

GeneratorParams = Annotated[ResnetParams | UnetMruParams, Kind(lambda: params_of(GENERATORS))]
DiscriminatorParams = Annotated[SnPatchParams, Kind(lambda: params_of(DISCRIMINATORS))]


def params_of(table: Mapping[str, Net]) -> dict[str, type]:
    """Kind -> dataclass, as `pipeline.core.allowed.Kind` takes it."""
    return {kind: net.params for kind, net in table.items()}


def make_generator(params: Any, channels: tuple[int, int]) -> nn.Module:
    """An untrained generator; `channels`: of its input and its output."""
    options = asdict(params)
    net, spectral = GENERATORS[options.pop("kind")], options.pop("spectral")
    module = net.module(*channels, **options)
    return with_spectral_norm(module) if spectral else module


def make_discriminator(params: Any, channels: int) -> nn.Module:
    """An untrained discriminator of images of so many channels."""
    options = asdict(params)
    return DISCRIMINATORS[options.pop("kind")].module(channels, **options)
