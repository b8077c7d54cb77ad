"""Generators of the SCN and of the ISN: one table, so that the paper's variants are params."""

from collections.abc import Callable
from typing import Any

from torch import nn

from models.blocks import with_spectral_norm
from models.generators.resnet import ResnetGenerator
from models.generators.unet_mru import UnetMruGenerator

GENERATORS: dict[str, Callable[..., nn.Module]] = {"resnet": ResnetGenerator, "unet_mru": UnetMruGenerator}


def build_generator(kind: str, in_channels: int, out_channels: int, *, spectral: bool, **options: Any) -> nn.Module:
    """A generator of the table with its `options`; `spectral`: spectral norm on every convolution."""
    generator = GENERATORS[kind](in_channels, out_channels, **options)
    return with_spectral_norm(generator) if spectral else generator
