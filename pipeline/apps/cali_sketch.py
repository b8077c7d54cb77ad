"""From Python: `from pipeline import CaliSketch`."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.apps.faces import Asked, Face, Style, calibrated, faces, look
from pipeline.apps.look import Look, tones
from pipeline.apps.system import System
from pipeline.apps.understand import Intake
from pipeline.core.errors import UserError
from pipeline.core.image_io import Picture, import_picture
from pipeline.core.level import USUAL_LEVEL
from pipeline.core.outcome import Refused
from pipeline.core.polarity import Strokes

Drawing = str | Path | Image.Image | NDArray[np.uint8]
"""A file, a picture of Pillow's, or an array (H, W), (H, W, 3) RGB or (H, W, 4) RGBA, uint8."""


class How(TypedDict, total=False):
    """What a drawing's face may be told, as options of the command generate."""

    refine: float  # in [0, 1]: how far the strokes may leave the drawing
    like: str | Path | None  # photo of a face whose colours and light to take
    tone: str  # one of `CaliSketch.tones`
    seed: int | None  # another draw of colours and light
    invert: bool  # the drawing is light on dark, which else is found out
    place: str  # auto, as-is, or "x y x y": the eyes, px
    clean: str  # auto, always, never: rough lines drawn anew


@dataclass(frozen=True)
class CaliSketch:
    """The trained system: drawings of faces in, calibrated strokes and photos out.

    `model`: faces (also: shipped), photo, lite, mine, the path of a weights file or of an ONNX folder; `runtime`:
    auto, torch or onnx; `device`: auto, cpu, cuda or cuda:N; `data`: the folder that "mine" is in; `mirrored`: the
    mean with the mirror image's result, smoother, half as fast. The nets are read once, when the object is made; its
    methods may be called from many threads.

    Raises UserError, one sentence, for a model, runtime or device that there is not.
    """

    model: str = "shipped"
    runtime: str = "auto"
    device: str = "auto"
    data: Path = Path("data")
    mirrored: bool = False
    _system: System = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        asked = Asked(self.model, self.runtime, self.device, Path(self.data), self.mirrored)
        object.__setattr__(self, "_system", asked.opened(USUAL_LEVEL))

    @property
    def size(self) -> int:
        """Side S of the faces it makes, px."""
        return self._system.size

    @property
    def tones(self) -> tuple[str, ...]:
        """Names that `tone` may have."""
        return tones(self._system)

    def generate(self, drawing: Drawing, **how: Unpack[How]) -> Face:
        """One drawing -> its first face: drawing as understood (S, S), strokes (S, S), photo (S, S, 3), notes.

        Raises UserError for what cannot be read, is blank, shows no face, and for a wrong choice.
        """
        return self.faces(drawing, **how)[0]

    def generate_many(self, drawings: Iterable[Drawing], **how: Unpack[How]) -> list[Face]:
        """The first face of each drawing, in order, in the same colours."""
        system, wanted, intake = self._told(how)
        return [_faces(system, drawing, intake, wanted)[0] for drawing in drawings]

    def faces(self, drawing: Drawing, **how: Unpack[How]) -> list[Face]:
        """Every face of one drawing, each as `generate` gives it."""
        system, wanted, intake = self._told(how)
        return _faces(system, drawing, intake, wanted)

    def calibrate(self, drawing: Drawing, **how: Unpack[How]) -> Strokes:
        """One drawing -> the calibrated strokes (S, S) of its first face, 1 = ink: the SCN alone, Eq. 1."""
        system, _, intake = self._told(how)
        with _in_a_sentence(drawing):
            return Strokes(calibrated(system, _picture(drawing), intake)[1][0])

    def _told(self, how: How) -> tuple[System, Look, Intake]:
        refine, like = how.get("refine", USUAL_LEVEL), how.get("like")
        if not 0 <= refine <= 1:
            raise UserError(f"refine {refine}: from 0 to 1")
        style = Style(Path(like) if like is not None else None, how.get("tone", ""), how.get("seed"))
        intake = Intake.checked(how.get("invert", False), how.get("place", "auto"), how.get("clean", "auto"))
        system = replace(self._system, level=refine)
        return system, look(system, style), intake


def _faces(system: System, drawing: Drawing, intake: Intake, wanted: Look) -> list[Face]:
    with _in_a_sentence(drawing):
        return faces(system, _picture(drawing), intake, wanted)


@contextmanager
def _in_a_sentence(drawing: Drawing) -> Iterator[None]:
    """What a drawing is refused for, as a UserError."""
    try:
        yield
    except Refused as error:
        name = drawing if isinstance(drawing, str | Path) else "the drawing"
        raise UserError(f"{name}: {'; '.join(part for part in (error.reason, error.remedy) if part)}") from error


def _picture(drawing: Drawing) -> Picture:
    """Raises UserError for an array that is none of a picture, ImageError for a file."""
    if isinstance(drawing, str | Path):
        return import_picture(Path(drawing))
    pixels = np.asarray(drawing.convert("RGBA") if isinstance(drawing, Image.Image) else drawing)
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or channels not in (1, 3, 4) or not pixels.size:
        raise UserError(
            f"a drawing of shape {pixels.shape}, {pixels.dtype}: needs uint8 (H, W), (H, W, 3) or (H, W, 4)"
        )
    pixels = pixels.reshape(*pixels.shape[:2], channels)
    rgb = np.ascontiguousarray(pixels[..., :3] if channels > 1 else np.repeat(pixels, 3, 2))
    return Picture(rgb, np.ascontiguousarray(pixels[..., 3]) if channels == 4 else None, ())
