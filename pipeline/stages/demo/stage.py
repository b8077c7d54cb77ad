"""Stage demo: rendered faces, so that the pipeline runs without a photograph of anybody."""

import csv
import io
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

from pipeline.core.allowed import Range, Seed
from pipeline.core.files import new_folder, write_bytes
from pipeline.core.image_io import write_photo
from pipeline.core.parallel import map_images
from pipeline.stages.demo.renderer import render_face


@dataclass(frozen=True)
class DemoParams:
    """Section `demo`."""

    faces: Annotated[int, Range(least=0, most=100_000)]  # 0: none, for those who bring their own photos
    size: Annotated[int, Range(least=64, most=2048)]  # side, px
    seed: Seed


def run(params: DemoParams, data: Path, jobs: int) -> None:
    """-> data/demo/photos/face_000.png ... and data/demo/eyes.csv."""
    with new_folder(data / "demo") as out:
        (out / "photos").mkdir()
        rows = map_images(partial(_one, params, out), list(range(params.faces)), jobs, "demo")
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["file", "left_x", "left_y", "right_x", "right_y"])
        writer.writerows(rows)
        write_bytes(out / "eyes.csv", text.getvalue().encode())


def _one(params: DemoParams, out: Path, index: int) -> tuple[str, ...]:
    face, name = render_face(params.size, params.seed, index), f"face_{index:03d}.png"
    write_photo(out / "photos" / name, face.photo)
    return (name, *(f"{value:.2f}" for point in face.eyes for value in point))
