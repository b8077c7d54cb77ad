"""One function for every accepted face, into a new folder."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.core.files import new_folder
from pipeline.core.layout import Layout, write_about
from pipeline.core.manifest import read_faces
from pipeline.core.parallel import map_images


def map_faces(
    one: Callable[[Path, str], None],
    layout: Layout,
    target: Path,
    about: Mapping[str, Any],
    jobs: int,
    label: str,
    at_once: int = 1,
) -> None:
    """`one(folder, id)` for every accepted face, into a new folder `target` that also tells how it was made."""
    ids = [face.id for face in read_faces(layout)]
    with new_folder(target) as out:
        map_images(partial(one, out), ids, jobs, label, at_once)
        write_about(out, about)
