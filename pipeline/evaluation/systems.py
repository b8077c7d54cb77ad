"""The table SYSTEMS: what evaluation measures, and how each of its rows is opened.

A row is a name, the drawings that the system reads, the folders of data/trained that it needs, and a function that
opens it. A baseline is a row by its file alone: pipeline/training/baselines/NAME.py has a function

    def open_system(layout: Layout, device: torch.device) -> Callable[[sketches], tuple[photos, strokes or None]]

and stands in data/trained/NAME; nothing of it is imported before it is opened. One that ends with _refined stands
behind our SCN, in data/trained/scn.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.apps.look import like
from pipeline.apps.model import model_file
from pipeline.apps.system import System as Nets
from pipeline.apps.system import mirrored as smooth
from pipeline.apps.system import synthesized
from pipeline.apps.torch_nets import load_net, load_system, open_weights
from pipeline.core.dataset import Split, read_split, splits
from pipeline.core.errors import UserError
from pipeline.core.layout import Layout
from pipeline.core.lazy_table import LazyTable
from pipeline.core.level import USUAL_LEVEL
from pipeline.core.polarity import sketch_of, strokes_of, to_uint8, unit
from pipeline.drawing.face_prior import Eyes
from pipeline.evaluation.metrics.places import eyes_of

Pixels = NDArray[np.uint8]
Strokes = NDArray[np.float32]
Made = tuple[Pixels, Strokes | None]
System = Callable[[Pixels], Made]
"""Sketches (N, S, S), 255 = paper -> photos (N, S, S, 3), and calibrated strokes (N, S, S), 1 = ink, if it has any."""
LikeSystem = Callable[[Pixels, Pixels], Made]
"""The same, told beside each sketch the photo (N, S, S, 3) whose tones to take."""

HALF = np.float32(0.5)
REFINED = "_refined"
Opener = Callable[[Layout, torch.device], System]  # of a baseline
Read = Callable[[Layout, torch.device], Nets]  # of a system of both nets
BASELINES: LazyTable[Opener] = LazyTable("baseline", "pipeline.training.baselines", "open_system")
KINDS = {"deformed": "sketch", "simplified": "clean", "product": "product"}  # kind of drawing -> packed layers


@dataclass(frozen=True)
class Manner:
    """How a system is asked."""

    mirrored: bool = False  # each net's output is the mean of it and of that for the mirror image
    level: float = USUAL_LEVEL  # how far the strokes may leave the drawing, of a system that is told


USUAL = Manner()


@dataclass(frozen=True)
class Row:
    """One system."""

    reads: tuple[str, ...]  # kinds of drawing; the first is what it is for
    needs: tuple[str, ...]  # folders of data/trained
    open: Callable[[Layout, torch.device, Manner], Callable[..., Made]]
    likes: bool = False  # opens a LikeSystem, which is told the true photos: a row of its own, never a System's figures

    def system(self, layout: Layout, device: torch.device, manner: Manner = USUAL) -> "Opened":
        """Opened, to be called with sketches and their true photos, which only a row that `likes` sees."""
        opened = self.open(layout, device, manner)
        draw = opened if self.likes else lambda sketches, photos: opened(sketches)
        return Opened(draw, getattr(opened, "strokes", None))


@dataclass(frozen=True)
class Opened:
    """A row's system."""

    draw: LikeSystem
    alone: Callable[[Pixels], Strokes] | None = None  # its calibrated strokes without any photo, where it gives them so

    def __call__(self, sketches: Pixels, photos: Pixels) -> Made:
        return self.draw(sketches, photos)

    def strokes(self, sketches: Pixels, photos: Pixels) -> Strokes | None:
        """Its calibrated strokes (N, S, S), 1 = ink; None of a system that has none."""
        return self.alone(sketches) if self.alone else self.draw(sketches, photos)[1]


@dataclass(frozen=True)
class Drawings:
    """One kind of drawing in one style, of a split: as sketches, whatever the polarity on disk."""

    layer: Pixels  # (N, S, S), memory-mapped
    ink_is_light: bool

    def __getitem__(self, faces: slice | int) -> Pixels:
        """Sketches, 255 = paper."""
        pixels = np.asarray(self.layer[faces])
        return to_uint8(sketch_of(unit(pixels))) if self.ink_is_light else pixels


def drawings(split: Split, kind: str) -> dict[str, Drawings]:
    """Style -> its drawings; those of people come last, where all have one. Canny ⊙ HED is a kind of one style."""
    if kind == "product":
        return {"product": Drawings(split.layers["product"], True)}
    prefix = f"{KINDS[kind]}/"
    names = [name for name in split.layers if name.startswith(prefix) and name not in split.only]
    return {name.removeprefix(prefix): Drawings(split.layers[name], False) for name in names}


@dataclass(frozen=True)
class Both:
    """SCN, then ISN."""

    nets: Nets

    def strokes(self, sketches: Pixels) -> Strokes:
        return self.nets.refine(sketches)

    def __call__(self, sketches: Pixels) -> Made:
        strokes = self.strokes(sketches)
        return self.nets.photos(strokes), strokes


@dataclass(frozen=True)
class BothLike:
    """The same, in the tones and the skin's colours of the photos that it is told."""

    nets: Nets
    eyes: Eyes  # where the packed faces have them

    def strokes(self, sketches: Pixels) -> Strokes:
        return self.nets.refine(sketches)

    def __call__(self, sketches: Pixels, photos: Pixels) -> Made:
        strokes = self.strokes(sketches)
        looks = [like(self.nets, photo, self.eyes) for photo in photos]
        made = [look.photos(self.nets, own[None]) for look, own in zip(looks, strokes, strict=True)]
        return np.concatenate(made), strokes


def _both(read: Read, layout: Layout, device: torch.device, manner: Manner) -> System:
    return Both(_nets(read, layout, device, manner))


def _both_like(read: Read, layout: Layout, device: torch.device, manner: Manner) -> LikeSystem:
    return BothLike(_nets(read, layout, device, manner), _eyes(layout))


def _told(name: str, read: Read, *needs: str) -> dict[str, Row]:
    """The rows of a system of both nets: as it is and, `_like`, in the tones of the true photo."""
    reads = ("deformed", "simplified")
    return {
        name: Row(reads, needs, partial(_both, read)),
        f"{name}_like": Row(reads, needs, partial(_both_like, read), likes=True),
    }


def _trained(stage: str, layout: Layout, device: torch.device) -> Nets:
    return load_system(layout, stage, str(device))


def _ships(model: str, layout: Layout, device: torch.device) -> Nets:
    """Raises UserError where it is for faces of another size than those that are packed."""
    nets, size = open_weights(model_file(model, layout.root), device), read_split(layout, splits(layout)[0]).size
    if nets.size != size:
        raise UserError(f"evaluate: {model} is for faces of {nets.size} px, those packed have {size}; see crop.size")
    return nets


def _eyes(layout: Layout) -> Eyes:
    return eyes_of(read_split(layout, splits(layout)[0]))


def _nets(read: Read, layout: Layout, device: torch.device, manner: Manner) -> Nets:
    nets = replace(read(layout, device), level=manner.level)
    return nets.mirrored() if manner.mirrored else nets


def _isn(layout: Layout, device: torch.device, manner: Manner) -> System:
    trained = load_net(layout, "isn", device)
    isn = smooth(trained) if manner.mirrored else trained
    return lambda sketches: (synthesized(isn, strokes_of(unit(np.asarray(sketches)))), None)


def _baseline(name: str, layout: Layout, device: torch.device, manner: Manner) -> System:
    system = BASELINES[name](layout, device)
    return _mirrored(system) if manner.mirrored else system


def _mirrored(system: System) -> System:
    """The mean of what is made of a drawing and of its mirror image."""

    def draw(sketches: Pixels) -> Made:
        photos, strokes = system(sketches)
        turned, turned_strokes = system(np.ascontiguousarray(sketches[..., ::-1]))
        mean = to_uint8((unit(photos) + unit(turned[:, :, ::-1])) * HALF)
        if strokes is None or turned_strokes is None:
            return mean, None
        return mean, (strokes + turned_strokes[..., ::-1]) * HALF

    return draw


OWN = {
    **_told("joint", partial(_trained, "joint"), "joint"),  # SCN and ISN after joint training
    **_told("lite", partial(_trained, "lite"), "lite"),  # narrow nets that joint, or what ships, has taught
    **_told("restored", partial(_trained, "restored"), "joint", "restorer"),  # joint with what goes on with its photos
    **_told("shipped_faces", partial(_ships, "faces")),  # what ships, for faces of its size: trained on other data
    **_told("shipped_photo", partial(_ships, "photo")),
    **_told("shipped_lite", partial(_ships, "lite")),
    "apart": Row(("deformed", "simplified"), ("scn", "isn"), partial(_both, partial(_trained, "apart"))),  # alone
    "isn_true": Row(("product",), ("isn",), _isn),  # on the true Canny ⊙ HED: the upper bound
    "isn_raw": Row(("deformed",), ("isn",), _isn),  # on the raw sketch: what the SCN is worth
}


class Systems(Mapping[str, Row]):
    """The project's own systems, and each module of the package of baselines."""

    def __getitem__(self, name: str) -> Row:
        if name in OWN:
            return OWN[name]
        BASELINES.module(name)  # raises for a name that is none
        behind = ("scn",) if name.endswith(REFINED) else ()
        return Row(("deformed", "simplified"), (name, *behind), partial(_baseline, name))

    def __iter__(self) -> Iterator[str]:
        return iter([*OWN, *BASELINES])

    def __len__(self) -> int:
        return len(OWN) + len(BASELINES)


SYSTEMS = Systems()


def row(name: str) -> Row:
    """The row of a system. Raises UserError that lists what there is."""
    if name not in SYSTEMS:
        raise UserError(f"evaluate: no system '{name}'; there are {', '.join(SYSTEMS)}")
    return SYSTEMS[name]
