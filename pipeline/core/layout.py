"""Where each stage keeps its files, and how it says how it made them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.core.files import write_bytes

TAUGHT = "taught"  # what a larger system made of drawings, laid out as the packed data
PROPOSED = "proposed"  # what the ISN makes of true lines, laid out so too


@dataclass(frozen=True)
class Layout:
    """Where the stages meet: every folder below `data`."""

    root: Path
    packed_as: str = "packed"  # the folder that training reads: TAUGHT or PROPOSED where a trained system has its say

    @property
    def faces(self) -> Path:
        """faces.csv, rejected.csv, photos/ID.png and, where the user has them, sketches/ID.png."""
        return self.root / "faces"

    @property
    def photos(self) -> Path:
        return self.faces / "photos"

    @property
    def artist(self) -> Path:
        """Real sketches under the photo's own transform."""
        return self.faces / "sketches"

    @property
    def equalized(self) -> Path:
        return self.root / "equalized"

    def edges(self, name: str) -> Path:
        """canny or hed, ID.png."""
        return self.root / "edges" / name

    def style(self, name: str) -> Path:
        """Raw sketches of one style, ID.png."""
        return self.root / "styles" / name

    def simplified(self, name: str) -> Path:
        """clean/ID.png: simplified; deformed/ID.png: the same as an unpractised hand draws it."""
        return self.root / "simplified" / name

    @property
    def packed(self) -> Path:
        return self.root / self.packed_as

    def trained(self, name: str) -> Path:
        """scn, isn or joint: weights, model.json, history.csv, samples/."""
        return self.root / "trained" / name

    @property
    def evaluation(self) -> Path:
        return self.root / "evaluation"

    @property
    def sketch_statistics(self) -> Path:
        return self.root / "sketch_statistics"

    @property
    def report(self) -> Path:
        return self.root / "report"


ABOUT = "about.json"


def write_about(folder: Path, about: Mapping[str, Any]) -> None:
    """How a folder was made, for those who find it later."""
    write_bytes(folder / ABOUT, json.dumps(about, indent=1).encode())


def made_with(folder: Path) -> dict[str, Any]:
    """What `write_about` wrote; empty where the folder was made otherwise."""
    return json.loads((folder / ABOUT).read_text()) if (folder / ABOUT).exists() else {}
