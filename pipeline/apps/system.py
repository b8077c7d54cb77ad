"""The trained system for use: sketches in, calibrated sketches and photos out, as arrays, whatever runs its nets."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.core.level import USUAL_LEVEL
from pipeline.core.polarity import Photo, strokes_of, to_uint8, unit

Codes = NDArray[np.float32]
HALF = np.float32(0.5)
BATCH = 8  # pictures that a net is asked at once
NO_STYLE = "this system takes no style: its photos have the tones that the training photos had most"


class Halted(Exception):
    """A run was ended before it was done, by whoever no longer needs it."""


class Net(Protocol):
    """One trained generator, ready to run."""

    @property
    def size(self) -> int:
        """Side of the faces it was trained on, px."""

    @property
    def code(self) -> int:
        """How many numbers it is told beside the strokes: 0, 1 of a level, more of a style."""

    @property
    def reads_styles(self) -> bool:
        """Whether it can read its code in a photo."""

    def __call__(self, strokes: NDArray[np.float32], codes: Codes | None = None) -> NDArray[np.float32]:
        """Strokes (N, H, W) in [0, 1], 1 = ink, and codes (N, code) or the neutral ones -> (N, C, H, W) in [0, 1]."""

    def style(self, photos: NDArray[np.uint8]) -> Codes:
        """Crops (N, S, S, 3) -> codes (N, code) of colours and light; of a net that reads styles."""


@dataclass(frozen=True)
class Mirrored:
    """A net whose result is the mean of what it makes of a picture and of its mirror image (Timofte et al. 2016)."""

    net: Net
    size: int
    code: int
    reads_styles: bool

    def __call__(self, strokes: NDArray[np.float32], codes: Codes | None = None) -> NDArray[np.float32]:
        made, turned = self.net(strokes, codes), self.net(np.ascontiguousarray(strokes[..., ::-1]), codes)[..., ::-1]
        return made + (turned - made) * HALF

    def style(self, photos: NDArray[np.uint8]) -> Codes:
        return self.net.style(photos)


def mirrored(net: Net) -> Net:
    """The net, smoother and half as fast."""
    return Mirrored(net, net.size, net.code, net.reads_styles)


def refined(scn: Net, sketches: NDArray[np.uint8], level: float = USUAL_LEVEL) -> NDArray[np.float32]:
    """Sketches (N, H, W), 255 = paper -> calibrated strokes R (N, H, W) in [0, 1], 1 = ink.

    `level`, in [0, 1]: how far R may leave the drawing, of a net that is told.
    """
    levels = np.full((len(sketches), 1), level, np.float32) if scn.code else None
    return scn(strokes_of(unit(np.asarray(sketches))), levels)[:, 0]


def synthesized(isn: Net, strokes: NDArray[np.float32], codes: Codes | None = None) -> NDArray[np.uint8]:
    """Strokes (N, H, W) in [0, 1], 1 = ink -> photos (N, H, W, 3). `codes`: styles (N, code); None: the neutral one."""
    return np.ascontiguousarray(to_uint8(isn(strokes, codes)).transpose(0, 2, 3, 1))


@dataclass(frozen=True)
class System:
    """G1 and G2."""

    scn: Net
    isn: Net
    level: float = USUAL_LEVEL  # how far the strokes may leave the drawing, where the net is told
    card: Mapping[str, Any] = field(default_factory=dict)  # header of its file, with its tones
    runtime: str = "torch"  # what runs its nets, as --runtime calls it

    @property
    def size(self) -> int:
        """Side of the faces it was trained on, px."""
        return self.isn.size

    @property
    def takes_levels(self) -> bool:
        """Whether its strokes can be told how far to leave the drawing."""
        return self.scn.code > 0

    @property
    def takes_styles(self) -> bool:
        """Whether its photos can be told whose tones to take."""
        return self.isn.reads_styles

    def refine(self, sketches: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Sketches (N, H, W), 255 = paper -> calibrated strokes R (N, H, W) in [0, 1], 1 = ink."""
        return refined(self.scn, sketches, self.level)

    def photos(self, strokes: NDArray[np.float32], codes: Codes | None = None) -> NDArray[np.uint8]:
        """Strokes (N, H, W) in [0, 1], 1 = ink -> photos (N, H, W, 3). `codes`: styles (N, code)."""
        return synthesized(self.isn, strokes, codes)

    def style(self, photos: NDArray[np.uint8]) -> Codes:
        """Crops (N, S, S, 3) -> codes (N, code) of colours and light, of a system that takes styles."""
        return self.isn.style(photos)

    def photo(self, sketch: NDArray[np.uint8]) -> tuple[NDArray[np.float32], Photo]:
        """One sketch (H, W), 255 = paper -> its calibrated strokes and its photo."""
        strokes = self.refine(sketch[None])
        return strokes[0], self.photos(strokes)[0]

    def mirrored(self) -> "System":
        """The same of mirrored nets."""
        return replace(self, scn=mirrored(self.scn), isn=mirrored(self.isn))
