"""What a trained system makes, written for another net to learn: packed splits, batch by batch, resumed if killed."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.apps.model import model_file
from pipeline.apps.torch_nets import TorchNet, open_weights
from pipeline.core.code import code_of
from pipeline.core.dataset import Split
from pipeline.core.devices import pick_device
from pipeline.core.files import new_folder, write_bytes
from pipeline.training.checkpoint import resume_folder, run_key

BATCH = 8  # pictures that the teacher is asked at once
DONE = "done"  # a file: how many batches there are
Made = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Teacher:
    """A trained system, run by torch."""

    path: Path
    scn: TorchNet
    isn: TorchNet


def open_teacher(model: str, data: Path, device: str) -> Teacher:
    """`model`: as --model. Raises UserError."""
    path = model_file(model, data)
    system = open_weights(path, pick_device(device))
    assert isinstance(system.scn, TorchNet)
    assert isinstance(system.isn, TorchNet)
    return Teacher(path, system.scn, system.isn)


@contextmanager
def written(
    folder: Path,
    params: Any,
    code: Path,
    teacher: Teacher,
    splits: Mapping[str, Split],
    write: Callable[[str, Path], None],
) -> Iterator[Path]:
    """The new FOLDER, with what `write` has written of each split by its name; it stays when the block ends well.

    `code`: the module that teaches. By it, the params, the data and the teacher a killed run's state is found again.
    """
    digests = "".join(split.digest for split in splits.values())
    key = run_key(params, digests, [teacher.path, *code_of(code)])
    with resume_folder(key) as kept:
        for name in splits:
            write(name, kept.folder / name)
        with new_folder(folder) as new:
            for name in splits:
                copytree(kept.folder / name, new / name)
            yield new


@dataclass(frozen=True)
class Lessons:
    """What is written of one split: arrays by name; of `layers` uint8, of `told` float32."""

    ids: list[str]
    layers: Mapping[str, tuple[int, ...]]  # name -> shape of one
    told: Mapping[str, int]  # name -> how many numbers
    kept: Mapping[str, Any]  # of the split it is made of, for its index


def write_lessons(folder: Path, lessons: Lessons, made: Callable[[slice, int], Made]) -> None:
    """-> FOLDER, laid out as a packed split. `made`: which, number of the batch -> its arrays; what is there stays."""
    from pipeline.core.progress import tracked  # not at the top: no result depends on how it looks

    count = len(lessons.ids)
    files = {name: _file(folder / f"{name}.npy", (count, *shape), np.uint8) for name, shape in lessons.layers.items()}
    told = {name: _file(folder / "told" / f"{name}.npy", (count, k), np.float32) for name, k in lessons.told.items()}
    left = _left(folder, count)
    for step in tracked(left, f"lessons {folder.name}", len(left)):
        of = slice(step * BATCH, min(count, (step + 1) * BATCH))
        arrays = made(of, step)
        for name, file in (files | told).items():
            file[of] = arrays[name][: of.stop - of.start]
            file.flush()
        write_bytes(folder / DONE, str(step + 1).encode())
    digests = {name: hashlib.sha256(file.tobytes()).hexdigest() for name, file in (files | told).items()}
    index = {"layers": {n: digests[n] for n in files}, "told": {n: digests[n] for n in told}}
    write_bytes(folder / "index.json", json.dumps({"ids": lessons.ids, **index, **lessons.kept}, indent=1).encode())
    (folder / DONE).unlink(missing_ok=True)


def _left(folder: Path, count: int) -> range:
    """Batches that are still to be made."""
    steps = -(-count // BATCH)
    if (folder / "index.json").exists():
        return range(0)
    done = int((folder / DONE).read_text()) if (folder / DONE).exists() else 0
    return range(done, steps)


def _file(path: Path, shape: tuple[int, ...], kind: Any) -> Any:
    """A memory-mapped array, the one that is there where there is one."""
    if path.exists():
        return np.lib.format.open_memmap(path, "r+")
    path.parent.mkdir(parents=True, exist_ok=True)
    return np.lib.format.open_memmap(path, "w+", kind, shape)
