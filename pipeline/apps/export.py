"""Command export: a trained system as one small file to use and to hand on, and what it is as JSON beside it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.apps.system import CHANNELS
from pipeline.core.console import console
from pipeline.core.errors import UserError
from pipeline.core.files import write_bytes
from pipeline.core.layout import Layout
from pipeline.evaluation import figures
from pipeline.training.checkpoint import load_tensors, save_tensors


def run(data: Path, out: Path) -> None:
    """data/trained/joint and data/evaluation -> OUT (both generators, half precision) and OUT with .json.

    Raises UserError where the joint stage has not run or OUT is no .safetensors.
    """
    if out.suffix != ".safetensors":
        raise UserError(f"{out}: name a .safetensors file")
    layout = Layout(data)
    tensors, about = load_tensors(layout.trained("joint") / "weights.safetensors")
    kept = {key: value.half() for key, value in tensors.items() if key.startswith(tuple(f"{n}/g/" for n in CHANNELS))}
    card = about | {"data": trained_on(layout), "metrics": measured(layout)}
    save_tensors(out, kept, card)
    write_bytes(out.with_suffix(".json"), json.dumps(card, indent=1).encode())
    console.print(f"export: {out}, {out.stat().st_size / 1e6:.1f} MB")


def trained_on(layout: Layout) -> dict[str, Any]:
    """Faces of the training split, and how their layers were made."""
    index = json.loads((layout.packed / "train" / "index.json").read_text())
    return {"faces": len(index["ids"]), "made_with": index.get("made_with", {})}


def measured(layout: Layout) -> dict[str, Mapping[str, Any]]:
    """Split -> details.json of the joint system; nothing where evaluate has not run."""
    return {split: figures.read(layout, "joint", split) for split in figures.splits(layout, "joint")}
