"""Command export: a trained system as one small file to use and to hand on, and what it is as JSON beside it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipeline.apps.system import CHANNELS, WEIGHTS_FILE, System, read_system
from pipeline.apps.tones import draws, tone_name, tones
from pipeline.core.console import console
from pipeline.core.dataset import read_split
from pipeline.core.errors import UserError
from pipeline.core.files import write_bytes
from pipeline.core.layout import Layout
from pipeline.drawing.face_prior import eyes_of_crops
from pipeline.evaluation import figures
from pipeline.training.checkpoint import load_tensors, save_tensors

PHOTOS = 2000  # ours: of so many training photos the styles to choose from are read, at most


def run(data: Path, out: Path) -> None:
    """data/trained/joint and data/evaluation -> OUT (both generators, half precision) and OUT with .json.

    Raises UserError where the joint stage has not run or OUT is no .safetensors.
    """
    if out.suffix != ".safetensors":
        raise UserError(f"{out}: name a .safetensors file")
    layout = Layout(data)
    tensors, about = load_tensors(layout.trained("joint") / WEIGHTS_FILE)
    kept = {key: value.half() for key, value in tensors.items() if key.startswith(tuple(f"{n}/g/" for n in CHANNELS))}
    styles = styles_of(layout, read_system(layout.trained("joint") / WEIGHTS_FILE, torch.device("cpu")))
    card = about | styles | {"data": trained_on(layout), "metrics": measured(layout)}
    save_tensors(out, kept, card)
    write_bytes(out.with_suffix(".json"), json.dumps(card, indent=1).encode())
    console.print(f"export: {out}, {out.stat().st_size / 1e6:.1f} MB")


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


def measured(layout: Layout) -> dict[str, Mapping[str, Any]]:
    """Split -> details.json of the joint system; nothing where evaluate has not run."""
    return {split: figures.read(layout, "joint", split) for split in figures.splits(layout, "joint")}
