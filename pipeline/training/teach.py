"""Stage teach: what a trained system makes of drawings, for a smaller one to learn: data/taught, much as data/packed.

data/taught/SPLIT/index.json           as of pack; told: names of what each sample is told
                 sketch/drawn.npy      drawings as the hand leaves them, 255 = paper
                 strokes.npy           what the teacher's SCN makes of them, 255 = ink
                 photo.npy             what its ISN makes of those, RGB
                 told/level.npy        float32 (N, 1): how far the strokes may leave the drawing
                 told/style.npy        float32 (N, code): tones; 0, the neutral ones, for some
data/taught/teacher.safetensors        the encoder that reads tones; nothing where the teacher has none
"""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import copytree
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from models.generators.modulated import ReadsStyles
from pipeline.apps.model import model_file
from pipeline.apps.torch_nets import TorchNet, open_weights
from pipeline.core.allowed import Items, Range, Seed, Share
from pipeline.core.code import code_of
from pipeline.core.dataset import Split, read_split
from pipeline.core.devices import pick_device
from pipeline.core.files import new_folder, write_bytes
from pipeline.core.layout import TAUGHT, Layout
from pipeline.core.level import USUAL_LEVEL
from pipeline.core.polarity import sketch_of, to_uint8
from pipeline.styles import StyleName
from pipeline.training.checkpoint import resume_folder, run_key, save_tensors
from pipeline.training.data import AugmentParams, Batch, Batches
from pipeline.training.human_hand import HandParams
from pipeline.training.trainers import TEACHER_FILE, Drawn, sketch_layers

BATCH = 8  # drawings that the teacher is asked at once
LAYERS = {"sketch/drawn": (), "strokes": (), "photo": (3,)}  # name -> channels at the end


@dataclass(frozen=True)
class TeachParams:
    """Section `teach`."""

    teacher: str  # as --model: mine is data/trained/joint; photo, faces: one that ships
    drawings: Annotated[int, Range(least=1, most=10**6)]  # of train
    val_drawings: Annotated[int, Range(least=1, most=10**6)]
    told: Share  # of the drawings become photos in their person's tones, the others in the neutral ones
    augment: AugmentParams
    styles: Annotated[tuple[StyleName, ...], Items(least=0)]  # as of train_scn
    drawn: Annotated[tuple[Drawn, ...], Items()]
    hand: HandParams
    seed: Seed


@dataclass(frozen=True)
class Teacher:
    """A trained system, run by torch."""

    scn: TorchNet
    isn: TorchNet

    def lessons(self, batch: Batch, told: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
        """A batch of drawings with their photos -> the layers, and what each sample is told. `told`: (N,), of tones."""
        strokes = batch["sketch"][:, 0].numpy()
        level = batch["level"].numpy() if "level" in batch else np.full((len(strokes), 1), USUAL_LEVEL, np.float32)
        refined = self.scn(strokes, level if self.scn.code else None)[:, 0]
        made = {"sketch/drawn": to_uint8(sketch_of(strokes)), "strokes": to_uint8(refined), "level": level}
        if not self.isn.reads_styles:
            return made | {"photo": _rgb(self.isn(refined))}
        style = self.isn.style(to_uint8(batch["photo"].permute(0, 2, 3, 1).numpy())) * told[:, None].astype(np.float32)
        return made | {"photo": _rgb(self.isn(refined, style)), "style": style}


def _rgb(photos: NDArray[np.float32]) -> NDArray[np.uint8]:
    return to_uint8(photos.transpose(0, 2, 3, 1))


def run(params: TeachParams, data: Path, device: str) -> None:
    """data/packed and a trained system -> data/taught. A killed run goes on where it stopped."""
    layout, path = Layout(data), model_file(params.teacher, data)
    system = open_weights(path, pick_device(device))
    assert isinstance(system.scn, TorchNet)
    assert isinstance(system.isn, TorchNet)
    teacher = Teacher(system.scn, system.isn)
    wanted = {"train": params.drawings, "val": params.val_drawings}
    splits = {name: read_split(layout, name) for name in wanted}
    key = run_key(params, "".join(split.digest for split in splits.values()), [path, *code_of(Path(__file__))])
    with resume_folder(key) as kept:
        for name, split in splits.items():
            _teach(teacher, params, split, wanted[name], kept.folder / name)
        with new_folder(replace(layout, packed_as=TAUGHT).packed) as folder:
            for name in wanted:
                copytree(kept.folder / name, folder / name)
            encoder = teacher.isn.module.encoder.state_dict() if isinstance(teacher.isn.module, ReadsStyles) else {}
            save_tensors(folder / TEACHER_FILE, encoder, {"teacher": params.teacher})


def _teach(teacher: Teacher, params: TeachParams, split: Split, count: int, folder: Path) -> None:
    """One split -> FOLDER; what is there already stays."""
    from pipeline.core.progress import tracked  # not at the top: no result depends on how it looks

    sketches = sketch_layers(split, params)
    batches = Batches(split, ("photo",), sketches, BATCH, params.augment, params.seed, hand=params.hand)
    side = (split.size, split.size)
    files = {name: _file(folder / f"{name}.npy", (count, *side, *more)) for name, more in LAYERS.items()}
    numbers = {"level": 1, "style": teacher.isn.code if teacher.isn.reads_styles else 0}
    kinds = {name: _file(folder / "told" / f"{name}.npy", (count, k), np.float32) for name, k in numbers.items() if k}
    for step in tracked(_left(folder, count), f"teach {folder.name}", len(_left(folder, count))):
        of = slice(step * BATCH, min(count, (step + 1) * BATCH))
        told = np.random.default_rng([params.seed, step]).random(BATCH) < params.told
        made = teacher.lessons(batches(step), told)
        for name, file in (files | kinds).items():
            file[of] = made[name][: of.stop - of.start]
            file.flush()
        write_bytes(folder / "done", str(step + 1).encode())
    digests = {name: hashlib.sha256(file.tobytes()).hexdigest() for name, file in (files | kinds).items()}
    ids = [f"{i:06d}" for i in range(count)]
    index = {"ids": ids, "layers": {n: digests[n] for n in files}, "told": {n: digests[n] for n in kinds}}
    write_bytes(folder / "index.json", json.dumps(index | {"made_with": dict(split.made_with)}, indent=1).encode())
    (folder / "done").unlink(missing_ok=True)


def _left(folder: Path, count: int) -> range:
    """Steps that are still to be done."""
    steps = -(-count // BATCH)
    if (folder / "index.json").exists():
        return range(0)
    done = int((folder / "done").read_text()) if (folder / "done").exists() else 0
    return range(done, steps)


def _file(path: Path, shape: tuple[int, ...], kind: Any = np.uint8) -> Any:
    """A memory-mapped array, the one that is there where there is one."""
    if path.exists():
        return np.lib.format.open_memmap(path, "r+")
    path.parent.mkdir(parents=True, exist_ok=True)
    return np.lib.format.open_memmap(path, "w+", kind, shape)
