"""Photo-Sketching's generator (Li et al. 2019): a 9-block residual net with batch norm, photo -> contour drawing."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BLOCKS = 9
MULTIPLE = 4  # sides the net can take


class ContourBlock(nn.Module):
    """Two 3x3 convolutions with batch norm after reflection padding; (N, C, H, W) -> the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(channels, channels, 3, bias=False) for _ in range(2))
        self.norm1, self.norm2 = (nn.BatchNorm2d(channels) for _ in range(2))
        self.pad = nn.ReflectionPad2d(1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(self.conv1(self.pad(x))).relu()
        out: Tensor = x + self.norm2(self.conv2(self.pad(y)))
        return out


class PhotoSketchNet(nn.Module):
    """(N, 3, H, W) RGB in [0, 1] -> (N, 1, H, W) in [0, 1], 1 = paper. H and W of at least 16."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 7, bias=False)
        self.down = nn.ModuleList(nn.Conv2d(width * m, width * m * 2, 3, 2, 1, bias=False) for m in (1, 2))
        self.blocks = nn.Sequential(*(ContourBlock(4 * width) for _ in range(BLOCKS)))
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(width * m, width * m // 2, 3, 2, 1, output_padding=1, bias=False) for m in (4, 2)
        )
        self.head = nn.Conv2d(width, 1, 7)
        self.norms = nn.ModuleList(nn.BatchNorm2d(width * m) for m in (1, 2, 4, 2, 1))
        self.pad = nn.ReflectionPad2d(3)

    def forward(self, photo: Tensor) -> Tensor:
        h, w = photo.shape[-2:]
        photo = F.pad(photo, (0, -w % MULTIPLE, 0, -h % MULTIPLE), mode="replicate")
        x = self.norms[0](self.stem(self.pad(photo * 2 - 1))).relu()
        for layer, norm in zip(self.down, self.norms[1:3], strict=True):
            x = norm(layer(x)).relu()
        x = self.blocks(x)
        for layer, norm in zip(self.up, self.norms[3:], strict=True):
            x = norm(layer(x)).relu()
        return ((torch.tanh(self.head(self.pad(x))) + 1) / 2)[..., :h, :w]


def published_names() -> Iterator[tuple[str, str]]:
    """(our module, the published one): `model.N`, in blocks `conv_block.N` with a dropout slot at 4."""
    yield from (("stem", "model.1"), ("norms.0", "model.2"))
    for i in range(2):
        yield from ((f"down.{i}", f"model.{4 + 3 * i}"), (f"norms.{1 + i}", f"model.{5 + 3 * i}"))
    for i in range(BLOCKS):
        for ours, index in (("conv1", 1), ("norm1", 2), ("conv2", 6), ("norm2", 7)):
            yield f"blocks.{i}.{ours}", f"model.{10 + i}.conv_block.{index}"
    for i in range(2):
        yield from ((f"up.{i}", f"model.{19 + 3 * i}"), (f"norms.{3 + i}", f"model.{20 + 3 * i}"))
    yield "head", "model.26"


def photosketch_published(tensors: Mapping[str, Tensor]) -> PhotoSketchNet:
    """From the published `latest_net_G.pth`. Raises ValueError that names what is missing or of the wrong shape."""
    published = dict(published_names())
    if "model.1.weight" not in tensors:
        raise ValueError("not Photo-Sketching's generator: no tensor model.1.weight")
    net = PhotoSketchNet(len(tensors["model.1.weight"]))
    state = net.state_dict()
    for key, slot in state.items():
        module, _, part = key.rpartition(".")
        source = f"{published[module]}.{part}"
        if part == "num_batches_tracked":
            continue
        if source not in tensors or tensors[source].shape != slot.shape:
            found = tuple(tensors[source].shape) if source in tensors else "none"
            raise ValueError(f"not Photo-Sketching's generator: {source} has shape {found}, not {tuple(slot.shape)}")
        state[key] = tensors[source].float()
    net.load_state_dict(state)
    return net.eval()
