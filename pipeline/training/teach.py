"""Stage teach: what a trained system makes of drawings, for a smaller one to learn: data/taught, much as data/packed.

data/taught/SPLIT/index.json           as of pack; told: names of what each sample is told
                 sketch/drawn.npy      drawings as the hand leaves them, 255 = paper
                 strokes.npy           what the teacher's SCN makes of them, 255 = ink
                 photo.npy             what its ISN makes of those, RGB; with `detail` another's ISN adds what is fine
                 told/level.npy        float32 (N, 1): how far the strokes may leave the drawing
                 told/style.npy        float32 (N, code): tones; 0, the neutral ones, for some
data/taught/teacher.safetensors        the teacher's nets, as of a joint system
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.allowed import FilePath, Items, OptionalPath, Range, Seed, Share
from pipeline.core.dataset import Split, read_split
from pipeline.core.layout import TAUGHT, Layout
from pipeline.core.level import USUAL_LEVEL
from pipeline.core.polarity import sketch_of, to_uint8
from pipeline.drawing.scale import face_scale
from pipeline.styles import StyleName
from pipeline.training.checkpoint import both_nets, save_tensors
from pipeline.training.data import AugmentParams, Batch, Batches
from pipeline.training.human_hand import HandParams
from pipeline.training.lessons import BATCH, Lessons, Made, Teacher, open_teacher, write_lessons, written
from pipeline.training.trainers import TEACHER_FILE, Drawn, sketch_layers

Photos = NDArray[np.float32]
Strokes = NDArray[np.float32]


@dataclass(frozen=True)
class DetailParams:
    """Key `teach.detail`: a second teacher, whose photos of the same strokes are sharper."""

    by: OptionalPath  # as teacher; "": none
    sigma_px: Annotated[float, Range(least=0.5, most=64)]  # what a blur of so many px leaves is the first teacher's


@dataclass(frozen=True)
class TeachParams:
    """Section `teach`."""

    teacher: FilePath  # as --model: mine is data/trained/joint; photo, faces: one that ships
    detail: DetailParams
    drawings: Annotated[int, Range(least=1, most=10**6)]  # of train
    val_drawings: Annotated[int, Range(least=1, most=10**6)]
    told: Share  # of the drawings become photos in their person's tones, the others in the neutral ones
    augment: AugmentParams
    styles: Annotated[tuple[StyleName, ...], Items(least=0)]  # as of train_scn
    drawn: Annotated[tuple[Drawn, ...], Items()]
    hand: HandParams
    seed: Seed


def lessons(
    teacher: Teacher, detail: Callable[[Strokes, Photos], Photos], batch: Batch, told: NDArray[np.bool_]
) -> Made:
    """A batch of drawings with their photos -> the layers, and what each sample is told. `told`: (N,), of tones.

    `detail`: strokes (N, S, S), 1 = ink, and the teacher's photos of them (N, 3, S, S) in [0, 1] -> the photos taught.
    """
    strokes = batch["sketch"][:, 0].numpy()
    level = batch["level"].numpy() if "level" in batch else np.full((len(strokes), 1), USUAL_LEVEL, np.float32)
    refined = teacher.scn(strokes, level if teacher.scn.code else None)[:, 0]
    made = {"sketch/drawn": to_uint8(sketch_of(strokes)), "strokes": to_uint8(refined), "level": level}
    if not teacher.isn.reads_styles:
        return made | {"photo": rgb(detail(refined, teacher.isn(refined)))}
    style = teacher.isn.style(to_uint8(batch["photo"].permute(0, 2, 3, 1).numpy())) * told[:, None].astype(np.float32)
    return made | {"photo": rgb(detail(refined, teacher.isn(refined, style))), "style": style}


def rgb(photos: Photos) -> NDArray[np.uint8]:
    """(N, 3, S, S) in [0, 1] -> (N, S, S, 3)."""
    return to_uint8(photos.transpose(0, 2, 3, 1))


def as_made(_: Strokes, photos: Photos) -> Photos:
    """No detail is added."""
    return photos


def detailed(sharper: Teacher, sigma: float, strokes: Strokes, photos: Photos) -> Photos:
    """What a blur leaves of the photos, and what it takes from the sharper system's photos of the same strokes.

    Strokes (N, S, S), 1 = ink, photos (N, 3, S, S) in [0, 1] -> the same; `sigma` in px of the crop. A system that is
    told tones is told the photos'. Ours: low and high frequencies of two pictures, as Burt and Adelson's (1983) bands.
    """
    made = sharper.isn(strokes, sharper.isn.style(rgb(photos)) if sharper.isn.reads_styles else None)
    mixed: Photos = np.clip(made + _smooth(photos - made, sigma), 0, 1)
    return mixed


def _smooth(photos: Photos, sigma: float) -> Photos:
    return np.stack([np.stack([cv2.GaussianBlur(channel, (0, 0), sigma) for channel in photo]) for photo in photos])


def run(params: TeachParams, data: Path, device: str) -> None:
    """data/packed and a trained system -> data/taught. A killed run goes on where it stopped."""
    layout, teacher = Layout(data), open_teacher(params.teacher, data, device)
    sharper = open_teacher(params.detail.by, data, device) if params.detail.by else None
    wanted = {"train": params.drawings, "val": params.val_drawings}
    splits = {name: read_split(layout, name) for name in wanted}

    def write(name: str, folder: Path) -> None:
        sigma = params.detail.sigma_px * face_scale((splits[name].size,) * 2)
        detail = partial(detailed, sharper, sigma) if sharper else as_made
        _teach(teacher, detail, params, splits[name], wanted[name], folder)

    teachers = [teacher, *([sharper] if sharper else [])]
    with written(replace(layout, packed_as=TAUGHT).packed, params, Path(__file__), teachers, splits, write) as folder:
        save_tensors(
            folder / TEACHER_FILE, both_nets(teacher.scn.module, teacher.isn.module), {"teacher": params.teacher}
        )


def _teach(
    teacher: Teacher,
    detail: Callable[[Strokes, Photos], Photos],
    params: TeachParams,
    split: Split,
    count: int,
    folder: Path,
) -> None:
    sketches = sketch_layers(split, params)
    batches = Batches(split, ("photo",), sketches, BATCH, params.augment, params.seed, hand=params.hand)

    def made(_: slice, step: int) -> Made:
        told = np.random.default_rng([params.seed, step]).random(BATCH) < params.told
        return lessons(teacher, detail, batches(step), told)

    side = (split.size, split.size)
    layers = {"sketch/drawn": side, "strokes": side, "photo": (*side, 3)}
    numbers = {"level": 1} | ({"style": teacher.isn.code} if teacher.isn.reads_styles else {})
    ids = [f"{i:06d}" for i in range(count)]
    write_lessons(folder, Lessons(ids, layers, numbers, {"made_with": dict(split.made_with)}), made)
