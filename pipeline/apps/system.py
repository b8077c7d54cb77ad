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
from models.generators.modulated import StyledGenerator
from pipeline.core.devices import pick_device
from pipeline.core.errors import UserError
from pipeline.core.layout import Layout
from pipeline.core.params import build
from pipeline.core.polarity import Photo, strokes_of, unit
from pipeline.training.checkpoint import load_tensors
from pipeline.training.human_hand import WATCHED_LEVEL as LEVEL
from pipeline.training.nets import GENERATORS, make_generator, params_of

BATCH = 8
Codes = NDArray[np.float32]
CHANNELS = {"scn": (1, 1), "isn": (1, 3)}
WEIGHTS_FILE = "weights.safetensors"


@dataclass(frozen=True)
class Net:
    """One trained generator on one device."""

    module: nn.Module
    device: torch.device
    size: int  # side of the faces it was trained on, px
    mirrored: bool = False  # mean of what it makes of a picture and of its mirror image, after Timofte et al. 2016

    @property
    def code(self) -> int:
        """How many numbers it is told beside the strokes: 0, 1 of a level, more of a style."""
        return int(getattr(self.module, "code", 0))

    @torch.inference_mode()
    def __call__(self, strokes: NDArray[np.float32], codes: NDArray[np.float32] | None = None) -> Tensor:
        """Strokes (N, H, W) in [0, 1], 1 = ink -> (N, C, H, W) in [0, 1], on the CPU.

        `codes`: (N, code); None: the neutral ones.
        """
        told = [] if codes is None else [codes]
        parts = zip(_parts(strokes), *map(_parts, told), strict=True)
        return torch.cat([self._made(*(part.to(self.device) for part in given)).cpu() for given in parts])

    def _made(self, strokes: Tensor, *code: Tensor) -> Tensor:
        made: Tensor = self.module(strokes[:, None], *code).float()
        if not self.mirrored:
            return made
        return torch.lerp(made, self.module(strokes[:, None].flip(-1), *code).float().flip(-1), 0.5)

    @torch.inference_mode()
    def style(self, photos: NDArray[np.uint8]) -> Codes:
        """Crops (N, S, S, 3) -> codes (N, code) of colours and light. Raises UserError where it knows none."""
        if not isinstance(self.module, StyledGenerator):  # as System.takes_styles
            raise UserError("this system takes no style: its photos have the tones that the training photos had most")
        parts = (part.permute(0, 3, 1, 2).to(self.device) for part in _parts(unit(np.asarray(photos))))
        codes: Codes = torch.cat([self.module.style(part).cpu() for part in parts]).numpy()
        return codes


def refined(scn: Net, sketches: NDArray[np.uint8], level: float = LEVEL) -> NDArray[np.float32]:
    """Sketches (N, H, W), 255 = paper -> calibrated strokes R (N, H, W) in [0, 1], 1 = ink.

    `level`, in [0, 1]: how far R may leave the drawing, of a net that is told.
    """
    levels = np.full((len(sketches), 1), level, np.float32) if scn.code else None
    made: NDArray[np.float32] = scn(strokes_of(unit(np.asarray(sketches))), levels)[:, 0].numpy()
    return made


def synthesized(isn: Net, strokes: NDArray[np.float32], codes: Codes | None = None) -> NDArray[np.uint8]:
    """Strokes (N, H, W) in [0, 1], 1 = ink -> photos (N, H, W, 3). `codes`: styles (N, code); None: the neutral one."""
    rgb: NDArray[np.uint8] = isn(strokes, codes).mul(255).round().byte().permute(0, 2, 3, 1).numpy()
    return rgb


@dataclass(frozen=True)
class System:
    """G1 and G2 on one device."""

    scn: nn.Module
    isn: nn.Module
    device: torch.device
    size: int  # side of the faces it was trained on, px
    mirrored: bool = False  # as of each net
    level: float = LEVEL  # how far the strokes may leave the drawing, where the net is told

    def refine(self, sketches: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Sketches (N, H, W), 255 = paper -> calibrated strokes R (N, H, W) in [0, 1], 1 = ink."""
        return refined(self._net(self.scn), sketches, self.level)

    def photos(self, strokes: NDArray[np.float32], codes: Codes | None = None) -> NDArray[np.uint8]:
        """Strokes (N, H, W) in [0, 1], 1 = ink -> photos (N, H, W, 3). `codes`: styles (N, code)."""
        return synthesized(self._net(self.isn), strokes, codes)

    @property
    def takes_levels(self) -> bool:
        """Whether its strokes can be told how far to leave the drawing."""
        return bool(getattr(self.scn, "code", 0))

    @property
    def takes_styles(self) -> bool:
        """Whether its photos can be told whose tones to take."""
        return isinstance(self.isn, StyledGenerator)

    def style(self, photos: NDArray[np.uint8]) -> Codes:
        """As of `Net`, of its ISN."""
        return self._net(self.isn).style(photos)

    def photo(self, sketch: NDArray[np.uint8], code: Codes | None = None) -> tuple[NDArray[np.float32], Photo]:
        """One sketch (H, W), 255 = paper -> its calibrated strokes and its photo. `code`: (code,)."""
        strokes = self.refine(sketch[None])
        return strokes[0], self.photos(strokes, None if code is None else code[None])[0]

    def _net(self, module: nn.Module) -> Net:
        return Net(module, self.device, self.size, self.mirrored)


def _parts(values: NDArray[np.float32]) -> Iterator[Tensor]:
    for i in range(0, len(values), BATCH):
        yield torch.from_numpy(np.asarray(values[i : i + BATCH], np.float32))


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
