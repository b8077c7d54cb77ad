"""Reading the packed data set: what pack wrote, memory-mapped."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError
from pipeline.core.layout import Layout

ARTIST = "artist"  # the style of people's own drawings


@dataclass(frozen=True)
class Split:
    """One split, memory-mapped: `layers[name]` is uint8 (N, S, S) or, for "photo", (N, S, S, 3)."""

    ids: list[str]
    layers: dict[str, NDArray[np.uint8]]
    digest: str  # of all layers
    made_with: Mapping[str, Any] = field(default_factory=dict)  # layer -> params of the stage that made it
    eyes: Mapping[str, Sequence[float]] = field(default_factory=dict)  # eye_y, eye_distance of faces framed otherwise
    only: Mapping[str, Sequence[str]] = field(default_factory=dict)  # layer that is paper for some -> who has it
    told: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)  # numbers (N, k) that nets are told

    @property
    def size(self) -> int:
        """Side of the faces, px."""
        return int(next(iter(self.layers.values())).shape[1])

    @property
    def styles(self) -> list[str]:
        """The synthetic styles that are packed; people's own drawings are the layer sketch/artist."""
        return [name.removeprefix("clean/") for name in self.layers if name.startswith("clean/")]


def splits(layout: Layout) -> list[str]:
    """Names of the packed splits. Raises UserError where pack has not run."""
    names = sorted(path.parent.name for path in layout.packed.glob("*/index.json"))
    if not names:
        raise UserError(f"{layout.packed}: no packed data; run: dvc repro pack")
    return names


def read_split(layout: Layout, split: str) -> Split:
    """One split, memory-mapped, writes staying in memory. Raises UserError where it does not exist."""
    folder = layout.packed / split
    if not (folder / "index.json").exists():
        raise UserError(f"{folder}: no such split, there are {splits(layout)}; run: dvc repro pack")
    index = json.loads((folder / "index.json").read_text())
    layers = {name: np.load(folder / f"{name}.npy", mmap_mode="c") for name in index["layers"]}
    told = {name: np.load(folder / "told" / f"{name}.npy") for name in index.get("told", {})}
    digest = hashlib.sha256(json.dumps(index["layers"] | index.get("told", {}), sort_keys=True).encode()).hexdigest()
    made_with, eyes, only = (index.get(name, {}) for name in ("made_with", "eyes", "only"))
    return Split(index["ids"], layers, digest, made_with, eyes, only, told)
