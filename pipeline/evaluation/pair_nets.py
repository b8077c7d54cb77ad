"""The table PAIRS: nets that say how different two photos look, face by face."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.core.errors import UserError
from pipeline.core.polarity import unit_tensor
from pipeline.weights.loaders import lpips

Distance = Callable[[NDArray[np.uint8], NDArray[np.uint8]], NDArray[np.float32]]
"""Photos (N, S, S, 3) x 2 -> (N,)."""

AT_ONCE = 4  # ours: with channels last half the time of 16 on a CPU core


class Lpips:
    """LPIPS on a trunk. Raises WeightsError where the trunk's or the linear layers' file is missing."""

    def __init__(self, trunk: str, device: torch.device) -> None:
        net = lpips(trunk).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.net, self.device = net, device

    @torch.inference_mode()
    def __call__(self, photos: NDArray[np.uint8], made: NDArray[np.uint8]) -> NDArray[np.float32]:
        parts = range(0, len(photos), AT_ONCE)
        found = [self.net(*(self._sent(of[i : i + AT_ONCE]) for of in (photos, made))).cpu().numpy() for i in parts]
        return np.concatenate(found).astype(np.float32)

    def _sent(self, photos: NDArray[np.uint8]) -> torch.Tensor:
        images = torch.from_numpy(np.array(photos)).to(self.device).permute(0, 3, 1, 2)
        return unit_tensor(images).contiguous(memory_format=torch.channels_last)


PAIRS: dict[str, Callable[[torch.device], Distance]] = {
    "lpips": partial(Lpips, "squeezenet"),
    "lpips_like": partial(Lpips, "squeezenet_caffe"),  # Caffe's weights under layers made for torchvision's
}


@dataclass(frozen=True)
class PairNets:
    """Those that could be opened, and why the others could not."""

    nets: dict[str, Distance]
    missing: dict[str, str]

    def scores(self, photos: NDArray[np.uint8], made: NDArray[np.uint8]) -> list[dict[str, float]]:
        """Of each face."""
        found = {name: net(photos, made).tolist() for name, net in self.nets.items()}
        return [{name: values[i] for name, values in found.items()} for i in range(len(photos))]


def pair_nets(device: torch.device) -> PairNets:
    nets, missing = dict[str, Distance](), dict[str, str]()
    for name, opened in PAIRS.items():
        try:
            nets[name] = opened(device)
        except UserError as error:
            missing[name] = str(error)
    return PairNets(nets, missing)
