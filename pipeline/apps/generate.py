"""Command generate: drawings of faces -> calibrated sketches and photos, one pair a drawing."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from pipeline.apps.model import model_file, open_model
from pipeline.apps.pictures import work
from pipeline.apps.system import System
from pipeline.core.devices import pick_device
from pipeline.core.image_io import import_picture, write_gray, write_photo
from pipeline.core.outcome import Task
from pipeline.core.polarity import Sketch, sketch_of, to_uint8
from pipeline.core.printable import printable
from pipeline.drawing.ink import ink_from_paper

REFINED, PHOTO = ".refined.png", ".photo.png"


def run(drawings: Sequence[Path], out: Path, model: str, invert: bool, mirrored: bool, data: Path, device: str) -> int:
    """Write OUT/NAME.refined.png (ink on paper) and OUT/NAME.photo.png for every drawing; returns the exit code."""
    on, file = pick_device(device), model_file(model, data)
    system = replace(open_model(file, on), mirrored=mirrored)
    settings = {"model": printable(file), "device": str(on), "invert": invert, "mirrored": mirrored}
    return work("generate", drawings, out, (REFINED, PHOTO), partial(_one, system, invert), settings=settings)


def _one(system: System, invert: bool, task: Task) -> tuple[list[Path], list[str]]:
    """One drawing through both networks. Raises ImageError, Refused."""
    inked = ink_from_paper(import_picture(task.path), invert)
    refined, photo = system.photo(to_uint8(fit_square(inked.sketch, system.size)))
    write_gray(task.file(REFINED), sketch_of(refined))
    write_photo(task.file(PHOTO), photo)
    return [task.file(REFINED), task.file(PHOTO)], list(inked.notes)


def fit_square(sketch: Sketch, side: int) -> Sketch:
    """Ink on white paper, any shape -> (side, side): padded with paper to a square, area-averaged or enlarged."""
    h, w = sketch.shape
    pad = [(max(h, w) - n) // 2 for n in (h, w)]
    rest = [max(h, w) - n - p for n, p in zip((h, w), pad, strict=True)]
    square = np.pad(sketch, list(zip(pad, rest, strict=True)), constant_values=1.0)
    method = cv2.INTER_AREA if max(h, w) > side else cv2.INTER_CUBIC
    return Sketch(np.clip(cv2.resize(square, (side, side), interpolation=method), 0, 1).astype(np.float32))
