"""Stage teach: what a trained system makes of drawings, for a smaller one to learn: data/taught, much as data/packed.

data/taught/SPLIT/index.json           as of pack; told: names of what each sample is told
                 sketch/drawn.npy      drawings as the hand leaves them, 255 = paper
                 strokes.npy           what the teacher's SCN makes of them, 255 = ink
                 photo.npy             what its ISN makes of those, RGB
                 told/level.npy        float32 (N, 1): how far the strokes may leave the drawing
                 told/style.npy        float32 (N, code): tones; 0, the neutral ones, for some
data/taught/teacher.safetensors        the encoder that reads tones; nothing where the teacher has none
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from models.generators.modulated import ReadsStyles
from pipeline.core.allowed import FilePath, Items, Range, Seed, Share
from pipeline.core.dataset import Split, read_split
from pipeline.core.layout import TAUGHT, Layout
from pipeline.core.level import USUAL_LEVEL
from pipeline.core.polarity import sketch_of, to_uint8
from pipeline.styles import StyleName
from pipeline.training.checkpoint import save_tensors
from pipeline.training.data import AugmentParams, Batch, Batches
from pipeline.training.human_hand import HandParams
from pipeline.training.lessons import BATCH, Lessons, Made, Teacher, open_teacher, write_lessons, written
from pipeline.training.trainers import TEACHER_FILE, Drawn, sketch_layers


@dataclass(frozen=True)
class TeachParams:
    """Section `teach`."""

    teacher: FilePath  # as --model: mine is data/trained/joint; photo, faces: one that ships
    drawings: Annotated[int, Range(least=1, most=10**6)]  # of train
    val_drawings: Annotated[int, Range(least=1, most=10**6)]
    told: Share  # of the drawings become photos in their person's tones, the others in the neutral ones
    augment: AugmentParams
    styles: Annotated[tuple[StyleName, ...], Items(least=0)]  # as of train_scn
    drawn: Annotated[tuple[Drawn, ...], Items()]
    hand: HandParams
    seed: Seed


def lessons(teacher: Teacher, batch: Batch, told: NDArray[np.bool_]) -> Made:
    """A batch of drawings with their photos -> the layers, and what each sample is told. `told`: (N,), of tones."""
    strokes = batch["sketch"][:, 0].numpy()
    level = batch["level"].numpy() if "level" in batch else np.full((len(strokes), 1), USUAL_LEVEL, np.float32)
    refined = teacher.scn(strokes, level if teacher.scn.code else None)[:, 0]
    made = {"sketch/drawn": to_uint8(sketch_of(strokes)), "strokes": to_uint8(refined), "level": level}
    if not teacher.isn.reads_styles:
        return made | {"photo": rgb(teacher.isn(refined))}
    style = teacher.isn.style(to_uint8(batch["photo"].permute(0, 2, 3, 1).numpy())) * told[:, None].astype(np.float32)
    return made | {"photo": rgb(teacher.isn(refined, style)), "style": style}


def rgb(photos: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(N, 3, S, S) in [0, 1] -> (N, S, S, 3)."""
    return to_uint8(photos.transpose(0, 2, 3, 1))


def run(params: TeachParams, data: Path, device: str) -> None:
    """data/packed and a trained system -> data/taught. A killed run goes on where it stopped."""
    layout, teacher = Layout(data), open_teacher(params.teacher, data, device)
    wanted = {"train": params.drawings, "val": params.val_drawings}
    splits = {name: read_split(layout, name) for name in wanted}

    def write(name: str, folder: Path) -> None:
        _teach(teacher, params, splits[name], wanted[name], folder)

    with written(replace(layout, packed_as=TAUGHT).packed, params, Path(__file__), teacher, splits, write) as folder:
        encoder = teacher.isn.module.encoder.state_dict() if isinstance(teacher.isn.module, ReadsStyles) else {}
        save_tensors(folder / TEACHER_FILE, encoder, {"teacher": params.teacher})


def _teach(teacher: Teacher, params: TeachParams, split: Split, count: int, folder: Path) -> None:
    sketches = sketch_layers(split, params)
    batches = Batches(split, ("photo",), sketches, BATCH, params.augment, params.seed, hand=params.hand)

    def made(_: slice, step: int) -> Made:
        told = np.random.default_rng([params.seed, step]).random(BATCH) < params.told
        return lessons(teacher, batches(step), told)

    side = (split.size, split.size)
    layers = {"sketch/drawn": side, "strokes": side, "photo": (*side, 3)}
    numbers = {"level": 1} | ({"style": teacher.isn.code} if teacher.isn.reads_styles else {})
    ids = [f"{i:06d}" for i in range(count)]
    write_lessons(folder, Lessons(ids, layers, numbers, {"made_with": dict(split.made_with)}), made)
