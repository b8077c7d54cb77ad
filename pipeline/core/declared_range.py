"""Samples of more than 8 bits -> 8 bits by the range that the file declares, never by the values found in it."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

BITS, PHOTOMETRIC, MAX_SAMPLE, SAMPLE_FORMAT, MAX_FLOAT_SAMPLE = 258, 262, 281, 339, 341  # TIFF 6.0
WHITE_IS_ZERO = 0
SIGNED = 2
OVERSHOOT = 0.5  # ours: floats this far beyond their range come from resampling and are cut


class RangeError(ValueError):
    """Values outside the declared range, or no range declared; the message says what to do."""


def is_deep(image: Image.Image) -> bool:
    """Whether Pillow would not bring the samples to 8 bits, or by the wrong range."""
    deep = image.mode == "F" or image.mode.startswith("I") or _is_signed(image)
    return deep or (_has(image, MAX_SAMPLE) and _bits(image) > 8)


def to_8_bits(image: Image.Image, path_bytes: bytes) -> Image.Image:
    """A deep image -> L or RGB. Raises RangeError."""
    samples = np.asarray(image) if image.mode not in ("RGB", "RGBA") else _opencv(path_bytes)
    top = _declared_top(image, samples)
    scaled = _scaled(samples, top)
    if _tag(image, PHOTOMETRIC) == WHITE_IS_ZERO and image.mode.startswith("I;16"):  # Pillow turns the others
        scaled = 255 - scaled
    return Image.fromarray(scaled)


def unread_tiff(data: bytes) -> Image.Image:
    """A TIFF that Pillow cannot read (floats of three channels, doubles) -> L or RGB. Raises RangeError."""
    samples = _opencv(data)
    return Image.fromarray(_scaled(samples, 1.0 if samples.dtype.kind == "f" else float(np.iinfo(samples.dtype).max)))


def _opencv(data: bytes) -> NDArray[Any]:
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise RangeError("no kind of TIFF known here; save it with 8 or 16 bits a channel") from error
    if image is None:
        raise RangeError("no kind of TIFF known here; save it with 8 or 16 bits a channel")
    return image if image.ndim == 2 else image[..., 2::-1]


def _declared_top(image: Image.Image, samples: NDArray[Any]) -> float:
    """White's value: as MaxSampleValue says, else 1 for floats, else all of the bits."""
    if samples.dtype.kind == "f":
        return float(np.max(_tag(image, MAX_FLOAT_SAMPLE) or 1.0))
    if _has(image, MAX_SAMPLE):
        return float(np.max(_tag(image, MAX_SAMPLE)))
    if _is_signed(image) or (image.mode == "I" and _bits(image) > 16):
        kind = "with a sign" if _is_signed(image) else "of 32 bits"
        raise RangeError(f"whole numbers {kind} without a range (MaxSampleValue); save it with 8 or 16 bits, unsigned")
    return float(2 ** _bits(image) - 1)


def _scaled(samples: NDArray[Any], top: float) -> NDArray[np.uint8]:
    values = samples.astype(np.float64) / top
    if not np.isfinite(values).all():
        raise RangeError("holds values that are no numbers; save it with 8 or 16 bits a channel")
    low, high = float(values.min()), float(values.max())
    if low < -OVERSHOOT or high > 1 + OVERSHOOT:
        found = f"{low * top:.4g} to {high * top:.4g}"
        raise RangeError(f"values of {found} where 0 to {top:.4g} is declared; scale it, or save it with 8 bits")
    return (np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8)


def _bits(image: Image.Image) -> int:
    return int(np.max(_tag(image, BITS) or (32 if image.mode == "I" else 16)))


def _is_signed(image: Image.Image) -> bool:
    """Whether zero is no end of the range: which value is black is not told."""
    return SIGNED in (_tag(image, SAMPLE_FORMAT) or ())


def _has(image: Image.Image, tag: int) -> bool:
    return _tag(image, tag) is not None


def _tag(image: Image.Image, tag: int) -> Any:
    return image.tag_v2.get(tag) if isinstance(image, TiffImagePlugin.TiffImageFile) else None
