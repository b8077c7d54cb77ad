"""Stage propose: what the ISN makes of faces' true lines, for the editing net to begin with: data/proposed.

data/proposed/SPLIT/index.json   as of pack
                   photo.npy, product.npy   of some faces of the split, as packed
                   proposal.npy             the ISN's photo of product in the person's own tones, RGB
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from pipeline.core.allowed import FilePath, Range
from pipeline.core.dataset import Split, read_split
from pipeline.core.layout import PROPOSED, Layout
from pipeline.core.polarity import to_uint8, unit
from pipeline.training.lessons import Lessons, Made, Teacher, open_teacher, write_lessons, written

LAYERS = ("photo", "product")


@dataclass(frozen=True)
class ProposeParams:
    """Section `propose`."""

    by: FilePath  # as --model: mine is data/trained/joint; photo, faces: one that ships; editing opens the same
    faces: Annotated[int, Range(least=1, most=10**6)]  # of train, at most
    val_faces: Annotated[int, Range(least=1, most=10**6)]


def proposal(teacher: Teacher, strokes: NDArray[np.float32], photos: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Strokes (N, S, S), 1 = ink, and the photos (N, S, S, 3) whose tones to take -> photos (N, S, S, 3)."""
    made = teacher.isn(strokes, teacher.isn.style(photos) if teacher.isn.reads_styles else None)
    return to_uint8(made.transpose(0, 2, 3, 1))


def run(params: ProposeParams, data: Path, device: str) -> None:
    """data/packed and a trained system -> data/proposed. A killed run goes on where it stopped."""
    layout, teacher = Layout(data), open_teacher(params.by, data, device)
    wanted = {"train": params.faces, "val": params.val_faces}
    splits = {name: read_split(layout, name) for name in wanted}

    def write(name: str, folder: Path) -> None:
        _propose(teacher, splits[name], wanted[name], folder)

    with written(replace(layout, packed_as=PROPOSED).packed, params, Path(__file__), teacher, splits, write):
        pass


def _propose(teacher: Teacher, split: Split, most: int, folder: Path) -> None:
    places = np.unique(np.linspace(0, len(split.ids) - 1, most).astype(int))

    def made(of: slice, _: int) -> Made:
        layers: Made = {name: np.asarray(split.layers[name][places[of]]) for name in LAYERS}
        return layers | {"proposal": proposal(teacher, unit(layers["product"]), layers["photo"])}

    side, ids = (split.size, split.size), [split.ids[i] for i in places]
    layers = {"photo": (*side, 3), "product": side, "proposal": (*side, 3)}
    eyes = {face: list(split.eyes[face]) for face in ids if face in split.eyes}
    write_lessons(folder, Lessons(ids, layers, {}, {"made_with": dict(split.made_with), "eyes": eyes}), made)
