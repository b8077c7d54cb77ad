"""Trained nets run by torch: from the weights files of the training stages, or as `export` wrote them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.blocks import without_parametrizations
from models.generators.modulated import ReadsStyles
from models.pairs import Bounds, Completed, Restored
from pipeline.apps.system import BATCH, NO_STYLE, Codes, System
from pipeline.core.devices import pick_device
from pipeline.core.errors import UserError
from pipeline.core.layout import Layout
from pipeline.core.level import USUAL_LEVEL
from pipeline.core.params import build
from pipeline.core.polarity import unit
from pipeline.core.printable import printable
from pipeline.training.checkpoint import CheckpointError, below, load_tensors, prefixed
from pipeline.training.nets import GENERATORS, make_generator, params_of
from pipeline.weights.intake import identify
from pipeline.weights.registry import WeightsError

CHANNELS = {"scn": (1, 1), "isn": (1, 3)}
RESTORER = "restorer"  # the net of some systems that goes on with the ISN's photo
RESTORED = "restored"
COMPLETER = "completer"  # the net of some that adds to their SCN's strokes: another SCN
PARTS = (*CHANNELS, RESTORER, COMPLETER)  # nets of a system
STAGES = {COMPLETER: "scn"}  # that train a part, where it is not called so
FEW, MANY = Bounds(10, 0.5), Bounds(4, 0.3)  # ours: what completers add at the usual level and at 1, to a 256-px face
WEIGHTS_FILE = "weights.safetensors"


@dataclass(frozen=True)
class TorchNet:
    """One trained generator on one device, a `Net`."""

    module: nn.Module
    device: torch.device
    size: int
    restorer: nn.Module | None = None  # goes on with what an ISN makes
    completer: nn.Module | None = None  # likewise, of an SCN

    @property
    def whole(self) -> nn.Module:
        """With what goes on with it, where there is such a net."""
        if self.completer is not None:
            few, many = (replace(of, reach_px=max(1, round(of.reach_px * self.size / 256))) for of in (FEW, MANY))
            return Completed(self.module, self.completer, USUAL_LEVEL, few, many)
        return self.module if self.restorer is None else Restored(self.module, self.restorer)

    @property
    def code(self) -> int:
        return int(getattr(self.whole, "code", getattr(self.module, "code", 0)))

    @property
    def reads_styles(self) -> bool:
        return isinstance(self.module, ReadsStyles)

    @torch.inference_mode()
    def __call__(self, strokes: NDArray[np.float32], codes: Codes | None = None) -> NDArray[np.float32]:
        told = [] if codes is None else [codes]
        parts = zip(_parts(strokes), *map(_parts, told), strict=True)
        made = [self._made(*(part.to(self.device) for part in given)).cpu().numpy() for given in parts]
        return np.concatenate(made)

    def _made(self, strokes: Tensor, *code: Tensor) -> Tensor:
        made: Tensor = self.whole(strokes[:, None], *code).float()
        return made

    @torch.inference_mode()
    def style(self, photos: NDArray[np.uint8]) -> Codes:
        """As of `Net`. Raises UserError where it reads none."""
        if not isinstance(self.module, ReadsStyles):
            raise UserError(NO_STYLE)
        parts = (part.permute(0, 3, 1, 2).to(self.device) for part in _parts(unit(np.asarray(photos))))
        return np.concatenate([self.module.style(part).cpu().numpy() for part in parts])


def _parts(values: NDArray[np.float32]) -> Iterator[Tensor]:
    for i in range(0, len(values), BATCH):
        yield torch.from_numpy(np.ascontiguousarray(values[i : i + BATCH], np.float32))


def load_system(layout: Layout, stage: str, device: str) -> System:
    """The system after `stage`: "joint", "lite", "restored" for joint with the restorer that was trained, or "apart".

    "apart" is SCN and ISN as trained alone. Raises CheckpointError where a weights file is missing or not whole.
    """
    on = pick_device(device)
    if stage == RESTORED:
        tensors, about = load_tensors(layout.trained("joint") / WEIGHTS_FILE)
        return _system(*with_part(RESTORER, tensors, about, layout.trained(RESTORER) / WEIGHTS_FILE), on)
    if stage != "apart":
        return read_system(layout.trained(stage) / WEIGHTS_FILE, on)
    return System(load_net(layout, "scn", on), load_net(layout, "isn", on))


def load_net(layout: Layout, stage: str, device: torch.device) -> TorchNet:
    """The net of stage "scn" or "isn", as trained alone. Raises CheckpointError."""
    return _read(*load_tensors(layout.trained(stage) / WEIGHTS_FILE), stage, "g/", device)


def read_system(path: Path, device: torch.device) -> System:
    """Both nets from one weights file of the joint stage, or as `export` wrote it."""
    return _system(*load_tensors(path), device)


def with_part(
    name: str, tensors: Mapping[str, Tensor], about: Mapping[str, Any], path: Path
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """A system's tensors and header with one net, of PARTS, of a file: as trained alone, or of another system.

    The completer of a system that has none is its SCN.
    Raises UserError where the file has none or one for another size, CheckpointError where it is missing or not whole.
    """
    found, header = load_tensors(path)
    stage = STAGES.get(name, name)
    places = {"g/": stage} if header.get("stage") == stage else {f"{name}/g/": name, f"{stage}/g/": stage}
    place = next((place for place in places if below(found, place)), None)
    if place is None:
        raise UserError(f"{printable(path)}: holds no {name}; train one: cali-sketch train {stage}")
    if header["size"] != about["size"]:
        raise UserError(f"{printable(path)}: its {name} is for {header['size']} px, the system for {about['size']} px")
    params = {**about["params"], name: header["params"][places[place]]}
    rest = {key: value for key, value in tensors.items() if not key.startswith(f"{name}/")}
    return {**rest, **prefixed(f"{name}/g/", below(found, place))}, {**about, "params": params}


def _system(tensors: Mapping[str, Tensor], about: Mapping[str, Any], device: torch.device) -> System:
    scn, isn = (_read(tensors, about, name, f"{name}/g/", device) for name in CHANNELS)
    if any(key.startswith(f"{RESTORER}/g/") for key in tensors):
        isn = replace(isn, restorer=_module(tensors, about, RESTORER, f"{RESTORER}/g/", (3, 3)).to(device))
    if any(key.startswith(f"{COMPLETER}/g/") for key in tensors):
        completer = _module(tensors, about, COMPLETER, f"{COMPLETER}/g/", CHANNELS["scn"])
        scn = replace(scn, completer=completer.to(device))
    return System(scn, isn, card=about)


def _read(
    tensors: Mapping[str, Tensor], about: Mapping[str, Any], name: str, prefix: str, device: torch.device
) -> TorchNet:
    return TorchNet(_module(tensors, about, name, prefix, CHANNELS[name]).to(device), device, about["size"])


def _module(
    tensors: Mapping[str, Tensor], about: Mapping[str, Any], name: str, prefix: str, channels: tuple[int, int]
) -> nn.Module:
    net = make_generator(generator_params(about, name), channels)
    net.load_state_dict(below(tensors, prefix))
    return without_parametrizations(net).eval()


def generator_params(about: Mapping[str, Any], name: str) -> Any:
    """G's architecture, an instance of its kind's params, from a weights file's header."""
    values = about["params"][name]["net"]["generator"]
    kind = params_of(GENERATORS)[values["kind"]]
    known = {field.name for field in fields(kind)}  # older files name options that their kind never used
    return build(kind, {key: value for key, value in values.items() if key in known}, f"{name} weights header")


def open_weights(path: Path, device: torch.device) -> System:
    """The joint system of a weights file. Raises UserError that tells what a wrong file holds."""
    try:
        tensors, about = load_tensors(path)
    except CheckpointError as error:
        held = _held(path)
        raise UserError(f"{printable(path)}: holds {held}; needs a joint system") if held else error from None
    if not all(any(key.startswith(f"{name}/g/") for key in tensors) for name in CHANNELS):
        alone = any(key.startswith("g/") for key in tensors)
        held = "one net, trained alone" if alone else _held(path) or "no net that is known here"
        raise UserError(f"{printable(path)}: holds {held}; needs a joint system (data/trained/joint, or an export)")
    return _system(tensors, about, device)


def _held(path: Path) -> str:
    """The net of a file ("the edge detector"); "" where it is none that is known."""
    try:
        return f"the {identify(path).replace('_', ' ')}"
    except WeightsError:
        return ""
