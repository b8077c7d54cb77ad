"""Systems whose nets are quick, known, and as slow as a test asks."""

import hashlib
import io
import json
import struct
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from starlette.testclient import TestClient

from pipeline.apps import embeddings
from pipeline.apps.face_index import Entry, FaceIndex, write_index
from pipeline.apps.faces import Asked
from pipeline.apps.studio.edits import editor_of
from pipeline.apps.studio.safety import Guard
from pipeline.apps.studio.server import make_app
from pipeline.apps.studio.systems import Systems
from pipeline.apps.system import Halted, System
from pipeline.core.image_io import write_photo
from pipeline.core.params import load
from pipeline.drawing.face_prior import Eyes
from pipeline.stages.crop.align import crop_photo, fit_matrix
from pipeline.stages.crop.settings import CropParams
from pipeline.stages.demo.renderer import render_face

if TYPE_CHECKING:
    from pipeline.apps.edit import Editor

SIDE, CODE = 32, 4
ORIGIN = "http://127.0.0.1:8765"
TONES = {"light-fair": [1.0] * CODE, "dark-black": [0.25] * CODE}


@dataclass
class Calls:
    """What the nets were asked: how many at once, how many in all, how many of them were ended."""

    seconds: float = 0.0
    side: int = SIDE
    halts: bool = False  # whether a run can be ended
    count: int = 0
    ended: int = 0
    most: int = 0
    now: int = 0
    guard: threading.Lock = field(default_factory=threading.Lock)
    stop: threading.Event = field(default_factory=threading.Event)

    def work(self) -> None:
        with self.guard:
            self.count, self.now = self.count + 1, self.now + 1
            self.most = max(self.most, self.now)
            self.stop.clear()
        stopped = self.stop.wait(self.seconds)
        with self.guard:
            self.now, self.ended = self.now - 1, self.ended + stopped
        if stopped:
            raise Halted

    def halt(self) -> None:
        with self.guard:
            if self.halts and self.now:
                self.stop.set()


@dataclass
class Lines:
    """An SCN that keeps the drawing; told a level, lighter by it."""

    calls: Calls
    code: int = 0
    reads_styles: bool = False

    @property
    def size(self) -> int:
        return self.calls.side

    def halt(self) -> None:
        self.calls.halt()

    def __call__(self, strokes: NDArray[np.float32], codes: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        self.calls.work()
        kept = strokes if codes is None else strokes * (1 - 0.5 * codes[:, :1, None])
        return kept[:, None].astype(np.float32)


@dataclass
class Colours:
    """An ISN whose photo is light without ink, in the first three numbers of its code; without one, noise of a seed."""

    calls: Calls
    code: int = CODE
    reads_styles: bool = True
    noisy: bool = False

    @property
    def size(self) -> int:
        return self.calls.side

    def halt(self) -> None:
        self.calls.halt()

    def __call__(self, strokes: NDArray[np.float32], codes: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        if self.noisy:
            shape = (len(strokes), 3, self.size, self.size)
            return np.random.default_rng(0).uniform(0, 1, shape).astype(np.float32)
        tint = np.full((len(strokes), CODE), 0.5, np.float32) if codes is None else codes
        return ((1 - strokes[:, None]) * tint[:, :3, None, None]).astype(np.float32)

    def style(self, photos: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.full((len(photos), CODE), photos.mean() / 255, np.float32)


def tiny_editor(_: Asked) -> "Editor":
    """An editing net: strokes black, colours as given, the rest gray."""
    import torch

    from pipeline.apps.edit import Editor

    class Shown(torch.nn.Module):
        def forward(self, asked: torch.Tensor) -> torch.Tensor:
            colours = torch.where(asked[:, 4:7] >= 0, asked[:, 4:7], torch.full_like(asked[:, 4:7], 0.5))
            return colours * (1 - asked[:, 3:4])

    crop = replace(load(CropParams, "crop"), size=64, detector="haar", border="reflect")
    return Editor(Shown(), crop, torch.device("cpu"))


def tiny_index(folder: Path) -> Path:
    """FOLDER/faces.index of three rendered faces by pixels, 1.png to 3.png beside it."""
    crop = replace(load(CropParams, "crop"), size=embeddings.SIDE)
    embedding = embeddings.Pixels(Eyes(crop.eye_y, crop.eye_distance), False)
    entries, vectors = list[Entry](), list[NDArray[np.float32]]()
    for seed in (1, 2, 3):
        photo, path = render_face(64, seed, 0).photo, folder / f"{seed}.png"
        write_photo(path, photo)
        matrix = fit_matrix(photo.shape, crop.size)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        entries.append(Entry(str(path), digest, tuple(matrix.ravel().tolist())))
        vectors.append(embedding.photo(crop_photo(photo, matrix, crop)))
    write_index(folder / "faces.index", FaceIndex("pixels", embedding.settings, np.stack(vectors), entries))
    return folder / "faces.index"


def make_studio(
    calls: Calls, host: str = "127.0.0.1", noisy: bool = False, index: Path | None = None, edits: bool = True
) -> Guard:
    """The studio with such systems: `photo` takes levels and tones, the others do not."""

    def opened(path: Path, device: str, runtime: str) -> System:
        rich = "photo" in path.name
        card = {"tones": TONES, "draws": [[0.1] * CODE, [0.9] * CODE]} if rich else {}
        lines = Lines(calls, 1 if rich else 0)
        return System(lines, Colours(calls, CODE if rich else 0, rich, noisy), card=card)

    systems = Systems(Asked("lite", "auto", "cpu", Path("no data")), opened)
    return make_app(systems, host, index, tiny_editor if edits else editor_of)


def browser(calls: Calls, **options: Any) -> TestClient:
    return TestClient(make_studio(calls, **options), ORIGIN, headers={"origin": ORIGIN})


def unpacked(data: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """A reply's header and parts, read as the page reads them."""
    (length,) = struct.unpack(">I", data[:4])
    header, at = json.loads(data[4 : 4 + length]), 4 + length
    parts = {}
    for name, size in header["parts"].items():
        parts[name], at = data[at : at + size], at + size
    assert at == len(data)
    return header, parts


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


def png_of(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()
