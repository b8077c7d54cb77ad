"""What the line cleaner learns from: the styles' raw sketches and the strokes that the classical simplifier finds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError
from pipeline.core.image_io import read_gray
from pipeline.core.layout import Layout
from pipeline.core.manifest import read_photographed
from pipeline.core.parallel import map_images
from pipeline.core.polarity import Sketch, to_uint8
from pipeline.drawing import scale
from pipeline.drawing.scale import FACE_PX, face_scale, stretched
from pipeline.drawing.stroke import Stroke, resized
from pipeline.stages.simplify import SimplifyParams, simplify


@dataclass(frozen=True)
class Traced:
    """A style's sketch of a face and the strokes that the classical simplifier finds in it."""

    raw: NDArray[np.uint8]  # (256, 256), at the contrast that `simplify` gives it
    strokes: list[Stroke]  # in its px


def read_drawings(folder: Path, splits: Sequence[str], tracing: SimplifyParams) -> list[Traced]:
    """Every raw sketch of the splits' faces in which the classical simplifier finds strokes. Raises UserError."""
    layout = Layout(folder)
    ids = [face.id for face in read_photographed(layout) if face.split in splits]
    styles = sorted(path.name for path in (folder / "styles").glob("*") if path.is_dir())
    files = [layout.style(style) / f"{face}.png" for face in ids for style in styles]
    if not files:
        raise UserError(f"{folder}: no sketches of the splits {', '.join(splits)}; run: dvc repro style")
    drawings = map_images(partial(_traced, replace(tracing, method="classical")), files, 1, "simplify")
    return [drawing for drawing in drawings if drawing.strokes]


def _traced(tracing: SimplifyParams, file: Path) -> Traced:
    sketch = Sketch(read_gray(file))
    strokes = [resized(stroke, 1 / face_scale(sketch.shape)) for stroke in simplify(sketch, tracing)]
    return Traced(to_uint8(scale.resized(stretched(sketch), (FACE_PX, FACE_PX))), strokes)
