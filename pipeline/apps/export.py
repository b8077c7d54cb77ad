"""Command export: a trained system as one small file to use and to hand on, and what it is as JSON beside it."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from pipeline.apps.model import model_file
from pipeline.apps.onnx_export import export as export_onnx
from pipeline.apps.onnx_nets import is_onnx
from pipeline.apps.system import System
from pipeline.apps.tones import draws, tone_name, tones
from pipeline.apps.torch_nets import PARTS, RESTORED, RESTORER, STAGES, WEIGHTS_FILE, read_system, with_part
from pipeline.core.console import console
from pipeline.core.dataset import read_split
from pipeline.core.errors import UserError
from pipeline.core.files import write_bytes
from pipeline.core.layout import Layout
from pipeline.core.printable import printable
from pipeline.drawing.face_prior import eyes_of_crops
from pipeline.evaluation import figures
from pipeline.training.checkpoint import load_tensors, save_tensors

NONE: Mapping[str, str] = MappingProxyType({})
PHOTOS = 2000  # ours: of so many training photos the styles to choose from are read, at most


def run(model: str, data: Path, out: Path, onnx: bool, int8: bool, parts: Mapping[str, str | None]) -> None:
    """A system as one file OUT.safetensors and OUT.json (half precision), or with `onnx` as the folder OUT.

    `parts`: net, of PARTS -> whose it gets, "mine" or as `model`; None: the system's own. Raises UserError for a model
    that is not there and a name that is none of its kind.
    """
    others = {name: whose for name, whose in parts.items() if whose}
    if int8 and not onnx:
        raise UserError("--int8 goes with --onnx")
    if others and onnx:
        raise UserError(f"--{next(iter(others))} makes a weights file; export that one with --onnx")
    if onnx:
        _check_folder(out)
        export_onnx(model_file(model, data), out, int8)
        size = sum(file.stat().st_size for file in out.iterdir())
    else:
        weights(model, data, out, others)
        size = out.stat().st_size
    console.print(f"export: {printable(out)}, {size / 1e6:.1f} MB")


def _check_folder(out: Path) -> None:
    """Raises UserError where a folder of somebody's would be replaced."""
    if out.suffix == ".onnx" or out.is_file():
        raise UserError(f"{printable(out)}: name a folder: a system is several nets and its card")
    if out.is_dir() and any(out.iterdir()) and not is_onnx(out):
        raise UserError(f"{printable(out)}: a folder that holds something else; name another")


def weights(model: str, data: Path, out: Path, parts: Mapping[str, str] = NONE) -> None:
    """Its generators in half precision, with tones and what was measured where the system is the data folder's own.

    `parts`: as of `run`. What was measured of a system without them is left out.
    """
    if out.suffix != ".safetensors":
        raise UserError(f"{printable(out)}: name a .safetensors file")
    path, layout = model_file(model, data), Layout(data)
    tensors, about = load_tensors(path)
    for name, whose in parts.items():
        own = layout.trained(STAGES.get(name, name)) / WEIGHTS_FILE
        source = own if whose == "mine" else model_file(whose, data, f"--{name}")
        tensors, about = with_part(name, tensors, about, source)
    kept = {key: value.half() for key, value in tensors.items() if key.startswith(tuple(f"{n}/g/" for n in PARTS))}
    card = {key: value for key, value in about.items() if key != "metrics" or not parts}
    trained = path.resolve().parent.parent == (layout.root / "trained").resolve()
    card |= _own(layout, path, _as_evaluated(path.parent.name, parts)) if trained else {}
    save_tensors(out, kept, card)
    write_bytes(out.with_suffix(".json"), json.dumps(card, indent=1).encode())


def _as_evaluated(stage: str, parts: Mapping[str, str]) -> str:
    """What `evaluate` calls a system of the data folder; "" where it has none like that."""
    return stage if not parts else RESTORED if parts == {RESTORER: "mine"} and stage == "joint" else ""


def _own(layout: Layout, path: Path, system: str) -> dict[str, Any]:
    """`system`: as evaluate calls it; "": it has none like that."""
    styles = styles_of(layout, read_system(path, torch.device("cpu")))
    return styles | {"data": trained_on(layout)} | ({"metrics": measured(layout, system)} if system else {})


def styles_of(layout: Layout, system: System) -> dict[str, Any]:
    """Of a system that takes styles: "tones" by name and "draws", codes read in training photos; else nothing."""
    if not system.takes_styles:
        return {}
    split, eyes = read_split(layout, "train"), eyes_of_crops()
    usual = [place for place, face in enumerate(split.ids) if face not in split.eyes]  # no tight framings
    chosen = [usual[i] for i in np.unique(np.linspace(0, len(usual) - 1, PHOTOS).astype(int))]
    photos = np.asarray(split.layers["photo"][chosen])
    codes = system.style(photos)
    return {"tones": tones(codes, [tone_name(photo, eyes) for photo in photos]), "draws": draws(codes)}


def trained_on(layout: Layout) -> dict[str, Any]:
    """Faces of the training split, and how their layers were made."""
    index = json.loads((layout.packed / "train" / "index.json").read_text())
    return {"faces": len(index["ids"]), "made_with": index.get("made_with", {})}


def measured(layout: Layout, system: str) -> dict[str, Mapping[str, Any]]:
    """Split -> details.json of a system; nothing where evaluate has not run."""
    return {split: figures.read(layout, system, split) for split in figures.splits(layout, system)}
