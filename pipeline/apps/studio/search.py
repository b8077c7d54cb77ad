"""What the tab "Search" asks for: the faces of an index that a drawing is most like, while the pen moves.

A ranking of look-alikes, never an identification.
"""

import asyncio
import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from pipeline.apps.embeddings import Vector
from pipeline.apps.face_index import Entry
from pipeline.apps.retrieve import comparing, entry_crop
from pipeline.apps.studio.draw import Answer
from pipeline.apps.studio.line import Slot
from pipeline.apps.studio.live import calibrated
from pipeline.apps.studio.messages import Tones, Wanted, Wrong, packed, png, read_message
from pipeline.apps.studio.systems import Opened, Systems
from pipeline.apps.studio.uploads import body_of
from pipeline.core.polarity import Photo, Strokes, sketch_of, to_uint8
from pipeline.core.printable import printable
from pipeline.stages.crop.settings import CropParams

FAULT = "This drawing could not be compared."
NO_INDEX = "There is no index here: start the studio with one."
TOP = 10
FACE_PX = 144  # ours: of a face that the page shows


class Search:
    """An index, and the system that makes photos of drawings."""

    def __init__(self, systems: Systems, busy: asyncio.Semaphore, index: Path | None) -> None:
        """Raises UserError as `comparing`. `busy` bounds how many photos are read at once."""
        self.systems, self.busy = systems, busy
        self.known = None if index is None else comparing(index)
        self.rows = {} if self.known is None else {entry.file: i for i, entry in enumerate(self.known[0].faces)}

    def about(self) -> dict[str, Any] | None:
        """What the page has to know; None: there is no index."""
        if self.known is None:
            return None
        known, embedding, _ = self.known
        return {"faces": len(known.faces), "embedding": known.embedding, "by": embedding.by}

    def answers(self) -> dict[str, Answer]:
        """End points by path, as `draw.answers`."""
        return {"face": self._face}

    async def _face(self, request: Request) -> Response:
        """The number of a face in the index -> its face as PNG; nothing where its photo is gone or another."""
        asked = await body_of(request, 100)
        if self.known is None or not asked.isdigit() or int(asked) >= len(self.rows):
            raise Wrong("There is no such face here.")
        known, _, crop = self.known
        async with self.busy:
            face = await asyncio.to_thread(face_of_entry, known.faces[int(asked)], crop)
        return Response(status_code=204) if face is None else Response(png(face), media_type="image/png")

    async def answer(self, slot: Slot) -> bytes:
        """A reply to the newest drawing: its nearest faces, best first, and a picture of what was compared."""
        wanted = await self._read(slot, await slot.take())
        if self.known is None:
            raise Wrong(NO_INDEX)
        opened = await self.systems.opened(self.systems.likest)
        async with opened.lock:
            if newer := slot.newer():
                wanted = await self._read(slot, newer)
            start = time.perf_counter()
            vector, shown = await asyncio.to_thread(self._compared, wanted, opened)
        found = await asyncio.to_thread(self.known[0].nearest, vector, TOP)
        told = {"number": wanted.number, "ms": round(1000 * (time.perf_counter() - start))}
        return packed(told | {"matches": self._told(found)}, {"compared": shown})

    async def _read(self, slot: Slot, message: str) -> Wanted:
        wanted = await asyncio.to_thread(read_message, message)
        slot.number = wanted.number
        return wanted

    def _compared(self, wanted: Wanted, opened: Opened) -> tuple[Vector, bytes]:
        """A drawing's vector, as `cali-sketch retrieve` has it, and a PNG of what it was made of."""
        assert self.known is not None
        embedding, strokes = self.known[1], calibrated(wanted, opened)
        if embedding.by == "strokes":
            return embedding.strokes(Strokes(strokes)), png(to_uint8(sketch_of(strokes)))
        photo = opened.photo(strokes, Tones())
        return embedding.photo(photo), png(photo)

    def _told(self, found: Sequence[tuple[Entry, float]]) -> list[dict[str, Any]]:
        """Files by their names alone: where they lie is nobody's business who asks over a network."""
        return [
            {"face": self.rows[entry.file], "name": printable(Path(entry.file).name), "cosine": round(alike, 4)}
            for entry, alike in found
        ]


def face_of_entry(entry: Entry, crop: CropParams) -> Photo | None:
    """(FACE_PX, FACE_PX, 3); None where its photo is gone, or is another since the index was made."""
    try:
        same = hashlib.sha256(Path(entry.file).read_bytes()).hexdigest() == entry.sha256
    except OSError:
        return None
    face = entry_crop(entry, crop) if same else None
    return None if face is None else np.asarray(cv2.resize(face, (FACE_PX, FACE_PX), interpolation=cv2.INTER_AREA))
