"""LPIPS (Zhang et al. 2018): how different two photos look, as the weighted difference of a net's features.

The trunk is SqueezeNet 1.1 (Iandola et al. 2016). With Caffe's weights for it, instead of torchvision's, which the
linear layers were trained with, the distance is LPIPS-like, and to be called so.
"""

import re
from collections.abc import Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Net = TypeVar("Net", bound=nn.Module)
FIRES = {3: (64, 16, 64), 4: (128, 16, 64), 6: (128, 32, 128), 7: (256, 32, 128)}  # inputs, squeezed, of each expansion
FIRES |= {9: (256, 48, 192), 10: (384, 48, 192), 11: (384, 64, 256), 12: (512, 64, 256)}
POOLS = (2, 5, 8)
TAPS = (1, 4, 7, 9, 10, 11, 12)  # layers after which the features are compared
CHANNELS = (64, 128, 256, 384, 384, 512, 512)  # there
LPIPS_SHIFT, LPIPS_SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # of RGB in [-1, 1]
CAFFE_MEAN = (104.0, 117.0, 123.0)  # of BGR in [0, 255]


class Fire(nn.Module):
    """Fewer channels, then 1x1 and 3x3 convolutions of them side by side."""

    def __init__(self, inputs: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.squeeze(x))
        return torch.cat([F.relu(self.expand1x1(x)), F.relu(self.expand3x3(x))], 1)


class SqueezeNet(nn.Module):
    """Photos (N, 3, H, W) RGB in [0, 1] -> seven maps (N, CHANNELS[i], h, w). H and W of at least 17.

    `caffe`: input as Caffe's weights want it, BGR less its mean; otherwise as LPIPS normalises for torchvision's.
    """

    def __init__(self, caffe: bool) -> None:
        super().__init__()
        self.caffe = caffe
        layers = [self._layer(i) for i in range(13)]
        self.features = nn.Sequential(*layers)

    @staticmethod
    def _layer(index: int) -> nn.Module:
        if index in FIRES:
            return Fire(*FIRES[index])
        if index in POOLS:
            return nn.MaxPool2d(3, 2, ceil_mode=True)
        return nn.Conv2d(3, 64, 3, 2) if index == 0 else nn.ReLU()

    def forward(self, photos: Tensor) -> list[Tensor]:
        x, maps = self._normalised(photos), []
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in TAPS:
                maps.append(x)
        return maps

    def _normalised(self, photos: Tensor) -> Tensor:
        if self.caffe:
            return photos.flip(1) * 255 - photos.new_tensor(CAFFE_MEAN)[:, None, None]
        shift, scale = (photos.new_tensor(values)[:, None, None] for values in (LPIPS_SHIFT, LPIPS_SCALE))
        return (photos * 2 - 1 - shift) / scale


class Lpips(nn.Module):
    """Photos (N, 3, H, W) x 2, RGB in [0, 1] -> distances (N,), 0 where they are alike."""

    def __init__(self, trunk: nn.Module, linear: nn.Module) -> None:
        super().__init__()
        self.trunk, self.linear = trunk, linear

    def forward(self, photos: Tensor, others: Tensor) -> Tensor:
        maps = zip(self.trunk(photos), self.trunk(others), self.linear.children(), strict=True)
        parts = [layer((_unit(a) - _unit(b)).square()).mean((1, 2, 3)) for a, b, layer in maps]
        return torch.stack(parts).sum(0)


def _unit(x: Tensor) -> Tensor:
    """Every pixel's features of length 1."""
    return x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10)


def squeezenet_torchvision(tensors: Mapping[str, Tensor]) -> SqueezeNet:
    """From torchvision's state dict of squeezenet1_1. Raises ValueError."""
    if not any(key.startswith("classifier.") for key in tensors):
        raise ValueError("not torchvision's SqueezeNet 1.1: it has no classifier")
    return _filled(SqueezeNet(caffe=False), tensors)


def squeezenet_caffe(tensors: Mapping[str, Tensor]) -> SqueezeNet:
    """From Caffe's weights under torchvision's names, features alone. Raises ValueError."""
    if any(key.startswith("classifier.") for key in tensors):
        raise ValueError("not Caffe's features of SqueezeNet 1.1: it has a classifier")
    return _filled(SqueezeNet(caffe=True), tensors)


def linear_layers(tensors: Mapping[str, Tensor]) -> nn.ModuleList:
    """LPIPS's 1x1 layers for the seven maps, as `lin0.model.1.weight` and on. Raises ValueError."""
    layers = nn.ModuleList(nn.Conv2d(channels, 1, 1, bias=False) for channels in CHANNELS)
    renamed = {re.sub(r"^lin(\d)\.model\.1\.", r"\1.", key): tensor for key, tensor in tensors.items()}
    return _filled(layers, renamed)


def _filled(net: Net, tensors: Mapping[str, Tensor]) -> Net:
    state = net.state_dict()
    for key, slot in state.items():
        if key not in tensors or tensors[key].shape != slot.shape:
            found = tuple(tensors[key].shape) if key in tensors else "none"
            raise ValueError(f"not what LPIPS needs: {key} has shape {found}, not {tuple(slot.shape)}")
    net.load_state_dict({key: tensors[key].float() for key in state})
    return net.eval()
