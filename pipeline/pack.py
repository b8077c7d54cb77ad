"""Stage pack: every layer of every face in one memory-mapped array per split, checked for completeness.

data/packed/SPLIT/index.json   ids, sources' sha256 and the sha256 of each layer
data/packed/SPLIT/LAYER.npy    uint8, as on disk: photos RGB, sketches 255 = paper, edges 255 = edge
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UserError
from pipeline.images import map_images, new_folder, read_gray, read_photo, to_uint8, write_bytes
from pipeline.manifest import Face, Layout, read_faces


@dataclass(frozen=True)
class PackParams:
    """Section `pack`."""

    styles: tuple[str, ...]  # the synthetic styles to pack; real sketches join as "artist" where they exist
    min_train: int  # fewer training faces than this is an error


@dataclass(frozen=True)
class Layer:
    """Where one layer of the data set comes from and which stage makes it."""

    name: str
    folder: Path
    stage: str

    def file(self, face_id: str) -> Path:
        return self.folder / f"{face_id}.png"


def layers_of(layout: Layout, styles: tuple[str, ...]) -> list[Layer]:
    """All layers of the data set, `sketch/artist` only where crop wrote real sketches."""
    layers = [
        Layer("photo", layout.photos, "crop"),
        Layer("canny", layout.edges("canny"), "edges@canny"),
        Layer("hed", layout.edges("hed"), "edges@hed"),
    ]
    for style in styles:
        layers.append(Layer(f"sketch/{style}", layout.simplified(style) / "deformed", f"simplify@{style}"))
        layers.append(Layer(f"clean/{style}", layout.simplified(style) / "clean", f"simplify@{style}"))
    if layout.artist.is_dir():
        layers.append(Layer("sketch/artist", layout.artist, "crop"))
    return layers


def run(params: PackParams, data: Path, jobs: int) -> None:
    """Write data/packed. Raises UserError that names a missing layer, or too few training faces."""
    layout = Layout(data)
    faces = read_faces(layout)
    layers = layers_of(layout, params.styles)
    for layer in layers:
        _check(layer, faces)
    split_faces = {name: [face for face in faces if face.split == name] for name in sorted({f.split for f in faces})}
    count = len(split_faces.get("train", []))
    if count < params.min_train:
        raise UserError(
            f"pack: {count} training faces, at least {params.min_train} needed; add photos or see crop.splits"
        )
    with new_folder(layout.packed) as folder:
        tasks = [(folder / name, part, layer) for name, part in split_faces.items() for layer in layers]
        digests = map_images(_pack_layer, tasks, jobs, "pack")
        for name, part in split_faces.items():
            own = {t[2].name: d for t, d in zip(tasks, digests, strict=True) if t[0].name == name}
            index = {"ids": [f.id for f in part], "sources": {f.id: f.sha256 for f in part}, "layers": own}
            write_bytes(folder / name / "index.json", json.dumps(index, indent=1).encode())


def _check(layer: Layer, faces: list[Face]) -> None:
    missing = [face.id for face in faces if not layer.file(face.id).exists()]
    if missing:
        raise UserError(
            f"pack: {len(missing)} faces have no {layer.name} in {layer.folder}, first {missing[0]}; "
            f"run: dvc repro {layer.stage}"
        )


def _pack_layer(task: tuple[Path, list[Face], Layer]) -> str:
    """One layer of one split -> .npy; returns the sha256 of its pixels."""
    folder, faces, layer = task
    path = folder / f"{layer.name}.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = _pixels(layer, faces[0].id).shape
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(len(faces), *shape))
    digest = hashlib.sha256()
    for i, face in enumerate(faces):
        pixels = _pixels(layer, face.id)
        if pixels.shape != shape:
            raise UserError(
                f"pack: {layer.file(face.id)} is {pixels.shape}, the others {shape}; run: dvc repro {layer.stage}"
            )
        array[i] = pixels
        digest.update(pixels.tobytes())
    array.flush()
    return digest.hexdigest()


def _pixels(layer: Layer, face_id: str) -> NDArray[np.uint8]:
    path = layer.file(face_id)
    return read_photo(path) if layer.name == "photo" else to_uint8(read_gray(path))
