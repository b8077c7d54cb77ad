"""The trained system for use: sketches in, calibrated sketches and photos out, as arrays."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.blocks import without_parametrizations
from pipeline.core.devices import pick_device
from pipeline.core.layout import Layout
from pipeline.core.params import build
from pipeline.core.polarity import Photo, strokes_of, unit
from pipeline.training.checkpoint import load_tensors
from pipeline.training.nets import GENERATORS, make_generator, params_of

BATCH = 8
CHANNELS = {"scn": (1, 1), "isn": (1, 3)}
WEIGHTS_FILE = "weights.safetensors"


@dataclass(frozen=True)
class Net:
    """One trained generator on one device."""

    module: nn.Module
    device: torch.device
    size: int  # side of the faces it was trained on, px
    mirrored: bool = False  # mean of what it makes of a picture and of its mirror image, after Timofte et al. 2016

    @torch.inference_mode()
    def __call__(self, strokes: NDArray[np.float32]) -> Tensor:
        """Strokes (N, H, W) in [0, 1], 1 = ink -> (N, C, H, W) in [0, 1], on the CPU."""
        return torch.cat([self._made(part.to(self.device)).cpu() for part in _parts(strokes)])

    def _made(self, strokes: Tensor) -> Tensor:
        made: Tensor = self.module(strokes).float()
        return torch.lerp(made, self.module(strokes.flip(-1)).float().flip(-1), 0.5) if self.mirrored else made


def refined(scn: Net, sketches: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Sketches (N, H, W), 255 = paper -> calibrated strokes R (N, H, W) in [0, 1], 1 = ink."""
    made: NDArray[np.float32] = scn(strokes_of(unit(np.asarray(sketches))))[:, 0].numpy()
    return made


def synthesized(isn: Net, strokes: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Strokes (N, H, W) in [0, 1], 1 = ink -> photos (N, H, W, 3)."""
    rgb: NDArray[np.uint8] = isn(strokes).mul(255).round().byte().permute(0, 2, 3, 1).numpy()
    return rgb


@dataclass(frozen=True)
class System:
    """G1 and G2 on one device."""

    scn: nn.Module
    isn: nn.Module
    device: torch.device
    size: int  # side of the faces it was trained on, px
    mirrored: bool = False  # as of each net

    def refine(self, sketches: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Sketches (N, H, W), 255 = paper -> calibrated strokes R (N, H, W) in [0, 1], 1 = ink."""
        return refined(Net(self.scn, self.device, self.size, self.mirrored), sketches)

    def photos(self, strokes: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Strokes (N, H, W) in [0, 1], 1 = ink -> photos (N, H, W, 3)."""
        return synthesized(Net(self.isn, self.device, self.size, self.mirrored), strokes)

    def photo(self, sketch: NDArray[np.uint8]) -> tuple[NDArray[np.float32], Photo]:
        """One sketch (H, W), 255 = paper -> its calibrated strokes and its photo."""
        strokes = self.refine(sketch[None])
        return strokes[0], self.photos(strokes)[0]


def _parts(strokes: NDArray[np.float32]) -> Iterator[Tensor]:
    for i in range(0, len(strokes), BATCH):
        yield torch.from_numpy(np.asarray(strokes[i : i + BATCH], np.float32))[:, None]


def load_system(layout: Layout, stage: str, device: str) -> System:
    """The system after `stage`: "joint", or "apart" for SCN and ISN as trained alone.

    Raises CheckpointError where a weights file is missing or not whole.
    """
    on = pick_device(device)
    if stage == "joint":
        return read_system(layout.trained("joint") / WEIGHTS_FILE, on)
    scn, isn = (load_net(layout, name, on) for name in CHANNELS)
    return System(scn.module, isn.module, on, isn.size)


def load_net(layout: Layout, stage: str, device: torch.device) -> Net:
    """The net of stage "scn" or "isn", as trained alone. Raises CheckpointError."""
    path = layout.trained(stage) / WEIGHTS_FILE
    return Net(_read(path, stage, "g/", device), device, load_tensors(path)[1]["size"])


def read_system(path: Path, device: torch.device) -> System:
    """Both nets from one weights file of the joint stage, or as `export` wrote it."""
    scn, isn = (_read(path, name, f"{name}/g/", device) for name in CHANNELS)
    return System(scn, isn, device, load_tensors(path)[1]["size"])


def _read(path: Path, name: str, prefix: str, device: torch.device) -> nn.Module:
    tensors, about = load_tensors(path)
    net = make_generator(generator_params(about, name), CHANNELS[name])
    net.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
    return without_parametrizations(net).eval().to(device)


def generator_params(about: Mapping[str, Any], name: str) -> Any:
    """G's architecture, an instance of its kind's params, from a weights file's header."""
    values = about["params"][name]["net"]["generator"]
    kind = params_of(GENERATORS)[values["kind"]]
    known = {field.name for field in fields(kind)}  # older files name options that their kind never used
    return build(kind, {key: value for key, value in values.items() if key in known}, f"{name} weights header")
