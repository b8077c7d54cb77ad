"""Contact sheets: labelled grids of pictures for training samples, evaluation and report."""

from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from pipeline.core.polarity import Gray, Photo, to_uint8

Picture = Photo | Gray | NDArray[np.uint8]  # uint8 RGB, uint8 gray, or float gray in [0, 1]

PAPER, INK, FAINT = (255, 255, 255), (34, 37, 43), (232, 234, 238)  # ours: prints well


def contact_sheet(
    rows: Sequence[Sequence[Picture | None]], columns: Sequence[str], labels: Sequence[str], cell_px: int
) -> Photo:
    """Grid of pictures, each fitted into a cell of `cell_px`, with column heads and row labels.

    None leaves a cell marked as empty. An empty label takes no width: all labels empty, no margin.
    Every row must have as many pictures as there are columns and the rows as many as the labels.
    """
    if len(rows) != len(labels) or any(len(row) != len(columns) for row in rows):
        raise ValueError(
            f"{len(rows)} rows of {[len(r) for r in rows]} for {len(labels)} labels, {len(columns)} columns"
        )
    font = _font(max(9, round(cell_px * 0.085)))  # ours: legible, and "photosketch" fits a cell
    gap = max(2, cell_px // 32)
    left = _text_width(font, labels) + (2 * gap if any(labels) else gap)
    top = _line_height(font) + 2 * gap if any(columns) else gap
    size = (left + len(columns) * (cell_px + gap), top + len(rows) * (cell_px + gap))
    sheet = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    for c, head in enumerate(columns):
        draw.text((left + c * (cell_px + gap) + cell_px // 2, top // 2), head, INK, font, anchor="mm")
    for r, (row, label) in enumerate(zip(rows, labels, strict=True)):
        y = top + r * (cell_px + gap)
        draw.multiline_text((gap, y + cell_px // 2), label, INK, font, anchor="lm")
        for c, picture in enumerate(row):
            _paste(sheet, picture, left + c * (cell_px + gap), y, cell_px)
    return np.asarray(sheet)


def to_rgb(picture: Picture) -> Photo:
    """uint8 RGB of a photo, a gray uint8 or a float picture, polarity untouched."""
    if picture.dtype == np.uint8:
        pixels = picture.astype(np.uint8, copy=False)
    else:
        pixels = to_uint8(picture.astype(np.float32, copy=False))
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)


def fit(picture: Picture, side_px: int) -> Photo:
    """The picture with its longer side at `side_px`: area mean when shrinking, Lanczos when growing."""
    rgb = np.ascontiguousarray(to_rgb(picture))
    scale = side_px / max(rgb.shape[:2])
    size = tuple(max(1, round(side * scale)) for side in rgb.shape[1::-1])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LANCZOS4
    return cv2.resize(rgb, size, interpolation=method).astype(np.uint8, copy=False)


def _paste(sheet: Image.Image, picture: Picture | None, x: int, y: int, cell_px: int) -> None:
    """Centre a picture in its cell; a hairline frame shows where white paper ends."""
    draw = ImageDraw.Draw(sheet)
    if picture is None:
        draw.line((x + cell_px * 0.42, y + cell_px / 2, x + cell_px * 0.58, y + cell_px / 2), FAINT, 2)
    else:
        small = Image.fromarray(fit(picture, cell_px))
        sheet.paste(small, (x + (cell_px - small.width) // 2, y + (cell_px - small.height) // 2))
    draw.rectangle((x - 1, y - 1, x + cell_px, y + cell_px), outline=FAINT)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own; reading it takes longer than a sheet."""
    return ImageFont.load_default(size)


def _text_width(font: ImageFont.FreeTypeFont | ImageFont.ImageFont, labels: Sequence[str]) -> int:
    lines = [line for label in labels for line in label.splitlines()]
    return max((round(font.getlength(line) + 0.5) for line in lines), default=0)


def _line_height(font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> int:
    box = font.getbbox("Ápg")
    return round(box[3] - box[1])
