"""Which drawing belongs to a photo."""

from pathlib import Path

import cv2
import numpy as np

from pipeline.core.finder import SUFFIXES
from pipeline.core.image_io import import_sketch
from pipeline.core.polarity import Photo, Sketch
from pipeline.stages.crop.beside import beside
from pipeline.stages.crop.settings import Unusable

MOST_STRETCH = 0.02  # ours: drawings whose sides have another ratio than their photo's were cut or squeezed


def is_photo(source: str, pair: tuple[str, str] | None) -> bool:
    """Whether a relative path is a photo's: where drawings are asked for it has the component that leads to them."""
    return pair is None or pair[0] in Path(source).parts[:-1]


def has_drawings(root: Path, source: str, pair: tuple[str, str]) -> bool:
    """Whether the set of the photo root/source came with drawings: pair[1] stands beside its pair[0]."""
    return _sketches(root, source, pair)[0].is_dir()


def _sketches(root: Path, source: str, pair: tuple[str, str]) -> tuple[Path, tuple[str, ...]]:
    """Where the last component pair[0] of a photo's path is pair[1], and the folders below that lead to the drawing."""
    old, new = pair
    parts = Path(source).parts
    at = len(parts) - 2 - parts[-2::-1].index(old)
    return root.joinpath(*parts[:at], new), parts[at + 1 : -1]


def sketch_file(root: Path, source: str, pair: tuple[str, str]) -> Path:
    """The drawing of the photo root/source: same name, where the last component pair[0] is pair[1]. Raises Unusable."""
    photo = Path(source)
    sketches, below = _sketches(root, source, pair)
    folder = sketches.joinpath(*below)
    files = [file for file in beside(folder, photo.stem) if file.suffix.lower() in SUFFIXES]
    same = [file for file in files if file.suffix.lower() == photo.suffix.lower()]
    if not files:
        raise Unusable("no sketch", f"expected {folder.relative_to(root) / photo.stem} with a picture's suffix")
    if len(files) > 1 and len(same) != 1:
        raise Unusable("several sketches", ", ".join(file.name for file in same or files))
    return (same or files)[0]


def read_sketch(file: Path, photo: Photo) -> Sketch:
    """A drawing at its photo's size. Raises Unusable where it has another shape."""
    sketch = import_sketch(file)
    (sketch_h, sketch_w), (photo_h, photo_w) = sketch.shape, photo.shape[:2]
    if sketch.shape == (photo_h, photo_w):
        return sketch
    stretch = (sketch_w / sketch_h) / (photo_w / photo_h)
    if max(stretch, 1 / stretch) > 1 + MOST_STRETCH:
        raise Unusable("other shape", f"drawing {sketch_w}x{sketch_h} px, photo {photo_w}x{photo_h} px")
    method = cv2.INTER_AREA if sketch_w > photo_w else cv2.INTER_LINEAR
    return Sketch(np.asarray(cv2.resize(sketch, (photo_w, photo_h), interpolation=method), np.float32))
