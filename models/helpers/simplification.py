"""Sketch simplification (Simo-Serra et al. 2016, 2018): rough drawing -> clean lines."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MEAN, STD = 0.9664114577640158, 0.0858381272736797  # of the published nets' input
MULTIPLE = 8  # sides the net can take
# output channels, kernel, stride; stride 0: transposed, doubling the resolution
LAYERS = (
    *((48, 5, 2), (128, 3, 1), (128, 3, 1), (128, 3, 2), (256, 3, 1), (256, 3, 1), (256, 3, 2), (512, 3, 1)),
    *((1024, 3, 1),) * 5,
    *((512, 3, 1), (256, 3, 1), (256, 4, 0), (256, 3, 1), (128, 3, 1), (128, 4, 0), (128, 3, 1), (48, 3, 1)),
    *((48, 4, 0), (24, 3, 1), (1, 3, 1)),
)


class Simplifier(nn.Module):
    """(N, 1, H, W) in [0, 1], 1 = paper -> clean lines of the same shape and polarity. Any H and W.

    `widths`: output channels of the 24 layers of LAYERS; the published net has LAYERS' own.
    """

    def __init__(self, widths: list[int]) -> None:
        super().__init__()
        inputs = [1, *widths]
        self.layers = nn.ModuleList(
            nn.Conv2d(a, b, kernel, stride, kernel // 2) if stride else nn.ConvTranspose2d(a, b, kernel, 2, 1)
            for a, b, (_, kernel, stride) in zip(inputs, widths, LAYERS, strict=False)
        )

    def forward(self, sketch: Tensor) -> Tensor:
        h, w = sketch.shape[-2:]
        x = F.pad((sketch - MEAN) / STD, (0, -w % MULTIPLE, 0, -h % MULTIPLE), mode="replicate")
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        return torch.sigmoid(self.layers[-1](x))[..., :h, :w]


def simplifier_published(tensors: Mapping[str, Tensor]) -> Simplifier:
    """From the published state dict (`0.weight`, `2.weight`, …, under any prefix; GAN and MSE variants alike).

    Raises ValueError that names what is missing or of the wrong shape.
    """
    keys = [key.removesuffix(".weight") for key in tensors if key.endswith(".weight")]
    if len(keys) != len(LAYERS):
        raise ValueError(f"not the simplification net: {len(keys)} layers, expected {len(LAYERS)}")
    widths = [len(tensors[f"{key}.bias"]) if f"{key}.bias" in tensors else 0 for key in keys]
    net = Simplifier(widths)
    state = net.state_dict()
    for index, key in enumerate(keys):
        for part in ("weight", "bias"):
            slot = state[f"layers.{index}.{part}"]
            if f"{key}.{part}" not in tensors or tensors[f"{key}.{part}"].shape != slot.shape:
                found = tuple(tensors[f"{key}.{part}"].shape) if f"{key}.{part}" in tensors else "none"
                raise ValueError(f"not the simplification net: {key}.{part} has shape {found}, not {tuple(slot.shape)}")
            state[f"layers.{index}.{part}"] = tensors[f"{key}.{part}"].float()
    net.load_state_dict(state)
    return net.eval()
