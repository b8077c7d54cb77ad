"""Command generate: drawings of faces -> calibrated sketches and photos, one pair a drawing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pipeline.apps.model import model_file, open_model
from pipeline.apps.pictures import work
from pipeline.apps.system import Codes, System
from pipeline.core import params
from pipeline.core.contact_sheet import contact_sheet
from pipeline.core.devices import pick_device
from pipeline.core.errors import UserError
from pipeline.core.image_io import import_picture, write_gray, write_photo
from pipeline.core.outcome import Task
from pipeline.core.polarity import Photo, Sketch, sketch_of, to_uint8
from pipeline.core.printable import printable
from pipeline.drawing.ink import ink_from_paper
from pipeline.stages.crop.align import align, crop_photo
from pipeline.stages.crop.settings import CropParams, Unusable
from pipeline.training.checkpoint import load_tensors

REFINED, PHOTO, STRIP = ".refined.png", ".photo.png", ".strip.png"
LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the strip


@dataclass(frozen=True)
class Style:
    """Whose tones a photo takes: one of the three, or none of them, the neutral ones."""

    like: Path | None = None  # those of a photo of a face
    tone: str = ""  # one of the system's own, by name
    seed: int | None = None  # one of its training photos'

    def __post_init__(self) -> None:
        if sum(value not in (None, "") for value in (self.like, self.tone, self.seed)) > 1:
            raise UserError("generate: one of --like, --tone, --seed")


@dataclass(frozen=True)
class Wanted:
    """What is to be made of every drawing."""

    invert: bool  # the drawings are light on dark
    mirrored: bool
    refine: float  # how far the strokes may leave the drawing, in [0, 1]
    strip: bool  # a row of pictures from refine 0 to 1 besides
    style: Style


def run(drawings: Sequence[Path], out: Path, model: str, wanted: Wanted, data: Path, device: str) -> int:
    """Write OUT/NAME.refined.png (ink on paper) and OUT/NAME.photo.png for every drawing; returns the exit code."""
    on, file = pick_device(device), model_file(model, data)
    system = replace(open_model(file, on), mirrored=wanted.mirrored, level=wanted.refine)
    if wanted.strip and not system.takes_levels:
        raise UserError(f"--strip: {printable(file)} takes no level of refinement; --model photo does")
    code = style_code(system, wanted.style, load_tensors(file)[1])
    chosen = {name: printable(value) for name, value in vars(wanted.style).items() if value not in (None, "")}
    shown = {"invert": wanted.invert, "mirrored": wanted.mirrored, "refine": wanted.refine}
    settings = {"model": printable(file), "device": str(on)} | shown | chosen
    endings = (REFINED, PHOTO, *([STRIP] if wanted.strip else []))
    return work("generate", drawings, out, endings, partial(_one, system, wanted, code), settings=settings)


def style_code(system: System, style: Style, card: Mapping[str, Any]) -> Codes | None:
    """The code (code,) of a style; None: neutral. `card`: header of the system's file, with its tones.

    Raises UserError for a tone that there is none, a photo without a face, a system that takes no style.
    """
    if style == Style():
        return None
    if not system.takes_styles:
        raise UserError("generate: this system takes no style: --like, --tone and --seed go with --model photo")
    if style.like is not None:
        codes: Codes = system.style(_face(style.like, system.size)[None])
        return np.asarray(codes[0])
    tones, draws = card.get("tones", {}), card.get("draws", [])
    if not draws:
        raise UserError("generate: --tone and --seed: this file has no tones; cali-sketch export writes one that has")
    if style.seed is not None:
        return np.asarray(draws[style.seed % len(draws)], np.float32)
    if style.tone not in tones:
        raise UserError(f"generate: no tone '{printable(style.tone)}'; there are {', '.join(tones)}")
    return np.asarray(tones[style.tone], np.float32)


def _face(path: Path, side: int) -> Photo:
    """The face of a photo, cut as the training photos are."""
    crop = replace(params.load(CropParams, "crop"), size=side)
    photo = import_picture(path).on_white()
    try:
        return crop_photo(photo, align(path, photo, crop)[0], crop)
    except Unusable as error:
        raise UserError(f"--like {printable(path)}: {error.reason} {error.detail}".rstrip()) from error


def _one(system: System, wanted: Wanted, code: Codes | None, task: Task) -> tuple[list[Path], list[str]]:
    """One drawing through both networks. Raises ImageError, Refused."""
    inked = ink_from_paper(import_picture(task.path), wanted.invert)
    drawing = to_uint8(fit_square(inked.sketch, system.size))
    refined, photo = system.photo(drawing, code)
    write_gray(task.file(REFINED), sketch_of(refined))
    write_photo(task.file(PHOTO), photo)
    if wanted.strip:
        photos = [replace(system, level=level).photo(drawing, code)[1] for level in LEVELS]
        heads = ["drawing", *(f"refine {level:g}" for level in LEVELS)]
        write_photo(task.file(STRIP), contact_sheet([[drawing, *photos]], heads, [""], system.size))
    return [task.file(ending) for ending in (REFINED, PHOTO, *([STRIP] if wanted.strip else []))], list(inked.notes)


def fit_square(sketch: Sketch, side: int) -> Sketch:
    """Ink on white paper, any shape -> (side, side): padded with paper to a square, area-averaged or enlarged."""
    h, w = sketch.shape
    pad = [(max(h, w) - n) // 2 for n in (h, w)]
    rest = [max(h, w) - n - p for n, p in zip((h, w), pad, strict=True)]
    square = np.pad(sketch, list(zip(pad, rest, strict=True)), constant_values=1.0)
    method = cv2.INTER_AREA if max(h, w) > side else cv2.INTER_CUBIC
    return Sketch(np.clip(cv2.resize(square, (side, side), interpolation=method), 0, 1).astype(np.float32))
