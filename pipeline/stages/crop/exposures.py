"""Copies of training photos under other exposures: from them nets learn what lines tell about the light."""

import shutil
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np

from pipeline.core.allowed import Range, Share
from pipeline.core.image_io import read_photo, write_photo
from pipeline.core.light import toned
from pipeline.core.manifest import TRAIN, Face
from pipeline.core.parallel import map_images


@dataclass(frozen=True)
class ExposureParams:
    """Part `exposures` of section `crop`."""

    copies: Annotated[int, Range(least=0, most=100)]  # of each training photo; 0: none, as the paper
    spread: Share  # standard deviation of gamma and, by half, of the gain, in powers of e


def exposed(faces: list[Face], params: ExposureParams, folder: Path, jobs: int) -> list[Face]:
    """The copies of the training faces, written into photos/ and sketches/ of `folder` beside what they are made of."""
    tasks = [(face, copy) for face in faces if face.split == TRAIN for copy in range(1, params.copies + 1)]
    return map_images(partial(_expose, params, folder), tasks, jobs, "crop: exposures") if tasks else []


def _expose(params: ExposureParams, folder: Path, task: tuple[Face, int]) -> Face:
    face, copy = task
    made = replace(face, id=f"{face.id}_exposure{copy}", exposure=copy)
    rng = np.random.default_rng([int(face.sha256[:16], 16), copy])
    gamma, gain = np.exp(params.spread * rng.standard_normal(2) * (1, 0.5))
    photo = read_photo(folder / "photos" / f"{face.id}.png")
    write_photo(folder / "photos" / f"{made.id}.png", toned(photo, gamma, np.full(3, gain)))
    sketch = folder / "sketches" / f"{face.id}.png"
    if sketch.exists():
        shutil.copyfile(sketch, sketch.with_stem(made.id))
    return made
