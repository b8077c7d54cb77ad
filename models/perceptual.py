"""VGG-19 maps before activation, for the perceptual and style losses (Eq. 8, 9; ESRGAN)."""

import re
from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BLOCKS = (2, 2, 4, 4, 4)  # convolutions of each block
NAMES = tuple(f"conv{b + 1}_{i + 1}" for b, count in enumerate(BLOCKS) for i in range(count))
FULL_WIDTHS = (64, 128, 256, 512, 512)
COMPRESSED_WIDTHS = (16, 32, 64, 128, 128)
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Vgg19(nn.Module):
    """Convolution outputs of VGG-19 up to the layer `last`.

    (N, 3, H, W) RGB in [0, 1] -> {"conv1_1": (N, C, H, W), ...} before each ReLU. `conv0`, 1x1, carries
    the input normalisation of the layout. H and W at least 16 for conv5_1.
    """

    def __init__(self, widths: Sequence[int], last: str, padding_mode: Literal["zeros", "reflect"]) -> None:
        super().__init__()
        self.names = NAMES[: NAMES.index(last) + 1]
        self.conv0 = nn.Conv2d(3, 3, 1)
        channels = 3
        for name in self.names:
            width = widths[int(name[4]) - 1]
            self.add_module(name, nn.Conv2d(channels, width, 3, padding=1, padding_mode=padding_mode))
            channels = width
        self.requires_grad_(False)

    def forward(self, photo: Tensor) -> dict[str, Tensor]:
        maps: dict[str, Tensor] = {}
        x = self.conv0(photo)
        for name in self.names:
            if name.endswith("_1") and name != "conv1_1":
                x = F.max_pool2d(x, 2)
            maps[name] = self.get_submodule(name)(x)
            x = F.relu(maps[name])
        return maps


def vgg19_torchvision(tensors: Mapping[str, Tensor], last: str | None = None) -> Vgg19:
    """From torchvision's state dict (`features.N.weight`), ImageNet normalisation in front. `last`: as far as given."""
    indices = sorted({int(m[1]) for key in tensors if (m := re.fullmatch(r"features\.(\d+)\.weight", key))})
    renamed = {
        f"{name}.{part}": tensors[f"features.{i}.{part}"]
        for name, i in zip(NAMES, indices, strict=False)
        for part in ("weight", "bias")
    }
    scale, mean = torch.tensor(IMAGENET_STD).reciprocal(), torch.tensor(IMAGENET_MEAN)
    renamed |= {"conv0.weight": torch.diag(scale)[..., None, None], "conv0.bias": -mean * scale}
    return _filled(Vgg19(FULL_WIDTHS, last or _deepest(renamed), "zeros"), renamed)


def vgg19_normalised(tensors: Mapping[str, Tensor], last: str | None = None) -> Vgg19:
    """From the activation-normalised layout (Gatys et al. 2016): `conv0` and reflection padding."""
    return _filled(Vgg19(FULL_WIDTHS, last or _deepest(tensors), "reflect"), tensors)


def vgg19_compressed(tensors: Mapping[str, Tensor], last: str | None = None) -> Vgg19:
    """From the 16x-compressed layout (Wang et al. 2020): a quarter of the filters; `_aux` layers unused."""
    return _filled(Vgg19(COMPRESSED_WIDTHS, last or _deepest(tensors), "reflect"), tensors)


def vgg19_random(seed: int, last: str) -> Vgg19:
    """Untrained, a quarter of the filters, He-initialised from `seed`: for where no ImageNet weights may ship."""
    net = Vgg19(COMPRESSED_WIDTHS, last, "reflect")
    generator = torch.Generator().manual_seed(seed)
    scale, mean = torch.tensor(IMAGENET_STD).reciprocal(), torch.tensor(IMAGENET_MEAN)
    with torch.no_grad():
        for name in net.names:
            conv = net.get_submodule(name)
            nn.init.kaiming_normal_(conv.get_parameter("weight"), generator=generator)
            conv.get_parameter("bias").zero_()
        net.conv0.weight.copy_(torch.diag(scale)[..., None, None])
        net.conv0.bias.copy_(-mean * scale)  # type: ignore[union-attr]
    return net


def _deepest(tensors: Mapping[str, Tensor]) -> str:
    """The last layer of the file. Raises ValueError where it has none."""
    present = [name for name in NAMES if f"{name}.weight" in tensors]
    if not present:
        raise ValueError("no tensor conv1_1.weight")
    return present[-1]


def _filled(net: Vgg19, tensors: Mapping[str, Tensor]) -> Vgg19:
    """Load what the net needs. Raises ValueError that names the first tensor missing or of the wrong shape."""
    state = net.state_dict()
    for key, slot in state.items():
        if key not in tensors:
            raise ValueError(f"no tensor {key}")
        if tensors[key].shape != slot.shape:
            raise ValueError(f"{key} has shape {tuple(tensors[key].shape)}, expected {tuple(slot.shape)}")
    net.load_state_dict({key: tensors[key].float() for key in state})
    return net
