"""Not a test: a hand-made data set, systems whose quality is known, and nets whose features are."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch

from pipeline.core.dataset import read_split, splits
from pipeline.core.layout import Layout
from pipeline.evaluation.evaluate import EvaluateParams
from pipeline.evaluation.feature_sets import FeatureRow
from pipeline.evaluation.metrics.faithfulness import photo_edges
from pipeline.evaluation.metrics.features import distances, frechet_scores
from pipeline.evaluation.metrics.identity import identity_face_scores, identity_scores
from pipeline.evaluation.systems import Manner, Row

SIZE = 32
STYLES = ("xdog", "fdog")
PARAMS = EvaluateParams({}, (), 0.5, 2, 2, False, 0.5)


def person(rng: np.random.Generator, size: int) -> np.ndarray:
    """A photo like no other, uint8: a few blobs of colour."""
    coarse = rng.integers(30, 226, (5, 5, 3), dtype=np.uint8)
    return np.clip(cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC), 0, 225)


def canny(photo: np.ndarray) -> np.ndarray:
    return cv2.Canny(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), 20, 60)


def write_split(folder: Path, count: int, seed: int, size: int = SIZE, artist: bool = True) -> None:
    """`count` faces: photos of nobody, their edges, and drawings that are noise, so that each is known again."""
    rng = np.random.default_rng(seed)
    photos = np.stack([person(rng, size) for _ in range(count)])
    layers = {"photo": photos, "canny": np.stack([canny(photo) for photo in photos])}
    noise = ["hed", "product", *(f"{kind}/{style}" for kind in ("sketch", "clean") for style in STYLES)]
    for name in [*noise, *(["sketch/artist"] if artist else [])]:
        layers[name] = rng.integers(0, 256, (count, size, size), dtype=np.uint8)
    for name, pixels in layers.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(folder / f"{name}.npy", pixels)
    index = {"ids": [f"{folder.name}_{i:04d}" for i in range(count)], "layers": dict.fromkeys(layers, str(seed))}
    (folder / "index.json").write_text(json.dumps(index))


def patchwork(rng: np.random.Generator, size: int) -> np.ndarray:
    """A photo of sharp-edged patches, each of a colour of its own."""
    coarse = rng.integers(30, 226, (4, 4, 3), dtype=np.uint8)
    return cv2.resize(coarse, (size, size), interpolation=cv2.INTER_NEAREST)


def write_drawn_split(folder: Path, count: int, seed: int, size: int = 64) -> None:
    """As `write_split`, but the deformed drawings are the photo's edges: xdog's in place, fdog's a pixel down."""
    write_split(folder, count, seed, size, artist=False)
    rng = np.random.default_rng(seed)
    photos = np.stack([patchwork(rng, size) for _ in range(count)])
    edges = np.stack([photo_edges(photo) for photo in photos])
    layers = {"photo": photos, "canny": edges, "product": edges, "sketch/xdog": ~edges}
    layers["sketch/fdog"] = np.roll(~edges, 1, 1)
    for name, pixels in layers.items():
        np.save(folder / f"{name}.npy", pixels if name == "photo" else pixels.astype(np.uint8) * np.uint8(255))


def write_data(root: Path, counts: dict[str, int]) -> Path:
    for seed, (name, count) in enumerate(counts.items()):
        write_split(Layout(root).packed / name, count, seed)
    return root


Answer = Callable[[np.ndarray, np.ndarray, str], tuple[np.ndarray, np.ndarray]]


def known(answer: Answer, *reads: str) -> Row:
    """A system that knows each drawing again, parts erased too; (photo, canny, "SPLIT LAYER") -> photo, strokes."""

    def opened(layout: Layout, device: torch.device, manner: Manner) -> Callable:
        book = {}
        for name in splits(layout):
            split = read_split(layout, name)
            for layer in (key for key in split.layers if "/" in key or key == "product"):
                for i, drawing in enumerate(split.layers[layer]):
                    pixels = 255 - drawing if layer == "product" else drawing
                    book[pixels.tobytes()] = (split.layers["photo"][i], split.layers["canny"][i], f"{name} {layer}")

        def again(sketch: np.ndarray) -> bytes:
            if sketch.tobytes() in book:
                return sketch.tobytes()
            whole = {key: np.frombuffer(key, np.uint8) for key in book if len(key) == sketch.size}
            return max(whole, key=lambda key: (whole[key] == sketch.ravel()).sum())

        def draw(sketches: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            made = [answer(*book[again(sketch)]) for sketch in sketches]
            return np.stack([photo for photo, _ in made]), np.stack([strokes for _, strokes in made])

        return draw

    return Row(reads or ("deformed", "simplified"), (), opened)


def truth(photo: np.ndarray, edges: np.ndarray, where: str) -> tuple[np.ndarray, np.ndarray]:
    return photo, edges.astype(np.float32) / 255


def blurred(photo: np.ndarray, edges: np.ndarray, where: str) -> tuple[np.ndarray, np.ndarray]:
    """A soft photo; half of its lines in place, as many 3 px off."""
    lines = edges.astype(np.float32) / 255
    half = len(photo) // 2
    lines[half:] = np.roll(lines, 3, 0)[half:]
    return cv2.GaussianBlur(photo, (0, 0), 3), lines


def somebody_else(photo: np.ndarray, edges: np.ndarray, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Always the same stranger."""
    stranger = person(np.random.default_rng(99), len(photo))
    return stranger, canny(stranger).astype(np.float32) / 255


class Pixels:
    """Small pictures as features."""

    size = 48

    def __init__(self, device: torch.device) -> None:
        pass

    def __call__(self, photos: np.ndarray) -> np.ndarray:
        small = [cv2.resize(photo, (4, 4), interpolation=cv2.INTER_AREA) for photo in photos]
        return (np.stack(small).reshape(len(photos), -1) / 255 - 0.5).astype(np.float32)


class UnitPixels(Pixels):
    def __call__(self, photos: np.ndarray) -> np.ndarray:
        found = super().__call__(photos)
        return found / np.linalg.norm(found, axis=1, keepdims=True)


class MiddlePixels(UnitPixels):
    """The face without its rim."""

    def __call__(self, photos: np.ndarray) -> np.ndarray:
        rim = photos.shape[1] // 4
        return super().__call__(photos[:, rim:-rim, rim:-rim])


MADE_FEATURES = {
    "inception": FeatureRow(Pixels, distances, ("fid", "kid", "kid_deviation")),
    "efficientnet": FeatureRow(Pixels, partial(frechet_scores, "fd_efficientnet"), ("fd_efficientnet",)),
    "identity": FeatureRow(UnitPixels, identity_scores, ("identity", "identity_rank1", "fd_identity")),
    "identity_face": FeatureRow(MiddlePixels, identity_face_scores, ("identity_face", "identity_face_rank1")),
}


def difference(photos: np.ndarray, made: np.ndarray) -> np.ndarray:
    """How far apart two photos are on average."""
    return np.abs(photos.astype(np.float32) - made).mean((1, 2, 3))


MADE_PAIRS = {"lpips_like": lambda device: difference}
