"""Stage pack: every layer of every face in one memory-mapped array per split, checked for completeness.

data/packed/SPLIT/index.json   ids, sources' sha256, the sha256 of each layer and the params it was made with; where the
                               eyes are of faces that crop.framings placed (eye_y, eye_distance); the faces that have
                               a layer which others lack
data/packed/SPLIT/LAYER.npy    uint8, as on disk: photos RGB, sketches 255 = paper, edges 255 = edge

The layer `product` is Canny ⊙ HED, with HED lifted in the face where asked: what the ISN is trained on and the SCN
learns to draw.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.allowed import Items, Pixels, Range
from pipeline.core.errors import UserError
from pipeline.core.files import new_folder, write_bytes
from pipeline.core.image_io import read_gray, read_photo
from pipeline.core.layout import Layout, made_with
from pipeline.core.manifest import Face, read_faces
from pipeline.core.parallel import map_images
from pipeline.core.params import build, params_path, read_yaml
from pipeline.core.polarity import Edges, to_uint8, unit
from pipeline.drawing.face_prior import Eyes, face_prior
from pipeline.drawing.scale import face_scale
from pipeline.styles import StyleName

LIFT = 0.5  # ours: local: exponent of HED in the face; 1 leaves faint lips and brows below a quarter


@dataclass(frozen=True)
class PackParams:
    """Section `pack`."""

    product: Literal["plain", "local"]  # plain: Canny ⊙ HED, as in the paper; local: HED lifted in the face first
    product_spread_px: Pixels  # softens Canny in Canny ⊙ HED: standard deviation at a 256-px face; 0: as in the paper
    min_train: Annotated[int, Range(least=1, most=1_000_000)]  # fewer training faces than this is an error


@dataclass(frozen=True)
class Styles:
    """Key `styles.names`: what is packed; people's sketches join as "artist" where they exist."""

    names: Annotated[tuple[StyleName, ...], Items()]


def packed_styles() -> tuple[str, ...]:
    """As params.yaml names them. Raises ParamsError."""
    found = read_yaml(params_path()).get("styles")
    names = {key: value for key, value in found.items() if key == "names"} if isinstance(found, dict) else found
    return build(Styles, names, "styles").names


@dataclass(frozen=True)
class Layer:
    """Where one layer of the data set comes from and which stage makes it."""

    name: str
    folder: Path
    stage: str
    made: Path  # the folder that tells how
    instead: Path | None = (
        None  # folder of a picture of every face, where some have none in `folder`: paper of its size
    )

    def file(self, face_id: str) -> Path:
        return self.folder / f"{face_id}.png"


def product(canny: Edges, hed: Edges, params: PackParams, eyes: Eyes) -> Edges:
    """The layer `product` of one face, (H, W) each; `eyes`: where an aligned crop has them."""
    return PRODUCTS[params.product](canny, hed, params.product_spread_px, eyes)


def _plain(canny: Edges, hed: Edges, spread_px: float, eyes: Eyes) -> Edges:
    """Canny ⊙ HED, (H, W) each; Canny's lines softened to a Gaussian profile of peak 1 first, where asked.

    ours: a one-pixel line that is a pixel off costs L1 matching twice its ink, so nets draw it dotted or not at all.
    """
    sigma = spread_px * face_scale(canny.shape)
    if sigma == 0:
        return Edges(canny * hed)
    peak = np.float32(sigma * np.sqrt(2 * np.pi))  # of a blurred one-pixel line: 1 / peak
    soft = np.clip(cv2.GaussianBlur(canny, (0, 0), sigma) * max(peak, np.float32(1)), 0, 1)
    return Edges(soft.astype(np.float32, copy=False) * hed)


def _local(canny: Edges, hed: Edges, spread_px: float, eyes: Eyes) -> Edges:
    """The same, HED ** LIFT in the face: faint lips and brows weigh as lines there."""
    exponent = 1 - (1 - LIFT) * face_prior(hed.shape, eyes)
    return _plain(canny, Edges(np.power(hed, exponent)), spread_px, eyes)


PRODUCTS: dict[str, Callable[[Edges, Edges, float, Eyes], Edges]] = {"plain": _plain, "local": _local}


def layers_of(layout: Layout, styles: tuple[str, ...]) -> list[Layer]:
    """All layers of the data set, `sketch/artist` only where crop wrote real sketches."""
    layers = [
        Layer("photo", layout.photos, "crop", layout.faces),
        Layer("canny", layout.edges("canny"), "edges@canny", layout.edges("canny")),
        Layer("hed", layout.edges("hed"), "edges@hed", layout.edges("hed")),
    ]
    for style in styles:
        made = layout.simplified(style)
        layers.append(Layer(f"sketch/{style}", made / "deformed", f"simplify@{style}", made))
        layers.append(Layer(f"clean/{style}", made / "clean", f"simplify@{style}", made))
    if layout.artist.is_dir():
        layers.append(Layer("sketch/artist", layout.artist, "crop", layout.faces, layout.photos))
    return layers


def run(params: PackParams, styles: tuple[str, ...], eyes: Eyes, data: Path, jobs: int) -> None:
    """Write data/packed. Raises UserError that names a missing layer, or too few training faces."""
    layout = Layout(data)
    faces = read_faces(layout)
    layers = layers_of(layout, styles)
    for layer in layers:
        _check(layer, faces)
    split_faces = {name: [face for face in faces if face.split == name] for name in sorted({f.split for f in faces})}
    count = sum(not face.exposure for face in split_faces.get("train", []))
    if count < params.min_train:
        raise UserError(
            f"pack: {count} training faces, at least {params.min_train} needed; add photos or see crop.splits"
        )
    with new_folder(layout.packed) as folder:
        tasks = [(folder / name, part, layer) for name, part in split_faces.items() for layer in layers]
        digests = map_images(_pack_layer, tasks, jobs, "pack")
        tasks_of_two = [(folder / n, params, [_eyes(f, eyes) for f in part]) for n, part in split_faces.items()]
        products = map_images(_pack_product, tasks_of_two, 1, "pack product")
        for (name, part), digest in zip(split_faces.items(), products, strict=True):
            own = {t[2].name: d for t, d in zip(tasks, digests, strict=True) if t[0].name == name}
            own["product"] = digest
            index = {"ids": [f.id for f in part], "sources": {f.id: f.sha256 for f in part}, "layers": own}
            index["eyes"] = {f.id: list(f.eyes) for f in part if f.eyes}
            if only := _only(layers, part):
                index["only"] = only
            index["made_with"] = {layer.name: made_with(layer.made) for layer in layers}
            write_bytes(folder / name / "index.json", json.dumps(index, indent=1).encode())


def _check(layer: Layer, faces: list[Face]) -> None:
    missing = _missing(layer, faces)
    if missing and layer.instead is None:
        raise UserError(
            f"pack: {len(missing)} faces have no {layer.name} in {layer.folder}, first {missing[0]}; "
            f"run: dvc repro {layer.stage}"
        )


def _missing(layer: Layer, faces: list[Face]) -> list[str]:
    return [face.id for face in faces if not layer.file(face.id).exists()]


def _only(layers: list[Layer], faces: list[Face]) -> dict[str, list[str]]:
    """Layer that some of the faces lack -> the ids of those that have it."""
    gone = {layer.name: set(_missing(layer, faces)) for layer in layers if layer.instead}
    return {name: [face.id for face in faces if face.id not in lack] for name, lack in gone.items() if lack}


def _pack_layer(task: tuple[Path, list[Face], Layer]) -> str:
    """One layer of one split -> .npy; returns the sha256 of its pixels."""
    folder, faces, layer = task
    path = folder / f"{layer.name}.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = _pixels(layer, faces[0].id).shape
    pixels = (_checked_pixels(layer, face.id, shape) for face in faces)
    return _write_layer(path, (len(faces), *shape), pixels)


def _checked_pixels(layer: Layer, face_id: str, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    pixels = _pixels(layer, face_id)
    if pixels.shape != shape:
        raise UserError(
            f"pack: {layer.file(face_id)} is {pixels.shape}, the others {shape}; run: dvc repro {layer.stage}"
        )
    return pixels


def _eyes(face: Face, otherwise: Eyes) -> Eyes:
    return Eyes(*face.eyes) if face.eyes else otherwise


def _pack_product(task: tuple[Path, PackParams, list[Eyes]]) -> str:
    """The layer `product` of one split, from its packed layers."""
    folder, params, eyes = task
    canny, hed = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("canny", "hed"))
    layers = zip(canny, hed, eyes, strict=True)
    pixels = (to_uint8(product(Edges(unit(a)), Edges(unit(b)), params, at)) for a, b, at in layers)
    return _write_layer(folder / "product.npy", canny.shape, pixels)


def _write_layer(path: Path, shape: tuple[int, ...], images: Iterable[NDArray[np.uint8]]) -> str:
    """Images one by one into a new .npy; returns the sha256 of all pixels."""
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    digest = hashlib.sha256()
    for i, pixels in enumerate(images):
        array[i] = pixels
        digest.update(pixels.tobytes())
    array.flush()
    return digest.hexdigest()


def _pixels(layer: Layer, face_id: str) -> NDArray[np.uint8]:
    path = layer.file(face_id)
    if layer.instead and not path.exists():
        return np.full(read_photo(layer.instead / path.name).shape[:2], 255, np.uint8)
    return read_photo(path) if layer.name == "photo" else to_uint8(read_gray(path))
