"""The only image reader and writer.

`import_*` take files from anywhere, `read_*` only what the pipeline wrote itself.
"""

import io
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from pipeline.core.colour_profile import to_srgb
from pipeline.core.declared_range import RangeError, is_deep, to_8_bits, unread_tiff
from pipeline.core.errors import UserError
from pipeline.core.files import write_bytes
from pipeline.core.polarity import Edges, Gray, Photo, Sketch, to_uint8, unit
from pipeline.core.svg_picture import SvgError, is_svg, svg_to_png

FORMATS = (
    "JPEG",
    "PNG",
    "WEBP",
    "BMP",
    "DIB",
    "TIFF",
    "GIF",
    "AVIF",
    "PPM",
)  # no other reader is asked; MPO comes by JPEG
MAX_SIDE_PX = 16384  # ours: beyond this a "photo" is a scan of something else, or an attack
TIFF_MAGIC = (b"II*\0", b"MM\0*")
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
TRANSPARENT = ("RGBA", "LA", "PA", "La", "RGBa")


class ImageError(UserError):
    """A file that cannot be used as an image; its message is "FILE: reason; remedy"."""


@dataclass(frozen=True)
class Picture:
    """A file from anywhere, as it is meant to be seen: upright, in sRGB, of 8 bits."""

    rgb: Photo
    alpha: NDArray[np.uint8] | None  # (H, W), 0 = transparent; None: all of it is opaque
    notes: tuple[str, ...]  # what was passed over in reading

    def on_white(self) -> Photo:
        """The picture on white paper."""
        if self.alpha is None:
            return self.rgb
        rgba = Image.fromarray(np.dstack([self.rgb, self.alpha]))
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return np.asarray(Image.alpha_composite(white, rgba).convert("RGB"))


def import_photo(path: Path) -> Photo:
    """Photo from any file, on white where it is transparent. Raises ImageError as `import_picture`."""
    return import_picture(path).on_white()


def import_sketch(path: Path) -> Sketch:
    """Sketch from any file, in the file's own polarity (dark strokes on light paper are expected)."""
    return Sketch(unit(np.asarray(Image.fromarray(import_photo(path)).convert("L"))))


def import_picture(path: Path) -> Picture:
    """Any file: EXIF orientation and colour profile applied, values by their declared range.

    Of an MPO (a phone's JPEG with more pictures behind) and of a TIFF the first picture counts.
    Raises ImageError for anything unreadable, animated, truncated or over MAX_SIDE_PX.
    """
    try:
        if not path.is_file():
            raise ImageError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
        data = path.read_bytes()
    except OSError as error:
        raise ImageError(f"{path}: unreadable ({_first_line(error)}); save it anew as JPEG or PNG") from error
    return import_bytes(data, path)


def import_bytes(data: bytes, path: Path) -> Picture:
    """As `import_picture`, of a file's content; `path` is what messages call it, nothing is read there."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _picture(path, data)
    except ImageError:
        raise
    except (RangeError, SvgError) as error:
        raise ImageError(f"{path}: {error}") from error
    except (Image.DecompressionBombError, OSError, SyntaxError, ValueError, struct.error, OverflowError) as error:
        raise ImageError(f"{path}: unreadable ({_first_line(error)}); save it anew as JPEG or PNG") from error


def _picture(path: Path, data: bytes) -> Picture:
    notes: list[str] = []
    if is_svg(data):
        data, left_out = svg_to_png(data)
        notes += left_out
    image = _opened(path, data)
    transparent = image.mode in TRANSPARENT or "transparency" in image.info
    opaque = _of_8_bits(image, data)
    alpha = image.convert("RGBA").getchannel("A") if transparent else None
    rgb, note = to_srgb(opaque)
    notes += [note] if note else []
    try:
        turned = [ImageOps.exif_transpose(_with_exif_of(image, part)) for part in (rgb, alpha) if part is not None]
    except Exception:  # Pillow raises whatever a broken entry leads to
        turned = [part for part in (rgb, alpha) if part is not None]
        notes.append("its EXIF data is broken and was not used")
    arrays = [np.asarray(part) for part in turned]
    return Picture(arrays[0], arrays[1] if len(arrays) > 1 else None, tuple(notes))


def _opened(path: Path, data: bytes) -> Image.Image:
    """The first picture of a file, decoded."""
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        if data[:4] in TIFF_MAGIC:
            return unread_tiff(data)
        known = data[4:8] == b"ftyp" and data[8:12] in HEIC_BRANDS
        kind = "HEIC" if known else "empty" if not data else "no picture of a known format"
        raise ImageError(f"{path}: unreadable ({kind}); convert it to JPEG or PNG first") from error
    if getattr(image, "n_frames", 1) > 1 and image.format not in ("TIFF", "MPO"):
        raise ImageError(f"{path}: an animation, not a photo; save one frame of it")
    if max(image.size) > MAX_SIDE_PX:
        raise ImageError(f"{path}: {image.size[0]}x{image.size[1]} px, at most {MAX_SIDE_PX} a side; make it smaller")
    image.load()
    return image


def _of_8_bits(image: Image.Image, data: bytes) -> Image.Image:
    """Any mode -> RGB, CMYK, L or LAB with the profile kept."""
    profile = image.info.get("icc_profile")
    if is_deep(image):
        made = to_8_bits(image, data)
    elif image.mode in ("CMYK", "LAB", "L"):
        made = image
    else:
        made = image.convert("L") if image.mode in ("1", "LA") else image.convert("RGBA").convert("RGB")
    made.info["icc_profile"] = profile
    return made


def _with_exif_of(image: Image.Image, part: Image.Image) -> Image.Image:
    part.info = {key: image.info[key] for key in ("exif", "xmp", "XML:com.adobe.xmp") if key in image.info}
    if image.getexif():
        part.info["exif"] = image.getexif().tobytes()
    return part


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def read_photo(path: Path) -> Photo:
    """Photo that the pipeline wrote."""
    return np.ascontiguousarray(_decode(path, cv2.IMREAD_COLOR)[..., ::-1])


def read_gray(path: Path) -> Gray:
    """Sketch or edge map that the pipeline wrote, polarity as on disk."""
    return unit(_decode(path, cv2.IMREAD_GRAYSCALE))


def _decode(path: Path, flags: int) -> NDArray[np.uint8]:
    try:
        image = cv2.imdecode(np.fromfile(path, dtype=np.uint8), flags)
    except (OSError, cv2.error) as error:
        raise ImageError(f"{path}: unreadable ({_first_line(error)}); run the stage that writes it again") from error
    if image is None:
        raise ImageError(f"{path}: not an image; run the stage that writes it again")
    return image.astype(np.uint8, copy=False)


def read_sketch(path: Path) -> Sketch:
    """Sketch that the pipeline wrote."""
    return Sketch(read_gray(path))


def read_edges(path: Path) -> Edges:
    """Edge map that the pipeline wrote."""
    return Edges(read_gray(path))


def write_photo(path: Path, photo: Photo) -> None:
    """Photo to PNG, atomically."""
    _encode(path, photo[..., ::-1])


def write_gray(path: Path, gray: Gray) -> None:
    """Sketch or edge map to 8-bit PNG, atomically."""
    _encode(path, to_uint8(gray))


def png(gray: Gray) -> bytes:
    """Sketch or edge map as an 8-bit PNG file's content."""
    return _png(to_uint8(gray))


def _encode(path: Path, image: NDArray[np.uint8]) -> None:
    write_bytes(path, _png(image))


def _png(image: NDArray[np.uint8]) -> bytes:
    done, data = cv2.imencode(".png", np.ascontiguousarray(image))
    if not done:
        raise ValueError(f"no PNG can be made of an array of shape {image.shape}")
    return bytes(data.tobytes())
