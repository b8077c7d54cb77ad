"""Files that visitors drop: read in memory within limits, never written, never named on this machine."""

import asyncio
import io
import warnings
from pathlib import Path

from PIL import Image, UnidentifiedImageError
from starlette.requests import ClientDisconnect, Request

from pipeline.apps.studio import limits
from pipeline.apps.studio.messages import Wrong
from pipeline.core.image_io import FORMATS, TIFF_MAGIC, ImageError, Picture, import_bytes

NAME = Path("picture")  # what a message calls the file


async def body_of(request: Request, most: int = limits.UPLOAD_BYTES) -> bytes:
    """The request's body. Raises Wrong where it is larger or comes too slowly."""
    too_large = Wrong(f"This file is too large: at most {most // 2**20} MB.")
    if int(request.headers.get("content-length") or 0) > most:
        raise too_large
    parts, size = [], 0
    try:
        async with asyncio.timeout(limits.UPLOAD_S):
            async for part in request.stream():
                size += len(part)
                if size > most:
                    raise too_large
                parts.append(part)
    except (TimeoutError, ClientDisconnect) as error:
        raise Wrong("The file did not arrive whole: try again.") from error
    return b"".join(parts)


def picture_of(data: bytes) -> Picture:
    """A file's bytes -> Picture. Raises Wrong in a sentence."""
    if not data:
        raise Wrong("This file is empty.")
    _check_pixels(data)
    try:
        return import_bytes(data, NAME)
    except ImageError as error:
        raise Wrong(sentence(str(error).removeprefix(f"{NAME}: "))) from error


def _check_pixels(data: bytes) -> None:
    """Before anything is decoded. What Pillow does not know is left to `import_bytes`."""
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data), formats=FORMATS) as image:
            width, height = image.size
    except Image.DecompressionBombError as error:
        raise Wrong("This picture has too many pixels: make it smaller.") from error
    except UnidentifiedImageError:
        if data[:4] in TIFF_MAGIC:  # OpenCV might read it, whatever its size
            raise Wrong("This kind of TIFF is not read here: save it as PNG.") from None
        return
    except Exception:
        return
    if width * height > limits.UPLOAD_PIXELS:
        most = limits.UPLOAD_PIXELS // 10**6
        raise Wrong(f"This picture has {width} x {height} pixels, at most {most} million are read: make it smaller.")


def sentence(text: str) -> str:
    """A reason and a remedy, as the page shows them."""
    whole = text.strip().rstrip(".")
    return f"{whole[:1].upper()}{whole[1:]}."
