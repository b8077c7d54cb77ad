"""The only image reader and writer.

`import_*` take files from anywhere, `read_*` only what the pipeline wrote itself.
"""

import warnings
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from pipeline.core.errors import UserError
from pipeline.core.files import write_bytes
from pipeline.core.polarity import Gray, Photo, Sketch, to_uint8

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}


MAX_SIDE_PX = 16384  # ours: beyond this a "photo" is a scan of something else, or an attack


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


def _encode(path: Path, image: NDArray[np.uint8]) -> None:
    done, data = cv2.imencode(".png", np.ascontiguousarray(image))
    if not done:
        raise ImageError(f"{path}: cannot encode an array of shape {image.shape}")
    write_bytes(path, data.tobytes())
