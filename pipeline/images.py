"""The only image reader and writer, and the array contracts every stage keeps.

Photo   uint8 RGB (H, W, 3)
Gray    float32 (H, W) in [0, 1], 1 = white
Sketch  float32 (H, W) in [0, 1], 1 = paper, 0 = ink; on disk black on white
Edges   float32 (H, W) in [0, 1], 1 = edge; on disk white on black

On disk everything is 8-bit PNG. `import_photo` and `import_sketch` take files from anywhere;
the `read_*` functions take only what the pipeline wrote itself.
"""

import os
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from shutil import rmtree
from typing import TypeVar

import cv2
import joblib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from rich.console import Console
from rich.progress import track

from pipeline.errors import UserError
from pipeline.together import side_by_side

Photo = NDArray[np.uint8]
Gray = NDArray[np.float32]
Sketch = Gray
Edges = Gray

Item = TypeVar("Item")
Result = TypeVar("Result")

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}
MAX_SIDE_PX = 16384  # ours: beyond this a "photo" is a scan of something else, or an attack

console = Console(stderr=True)


class ImageError(UserError):
    """A file that cannot be used as an image; the message names the file and the reason."""


def import_photo(path: Path) -> Photo:
    """Photo from any file: EXIF orientation applied, alpha on white, 16-bit and CMYK converted.

    Raises ImageError for anything unreadable, animated, truncated or over MAX_SIDE_PX.
    """
    return np.asarray(_open_rgb(path))


def import_sketch(path: Path) -> Sketch:
    """Sketch from any file, in the file's own polarity (dark strokes on light paper are expected)."""
    return (np.asarray(_open_rgb(path).convert("L")) / np.float32(255)).astype(np.float32)


def _open_rgb(path: Path) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                if getattr(image, "n_frames", 1) > 1 and image.format != "TIFF":
                    raise ImageError(f"{path}: an animation, not a photo; save one frame of it")
                if max(image.size) > MAX_SIDE_PX:
                    raise ImageError(f"{path}: {image.size[0]}x{image.size[1]} px, at most {MAX_SIDE_PX} a side")
                image.load()
                return _to_rgb(ImageOps.exif_transpose(image))
    except ImageError:
        raise
    except FileNotFoundError as error:
        raise ImageError(f"{path}: no such file") from error
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise ImageError(f"{path}: unreadable ({_first_line(error)})") from error


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image, dtype=np.float64)
        peak = 65535.0 if values.max() > 255 else 255.0
        return Image.fromarray(np.clip(values * (255 / peak), 0, 255).round().astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def read_photo(path: Path) -> Photo:
    """Photo that the pipeline wrote."""
    return np.ascontiguousarray(_decode(path, cv2.IMREAD_COLOR)[..., ::-1])


def read_gray(path: Path) -> Gray:
    """Sketch or edge map that the pipeline wrote, polarity as on disk."""
    return _decode(path, cv2.IMREAD_GRAYSCALE).astype(np.float32) / np.float32(255)


def _decode(path: Path, flags: int) -> NDArray[np.uint8]:
    try:
        image = cv2.imdecode(np.fromfile(path, dtype=np.uint8), flags)
    except (OSError, cv2.error) as error:
        raise ImageError(f"{path}: unreadable ({_first_line(error)}); run the stage that writes it again") from error
    if image is None:
        raise ImageError(f"{path}: not an image; run the stage that writes it again")
    return image.astype(np.uint8, copy=False)


def write_photo(path: Path, photo: Photo) -> None:
    """Photo to PNG, atomically."""
    _encode(path, photo[..., ::-1])


def write_gray(path: Path, gray: Gray) -> None:
    """Sketch or edge map to 8-bit PNG, atomically."""
    _encode(path, to_uint8(gray))


def to_uint8(gray: Gray) -> NDArray[np.uint8]:
    """[0, 1] float to 0..255, rounded to nearest."""
    return (np.clip(gray, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)


def _encode(path: Path, image: NDArray[np.uint8]) -> None:
    done, data = cv2.imencode(".png", np.ascontiguousarray(image))
    if not done:
        raise ImageError(f"{path}: cannot encode an array of shape {image.shape}")
    write_bytes(path, data.tobytes())


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file so that it is either whole or absent, whatever happens in between."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to fill that replaces `path` when the block ends well and vanishes when it does not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        os.chmod(temporary, 0o755)
        yield temporary
        if path.exists():
            rmtree(path)
        os.replace(temporary, path)
    except BaseException:
        rmtree(temporary, ignore_errors=True)
        raise


def luminance(photo: Photo) -> Gray:
    """ITU-R 601 luma, (H, W, 3) uint8 -> (H, W) float32 in [0, 1]."""
    return cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY).astype(np.float32) / np.float32(255)


def toned(photo: Photo, gamma: float, gain: NDArray[np.float64]) -> Photo:
    """255 · gain · (value / 255) ** gamma, clipped; `gain` of each channel."""
    table = np.clip(255 * (np.arange(256)[:, None] / 255) ** gamma * gain, 0, 255).astype(np.uint8)
    return cv2.LUT(photo, table[:, None]).astype(np.uint8, copy=False)


def map_images(
    function: Callable[[Item], Result], items: Sequence[Item], jobs: int, label: str, at_once: int = 1
) -> list[Result]:
    """Apply a function to every item in `jobs` processes, in order, with a progress bar.

    With `at_once` above 1 this process works on so many items side by side instead, and their nets are asked together.

    The function must be picklable, deal with its own files and return little: what it returns is
    all that is kept in memory.
    """
    if at_once > 1:
        groups = [items[i : i + at_once] for i in range(0, len(items), at_once)]
        results: Iterable[Result] = (result for group in groups for result in side_by_side(function, group))
    elif jobs == 1:
        results = map(partial(_single_threaded, function), items)
    else:
        parallel = joblib.Parallel(n_jobs=jobs, return_as="generator")
        results = parallel(joblib.delayed(_single_threaded)(function, item) for item in items)
    return list(track(results, label, total=len(items), console=console, transient=True))


def _single_threaded(function: Callable[[Item], Result], item: Item) -> Result:
    cv2.setNumThreads(1)
    return function(item)
