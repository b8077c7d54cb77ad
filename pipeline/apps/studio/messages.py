"""What the page and the server tell each other: strokes and choices as JSON, pictures as bytes behind a header.

A stroke travels as whole numbers, four a point: x, y, width in parts of the paper's side (UNIT), darkness in DARKEST.
"""

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.apps.studio import limits
from pipeline.core.errors import UserError
from pipeline.drawing.stroke import Stroke, resample

UNIT, DARKEST = 10_000, 100
FAR = 2 * UNIT  # strokes may leave the paper by this much, no more
WIDEST = UNIT // 4
STEP_PX = 1.5  # ours: between the points of traced strokes, at a 256-px face; the page thins them out
MOST_CODE = 512  # numbers of a style's code

Flat = list[int]  # a stroke as it travels
Colour = tuple[int, int, int]  # RGB


class Wrong(UserError):
    """A message or file that cannot be used; its text is what the visitor reads."""


@dataclass(frozen=True)
class Tones:
    """Whose colours and light a photo takes: at most one of the three; none: neutral ones."""

    tone: str = ""
    seed: int | None = None
    code: tuple[float, ...] | None = None
    skin: Colour | None = None  # of a photo, with its code where the system reads one


@dataclass(frozen=True)
class Wanted:
    """A drawing, and what is to be made of it."""

    strokes: list[NDArray[np.int32]]  # (n, 4) each, as they travel
    number: int = 0
    model: str = "lite"
    refine: float = 0.5
    tones: Tones = field(default_factory=Tones)


@dataclass(frozen=True)
class WantedEdit:
    """What is erased from a photo, and what is to be there."""

    mask: list[NDArray[np.int32]]  # strokes, as they travel
    lines: list[NDArray[np.int32]]
    colours: list[tuple[Colour, list[NDArray[np.int32]]]]  # later ones lie above
    photo: str  # what the server calls it
    number: int = 0
    calibrated: bool = False


def read_message(text: str | bytes) -> Wanted:
    """JSON -> Wanted. Raises Wrong for what this page does not send."""
    with _readable(text):
        told = json.loads(text)
        number, model, refine = told.get("number", 0), told.get("model", "lite"), float(told.get("refine", 0.5))
        if not (isinstance(number, int) and isinstance(model, str) and 0 <= refine <= 1):
            raise ValueError("number, model or refine")
        return Wanted(_strokes(told["strokes"]), number, model, refine, _tones(told.get("tones") or {}))


def read_edit(text: str | bytes) -> WantedEdit:
    """JSON -> WantedEdit. Raises Wrong for what this page does not send."""
    with _readable(text):
        told = json.loads(text)
        number, photo, calibrated = told.get("number", 0), told["photo"], told.get("calibrated", False)
        if not (isinstance(number, int) and isinstance(photo, str) and isinstance(calibrated, bool)):
            raise ValueError("number, photo or calibrated")
        runs = [(_colour(colour), flats) for colour, flats in told["colours"]]
        if len(runs) > limits.COLOURS:
            raise Wrong(f"The colour may change {limits.COLOURS} times at most: undo some.")
        parts = [told["mask"], told["lines"], *(flats for _, flats in runs)]
        whole = iter(_strokes([flat for flats in parts for flat in flats]))
        mask, lines, *painted = ([next(whole) for _ in flats] for flats in parts)
        colours = [(colour, strokes) for (colour, _), strokes in zip(runs, painted, strict=True)]
        return WantedEdit(mask, lines, colours, photo, number, calibrated)


@contextmanager
def _readable(text: str | bytes) -> Iterator[None]:
    """Raises Wrong for a message that is too large, and for whatever reading it raises."""
    if len(text) > limits.MESSAGE_BYTES:
        raise Wrong("This drawing is too large: erase some strokes.")
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        raise Wrong("This is no drawing that the studio can read.") from error


def _colour(told: Any) -> Colour:
    red, green, blue = told
    if not all(isinstance(value, int) and 0 <= value <= 255 for value in told):
        raise ValueError("a colour is three numbers from 0 to 255")
    return red, green, blue


def _strokes(told: Any) -> list[NDArray[np.int32]]:
    if not isinstance(told, list) or len(told) > limits.STROKES:
        raise Wrong(f"A drawing has at most {limits.STROKES} strokes: erase some.")
    if sum(map(len, told)) > 4 * limits.POINTS:
        raise Wrong("This drawing is too large: erase some strokes.")
    return [_stroke(flat) for flat in told]


def _stroke(flat: Any) -> NDArray[np.int32]:
    values = np.asarray(flat)
    if values.dtype.kind != "i" or values.ndim != 1 or values.size < 4 or values.size % 4:
        raise ValueError("a stroke is whole numbers, four a point")
    points = values.reshape(-1, 4)
    if np.abs(points[:, :2]).max() > FAR or points[:, 2:].min() < 0:
        raise ValueError("a stroke far from the paper")
    if points[:, 2].max() > WIDEST or points[:, 3].max() > DARKEST:
        raise ValueError("a stroke too wide or too dark")
    return points.astype(np.int32)


def _tones(told: Mapping[str, Any]) -> Tones:
    tone, seed, code, skin = told.get("tone", ""), told.get("seed"), told.get("code"), told.get("skin")
    if not (isinstance(tone, str) and (seed is None or (isinstance(seed, int) and 0 <= seed < 2**31))):
        raise ValueError("tone or seed")
    if code is not None or skin is not None:
        return Tones(code=None if code is None else _code(code), skin=None if skin is None else _colour(skin))
    return Tones(tone) if tone else Tones(seed=seed)


def _code(told: Any) -> tuple[float, ...]:
    values = np.asarray(told, np.float32)
    if values.ndim != 1 or not 0 < values.size <= MOST_CODE or not np.isfinite(values).all():
        raise ValueError("code")
    return tuple(values.tolist())


def strokes_in_px(travelled: Sequence[NDArray[np.int32]], side: float) -> list[Stroke]:
    """Strokes (n, 4) as they travel -> Stroke, px of a picture of that side; a dot becomes a short line."""
    return [_in_px(points, side) for points in travelled]


def _in_px(points: NDArray[np.int32], side: float) -> Stroke:
    places = points if len(points) > 1 else np.repeat(points, 2, axis=0)
    values = places.astype(np.float32)
    scale = np.float32(side / UNIT)
    return Stroke(values[:, :2] * scale - np.float32(0.5), values[:, 2] * scale, values[:, 3] / np.float32(DARKEST))


def travelling(strokes: Sequence[Stroke], side: int) -> list[Flat]:
    """Inverse of `strokes_in_px`, with points STEP_PX apart."""
    return [_flat(resample(stroke, STEP_PX * side / 256), side) for stroke in strokes if len(stroke.points) > 1]


def _flat(stroke: Stroke, side: int) -> Flat:
    lengths = np.column_stack([stroke.points + np.float32(0.5), stroke.widths]) * (UNIT / side)
    whole = np.column_stack([lengths, np.clip(stroke.pressures, 0, 1) * DARKEST]).round().astype(int)
    return [int(value) for value in whole.ravel()]


def png(picture: NDArray[np.uint8]) -> bytes:
    """RGB (H, W, 3) or gray (H, W) -> a PNG file, quickly rather than small."""
    turned = picture[..., ::-1] if picture.ndim == 3 else picture
    _, data = cv2.imencode(".png", np.ascontiguousarray(turned), (cv2.IMWRITE_PNG_COMPRESSION, 1))
    return data.tobytes()


def packed(header: Mapping[str, Any], parts: Mapping[str, bytes]) -> bytes:
    """A reply: length of the header (4 bytes, big-endian), header as JSON with the parts' lengths, the parts."""
    told = json.dumps({**header, "parts": {name: len(data) for name, data in parts.items()}}).encode()
    return b"".join([struct.pack(">I", len(told)), told, *parts.values()])
