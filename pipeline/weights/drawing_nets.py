"""Nets that draw: picture -> drawing, several pictures at once where there is a GPU."""

import sys
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.batching import ask
from pipeline.core.polarity import unit, unit_tensor
from pipeline.weights import loaders
from pipeline.weights.graphs import DRAW, graphs_of
from pipeline.weights.registry import weight_file

GPU_BATCH = 16  # pictures at once, on a GPU


def at_once(nets: bool) -> int:
    """How many pictures to work on side by side: more than one where `nets` draw them and there is a GPU."""
    if not nets:
        return 1
    import torch

    return GPU_BATCH if torch.cuda.is_available() else 1


@cache
def runner(name: str) -> Callable[[NDArray[Any]], NDArray[np.float32]]:
    """A net that draws, as a function of one picture. Raises WeightsError.

    Photo (H, W, 3) or Sketch (H, W) -> (H, W) in [0, 1]. On the GPU where there is one. By ONNX Runtime where nothing
    has loaded torch yet, which takes longer than to draw.
    """
    graphs = None if "torch" in sys.modules else graphs_of(weight_file(name), (DRAW,))
    return partial(ask, partial(_by_graph, graphs[0]) if graphs else _by_torch(name))


def _by_graph(session: Any, pictures: NDArray[Any]) -> NDArray[np.float32]:
    """Pictures (N, H, W[, 3]) -> (N, H, W), one at a time; an odd side is one longer for the graph."""
    height, width = pictures.shape[1:3]
    drawn = []
    for picture in pictures:
        image = unit(picture).transpose(2, 0, 1) if picture.ndim == 3 else picture[None]
        even = np.pad(image.astype(np.float32), ((0, 0), (0, height % 2), (0, width % 2)), "edge")
        drawn.append(session.run(None, {"picture": even[None]})[0][0, 0, :height, :width])
    return np.stack(drawn)


def _by_torch(name: str) -> Callable[[NDArray[Any]], NDArray[np.float32]]:
    import torch

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    found = loaders.net(name).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.inference_mode()
    def run(pictures: NDArray[Any]) -> NDArray[np.float32]:
        images = torch.from_numpy(np.array(pictures)).to(device)
        images = unit_tensor(images.permute(0, 3, 1, 2)) if pictures.ndim == 4 else images[:, None]
        drawn: torch.Tensor = found(images.contiguous(memory_format=torch.channels_last))
        sketches: NDArray[np.float32] = drawn[:, 0].float().cpu().numpy()
        return sketches

    return run
