"""Which VGG-19 a perceptual loss sees through, and which of its maps."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

from torch import nn

from models.perceptual import NAMES, vgg19_random
from pipeline.core.allowed import Items, OneOf
from pipeline.core.params import require
from pipeline.weights import loaders

Layers = Annotated[tuple[Annotated[str, OneOf(lambda: NAMES)], ...], Items(least=0)]


@dataclass(frozen=True)
class PerceptualParams:
    """Which VGG-19 and which of its maps, all before activation."""

    net: Literal["vgg19", "vgg19_normalised", "vgg19_compressed", "random"]
    layers: Layers
    style_layers: Layers
    weighting: Literal["equal", "deep"]  # equal: as the paper; deep: as pix2pixHD

    def __post_init__(self) -> None:
        require(bool(self.layers or self.style_layers), "a layer in layers or style_layers")


VGGS: dict[str, Callable[..., nn.Module]] = {
    **{name: partial(loaders.net, name) for name in ("vgg19", "vgg19_normalised", "vgg19_compressed")},
    "random": partial(vgg19_random, 0),
}
