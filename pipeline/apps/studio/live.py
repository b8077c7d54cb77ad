"""Photos while the pen moves, by the newest drawing of each page."""

import asyncio
import time

import numpy as np
from numpy.typing import NDArray

from pipeline.apps.studio.line import Slot
from pipeline.apps.studio.messages import Wanted, packed, png, read_message, strokes_in_px
from pipeline.apps.studio.systems import Opened, Systems
from pipeline.apps.system import Halted
from pipeline.core.polarity import sketch_of, to_uint8
from pipeline.drawing.rasterize import render

FAULT = "This drawing could not be made into a photo."


class Live:
    """The systems that pages share."""

    def __init__(self, systems: Systems) -> None:
        self.systems = systems

    async def answer(self, slot: Slot) -> bytes:
        """A reply to the newest drawing.

        The place of an old one is taken while it waits for its turn; by one whose pen was lifted once more, within
        the nets where they can be halted, else between them.
        """
        wanted, opened = await self._read(slot, await slot.take())
        async with opened.lock:
            if newer := slot.newer():
                wanted, opened = await self._read(slot, newer)  # another model's lock is not asked: rare
            try:
                slot.hurry = opened.halt
                return await self._made(slot, wanted, opened)
            except Halted:
                slot.hurry = None
                if newer := slot.newer():
                    wanted, opened = await self._read(slot, newer)
                return await self._made(slot, wanted, opened)
            finally:
                slot.hurry = None

    async def _made(self, slot: Slot, wanted: Wanted, opened: Opened) -> bytes:
        start = time.perf_counter()
        strokes = await asyncio.to_thread(calibrated, wanted, opened)
        if slot.hurry and slot.lifted and (newer := slot.newer()):
            slot.hurry = None
            wanted, opened = await self._read(slot, newer)
            strokes = await asyncio.to_thread(calibrated, wanted, opened)
        return await asyncio.to_thread(photo_reply, wanted, opened, strokes, start)

    async def _read(self, slot: Slot, message: str) -> tuple[Wanted, Opened]:
        wanted = await asyncio.to_thread(read_message, message)
        slot.number = wanted.number
        return wanted, await self.systems.opened(wanted.model)


def calibrated(wanted: Wanted, opened: Opened) -> NDArray[np.float32]:
    """A drawing through the SCN: (S, S), 1 = ink."""
    side = opened.system.size
    return opened.strokes(to_uint8(render(strokes_in_px(wanted.strokes, side), (side, side))), wanted.refine)


def photo_reply(wanted: Wanted, opened: Opened, strokes: NDArray[np.float32], start: float) -> bytes:
    """Number, milliseconds since `start`, PNGs of calibrated strokes and of their photo. Raises Wrong."""
    parts = {"strokes": png(to_uint8(sketch_of(strokes))), "photo": png(opened.photo(strokes, wanted.tones))}
    return packed({"number": wanted.number, "ms": round(1000 * (time.perf_counter() - start))}, parts)
