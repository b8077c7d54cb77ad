"""Photos while the pen moves: one web socket a page, one place for its newest drawing, older ones are passed over."""

import asyncio
import contextlib
import time

import numpy as np
from numpy.typing import NDArray
from starlette.websockets import WebSocket, WebSocketDisconnect

from pipeline.apps.studio import limits
from pipeline.apps.studio.messages import Wanted, Wrong, packed, png, read_message, strokes_in_px
from pipeline.apps.studio.systems import Opened, Systems
from pipeline.core.polarity import sketch_of, to_uint8
from pipeline.core.state import write_log
from pipeline.drawing.rasterize import render

LIFTED = '{"lifted":true'  # how a message begins that is sent when the pen was lifted
FULL, TOO_LARGE, TOO_SLOW = 1013, 1009, 1008  # codes of RFC 6455


class Gone(Exception):
    """The visitor has left."""


class Slot:
    """Holds the newest message alone: whoever takes finds no queue."""

    def __init__(self) -> None:
        self._newest: str | None = None
        self.lifted = False  # whether the newest was sent when the pen was lifted
        self._changed = asyncio.Event()
        self._closed = False

    def put(self, message: str) -> None:
        """In place of what was there."""
        self._newest, self.lifted = message, message.startswith(LIFTED)
        self._changed.set()

    def close(self) -> None:
        """No more will come."""
        self._closed = True
        self._changed.set()

    async def take(self) -> str:
        """The newest message, once there is one. Raises Gone after `close`."""
        await self._changed.wait()
        if self._closed or self._newest is None:
            raise Gone
        return self.newer() or ""

    def newer(self) -> str | None:
        """The newest message, where there is one."""
        message, self._newest, self.lifted = self._newest, None, False
        if not self._closed:
            self._changed.clear()
        return message


class Live:
    """Pages that draw, and the systems that they share."""

    def __init__(self, systems: Systems) -> None:
        self.systems = systems
        self.pages = 0

    async def page(self, socket: WebSocket) -> None:
        """One page, from its first stroke to its last."""
        await socket.accept()
        if self.pages >= limits.CONNECTIONS:
            await socket.close(FULL, "Too many pages are drawing here: close one, or try again later.")
            return
        self.pages += 1
        slot = Slot()
        reading = asyncio.create_task(_read(socket, slot))
        try:
            while True:
                reply = await self._answer(slot)
                await asyncio.wait_for(socket.send_bytes(reply), limits.SEND_S)
        except TimeoutError:
            await _send_away(socket)
        except (Gone, WebSocketDisconnect, RuntimeError):  # a RuntimeError: of a socket that is closed already
            pass
        finally:
            self.pages -= 1
            reading.cancel()

    async def _answer(self, slot: Slot) -> bytes:
        """A reply to the newest drawing.

        The place of an old one is taken while it waits for its turn, and between the nets by one whose pen was lifted.
        """
        number = 0
        try:
            wanted = await asyncio.to_thread(read_message, await slot.take())
            number = wanted.number
            opened = await self.systems.opened(wanted.model)
            async with opened.lock:
                if newer := slot.newer():
                    wanted = await asyncio.to_thread(read_message, newer)
                    number = wanted.number
                    opened = await self.systems.opened(wanted.model)  # another model's lock is not asked: rare
                start = time.perf_counter()
                strokes = await asyncio.to_thread(calibrated, wanted, opened)
                if slot.lifted and (newer := slot.newer()):
                    wanted = await asyncio.to_thread(read_message, newer)
                    number = wanted.number
                    opened = await self.systems.opened(wanted.model)
                    strokes = await asyncio.to_thread(calibrated, wanted, opened)
                return await asyncio.to_thread(photo_reply, wanted, opened, strokes, start)
        except Wrong as error:
            return packed({"number": number, "error": str(error)}, {})
        except Gone:
            raise
        except Exception as error:
            write_log(f"studio: {type(error).__name__}: {error}")
            return packed({"number": number, "error": "This drawing could not be made into a photo."}, {})


async def _read(socket: WebSocket, slot: Slot) -> None:
    """Takes every message as it comes, so that none waits in the socket."""
    try:
        while True:
            text = await socket.receive_text()
            if len(text) > limits.MESSAGE_BYTES:
                await socket.close(TOO_LARGE)
                break
            slot.put(text)
    except (WebSocketDisconnect, RuntimeError, KeyError):  # a KeyError: bytes, which this page never sends
        pass
    finally:
        slot.close()


async def _send_away(socket: WebSocket) -> None:
    """Who takes no replies may not take this one either."""
    with contextlib.suppress(TimeoutError, RuntimeError):
        await asyncio.wait_for(socket.close(TOO_SLOW, "Your connection is too slow to draw live."), 1)


def calibrated(wanted: Wanted, opened: Opened) -> NDArray[np.float32]:
    """A drawing through the SCN: (S, S), 1 = ink."""
    side = opened.system.size
    return opened.strokes(to_uint8(render(strokes_in_px(wanted.strokes, side), (side, side))), wanted.refine)


def photo_reply(wanted: Wanted, opened: Opened, strokes: NDArray[np.float32], start: float) -> bytes:
    """Number, milliseconds since `start`, PNGs of calibrated strokes and of their photo. Raises Wrong."""
    parts = {"strokes": png(to_uint8(sketch_of(strokes))), "photo": png(opened.photo(strokes, wanted.tones))}
    return packed({"number": wanted.number, "ms": round(1000 * (time.perf_counter() - start))}, parts)
