"""The trained system for use: sketches in, calibrated sketches and photos out, as arrays."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.blocks import without_parametrizations
from pipeline.core.layout import Layout
from pipeline.core.params import build
from pipeline.core.polarity import Photo
from pipeline.training.adversarial import GeneratorParams, make_generator
from pipeline.training.checkpoint import load_tensors

BATCH = 8
CHANNELS = {"scn": (1, 1), "isn": (1, 3)}


@dataclass(frozen=True)
class System:
    """G1 and G2 on one device."""

    scn: nn.Module
    isn: nn.Module
    device: torch.device
    size: int  # side of the faces it was trained on, px
    mirrored: bool = False  # mean of what a net makes of a picture and of its mirror image, after Timofte et al. 2016

    def refine(self, sketches: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Sketches (N, H, W), 255 = paper -> calibrated strokes R (N, H, W) in [0, 1], 1 = ink."""
        strokes = 1 - np.asarray(sketches, dtype=np.float32) / np.float32(255)
        return self._run(self.scn, strokes)[:, 0].numpy()

    def photos(self, strokes: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Strokes (N, H, W) in [0, 1], 1 = ink -> photos (N, H, W, 3)."""
        rgb = self._run(self.isn, np.asarray(strokes, dtype=np.float32))
        return rgb.mul(255).round().byte().permute(0, 2, 3, 1).numpy()

    def photo(self, sketch: NDArray[np.uint8]) -> tuple[NDArray[np.float32], Photo]:
        """One sketch (H, W), 255 = paper -> its calibrated strokes and its photo."""
        refined = self.refine(sketch[None])
        return refined[0], self.photos(refined)[0]

    @torch.inference_mode()
    def _run(self, net: nn.Module, strokes: NDArray[np.float32]) -> Tensor:
        return torch.cat([self._made(net, part.to(self.device)).cpu() for part in _parts(strokes)])

    def _made(self, net: nn.Module, strokes: Tensor) -> Tensor:
        made: Tensor = net(strokes).float()
        return torch.lerp(made, net(strokes.flip(-1)).float().flip(-1), 0.5) if self.mirrored else made


def _parts(strokes: NDArray[np.float32]) -> Iterator[Tensor]:
    for i in range(0, len(strokes), BATCH):
        yield torch.from_numpy(strokes[i : i + BATCH])[:, None]


def load_system(layout: Layout, stage: str, device: str) -> System:
    """The system after `stage`: "joint", or "apart" for SCN and ISN as trained alone.

    Raises CheckpointError where a weights file is missing or not whole.
    """
    return SYSTEMS[stage](layout, pick_device(device))


def _joint(layout: Layout, device: torch.device) -> System:
    return read_system(layout.trained("joint") / "weights.safetensors", device)


def _apart(layout: Layout, device: torch.device) -> System:
    paths = {name: layout.trained(name) / "weights.safetensors" for name in CHANNELS}
    scn, isn = (_read(path, name, "g/", device) for name, path in paths.items())
    return System(scn, isn, device, load_tensors(paths["isn"])[1]["size"])


SYSTEMS: dict[str, Callable[[Layout, torch.device], System]] = {"joint": _joint, "apart": _apart}


def read_system(path: Path, device: torch.device) -> System:
    """Both nets from one weights file of the joint stage, or as `export` wrote it."""
    scn, isn = (_read(path, name, f"{name}/g/", device) for name in ("scn", "isn"))
    return System(scn, isn, device, load_tensors(path)[1]["size"])


def _read(path: Path, name: str, prefix: str, device: torch.device) -> nn.Module:
    tensors, about = load_tensors(path)
    net = make_generator(generator_params(about, name), CHANNELS[name])
    net.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
    return without_parametrizations(net).eval().to(device)


def generator_params(about: dict[str, Any], name: str) -> GeneratorParams:
    """G's architecture from a weights file's header."""
    return build(GeneratorParams, about["params"][name]["net"]["generator"], f"{name} weights header")


def pick_device(name: str) -> torch.device:
    return torch.device(("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name)
