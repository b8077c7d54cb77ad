"""Command generate: drawings of faces -> calibrated sketches and photos, one pair a drawing."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from pipeline.apps.system import System, pick_device, read_system
from pipeline.core.console import console
from pipeline.core.errors import UserError
from pipeline.core.image_io import SUFFIXES, import_sketch, write_gray, write_photo
from pipeline.core.layout import Layout
from pipeline.core.polarity import Sketch, to_uint8
from pipeline.weights.registry import shipped

SHIPPED = "cali-sketch-faces"


def files_of(paths: list[Path]) -> list[Path]:
    """Image files named or lying in named folders, in order. Raises UserError for none."""
    found: list[Path] = []
    for path in paths:
        inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES) if path.is_dir() else [path]
        found += inside
    if not found:
        raise UserError(f"no images ({', '.join(sorted(SUFFIXES))}) in {', '.join(map(str, paths))}")
    return found


def fit_square(sketch: Sketch, side: int) -> Sketch:
    """Any drawing -> (side, side): padded with paper to a square, area-averaged or enlarged."""
    h, w = sketch.shape
    pad = [(max(h, w) - n) // 2 for n in (h, w)]
    rest = [max(h, w) - n - p for n, p in zip((h, w), pad, strict=True)]
    square = np.pad(sketch, list(zip(pad, rest, strict=True)), constant_values=float(np.median(sketch)))
    method = cv2.INTER_AREA if max(h, w) > side else cv2.INTER_CUBIC
    return np.clip(cv2.resize(square, (side, side), interpolation=method), 0, 1).astype(np.float32)


def unique_names(files: list[Path]) -> list[str]:
    """Output stems: the file's own, numbered where two files share one."""
    seen: dict[str, int] = {}
    names = []
    for file in files:
        seen[file.stem] = seen.get(file.stem, 0) + 1
        names.append(file.stem if seen[file.stem] == 1 else f"{file.stem}-{seen[file.stem]}")
    return names


def run(
    sketches: list[Path], out: Path, weights: Path | None, invert: bool, mirrored: bool, data: Path, device: str
) -> None:
    """Write OUT/NAME.refined.png (ink on paper) and OUT/NAME.photo.png for every drawing."""
    files = files_of(sketches)
    used = weights or default_weights(Layout(data))
    system = replace(read_system(used, pick_device(device)), mirrored=mirrored)
    for file, name in zip(files, unique_names(files), strict=True):
        drawing = import_sketch(file)
        generate_one(system, 1 - drawing if invert else drawing, file, out, name)
    console.print(f"generate: {len(files)} photos in {out}, by {used}")


def default_weights(layout: Layout) -> Path:
    """The file of the last joint training here, else the one that ships with the project."""
    trained = layout.trained("joint") / "weights.safetensors"
    return trained if trained.exists() else shipped(SHIPPED)


def generate_one(system: System, drawing: Sketch, file: Path, out: Path, name: str) -> None:
    """One drawing through both networks; a drawing that is mostly dark is refused."""
    if float(np.median(drawing)) < 0.5:
        raise UserError(f"{file}: light on dark; drawings are dark on light paper: give --invert")
    refined, photo = system.photo(to_uint8(fit_square(drawing, system.size)))
    write_gray(out / f"{name}.refined.png", 1 - refined)
    write_photo(out / f"{name}.photo.png", photo)
