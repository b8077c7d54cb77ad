"""The tables GENERATORS and DISCRIMINATORS: a net by its kind, with the params that it uses and no others."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from torch import nn

from models.blocks import with_spectral_norm
from models.discriminators.patchgan import patch, sn_patch
from models.discriminators.unet import unet
from models.generators.compact import CompactGenerator, CompactStyledGenerator, RestoringGenerator
from models.generators.gated import GatedGenerator
from models.generators.modulated import ModulatedGenerator, NoisyGenerator, StyledGenerator
from models.generators.resnet import ResnetGenerator
from models.generators.unet_mru import UnetMruGenerator
from pipeline.core.allowed import Kind, Range, Share
from pipeline.core.params import require

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
class ModulatedParams(ResnetParams):
    """The same, told by a code: how far the SCN may leave the drawing (a code of 1)."""

    code: Annotated[int, Range(least=1, most=512)]


@dataclass(frozen=True)
class StyledParams(ModulatedParams):
    """The same with an encoder that reads the code, colours and light, in a photo. For the ISN."""

    dropped: Share  # of the samples that are trained without a code, so that it does without


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
class GatedParams:
    """A U-Net of gated convolutions: what fills erased parts."""

    kind: str
    width: Width
    blocks: Annotated[int, Range(least=0, most=64)]
    norm: Norm
    changes: bool  # it paints onto its last input channels, the proposal; false: onto nothing
    spectral: bool


@dataclass(frozen=True)
class RestoringParams:
    """A narrow U-Net at half the resolution that adds to a photo what it lacks."""

    kind: str
    width: Width
    blocks: Annotated[int, Range(least=0, most=64)]
    spectral: bool


@dataclass(frozen=True)
class CompactParams(RestoringParams):
    """The same net for use where each millisecond counts: it makes its picture anew."""

    code: Annotated[int, Range(least=0, most=512)]  # 0: it is told nothing


@dataclass(frozen=True)
class CompactStyledParams(CompactParams):
    """The same with an encoder that reads the code in a photo. For the ISN."""

    dropped: Share  # as of styled

    def __post_init__(self) -> None:
        require(self.code > 0, "code above 0")


@dataclass(frozen=True)
class SnPatchParams:
    """SN-PatchGAN, at one scale of the image or several."""

    kind: str
    width: Width
    scales: Annotated[int, Range(least=1, most=4)]  # 1: the paper's


@dataclass(frozen=True)
class PatchParams:
    """PatchGAN as of pix2pixHD."""

    kind: str
    width: Width
    scales: Annotated[int, Range(least=1, most=4)]
    layers: Annotated[int, Range(least=1, most=6)]  # of stride 2; 3: each verdict sees 70 px
    # instance: with spectral norm alone D stayed at chance on faces, and taught nothing
    norm: Literal["none", "instance"]
    spectral: bool


@dataclass(frozen=True)
class UnetParams:
    """U-Net that judges every pixel, as of OASIS."""

    kind: str
    width: Width
    layers: Annotated[int, Range(least=1, most=5)]  # that halve the map; 5 for 128 px
    norm: Literal["none", "instance"]  # none: as OASIS
    spectral: bool


@dataclass(frozen=True)
class Net:
    """A row: the dataclass of its params, and what makes the module of (channels, **params)."""

    params: type
    module: Callable[..., nn.Module]


GENERATORS = {
    "resnet": Net(ResnetParams, ResnetGenerator),
    "unet_mru": Net(UnetMruParams, UnetMruGenerator),
    "modulated": Net(ModulatedParams, ModulatedGenerator),
    "styled": Net(StyledParams, StyledGenerator),
    "gated": Net(GatedParams, GatedGenerator),
    "noisy": Net(StyledParams, NoisyGenerator),  # styled, with noise in the decoder
    "compact": Net(CompactParams, CompactGenerator),
    "compact_styled": Net(CompactStyledParams, CompactStyledGenerator),
    "restoring": Net(RestoringParams, RestoringGenerator),
}
DISCRIMINATORS = {
    "sn_patch": Net(SnPatchParams, sn_patch),
    "patch": Net(PatchParams, patch),
    "unet": Net(UnetParams, unet),
}

GeneratorParams = Annotated[
    ResnetParams
    | UnetMruParams
    | ModulatedParams
    | StyledParams
    | GatedParams
    | CompactParams
    | CompactStyledParams
    | RestoringParams,
    Kind(lambda: params_of(GENERATORS)),
]
DiscriminatorParams = Annotated[SnPatchParams | PatchParams | UnetParams, Kind(lambda: params_of(DISCRIMINATORS))]


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
