"""Answers while the pen moves: one web socket a page, one place for its newest message, older ones are passed over."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from starlette.websockets import WebSocket, WebSocketDisconnect

from pipeline.apps.studio import limits
from pipeline.apps.studio.messages import Wrong, packed
from pipeline.core.state import write_log

LIFTED = '{"lifted":true'  # how a message begins that is sent when the pen was lifted
FULL, TOO_LARGE, TOO_SLOW = 1013, 1009, 1008  # codes of RFC 6455


class Gone(Exception):
    """The visitor has left."""


class Slot:
    """Holds the newest message alone: whoever takes finds no queue."""

    def __init__(self) -> None:
        self._newest: str | None = None
        self.lifted = False  # whether the newest was sent when the pen was lifted
        self.number = 0  # of the message that is worked on, for the reply
        self.holds = ""  # what is kept for this page alone
        self.hurry: Callable[[], None] | None = None  # called when a pen is lifted: ends what runs for an older one
        self._changed = asyncio.Event()
        self._closed = False

    def put(self, message: str) -> None:
        """In place of what was there."""
        self._newest, self.lifted = message, message.startswith(LIFTED)
        self._changed.set()
        if self.lifted and self.hurry:
            self.hurry()

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


class Line:
    """Pages that send messages of one kind."""

    def __init__(
        self, answer: Callable[[Slot], Awaitable[bytes]], fault: str, left: Callable[[Slot], None] = lambda _: None
    ) -> None:
        """`answer`: takes the newest message, raises Wrong; `fault`: what is said of other errors; `left`: a page."""
        self.answer, self.fault, self.left = answer, fault, left
        self.pages = 0

    async def page(self, socket: WebSocket) -> None:
        """One page, from its first message to its last."""
        await socket.accept()
        if self.pages >= limits.CONNECTIONS:
            await socket.close(FULL, "Too many pages are drawing here: close one, or try again later.")
            return
        self.pages += 1
        slot = Slot()
        reading = asyncio.create_task(_read(socket, slot))
        try:
            while True:
                reply = await self._reply(slot)
                await asyncio.wait_for(socket.send_bytes(reply), limits.SEND_S)
        except TimeoutError:
            await _send_away(socket)
        except (Gone, WebSocketDisconnect, RuntimeError):  # a RuntimeError: of a socket that is closed already
            pass
        finally:
            self.pages -= 1
            reading.cancel()
            self.left(slot)

    async def _reply(self, slot: Slot) -> bytes:
        slot.number = 0
        try:
            return await self.answer(slot)
        except Gone:
            raise
        except Wrong as error:
            return packed({"number": slot.number, "error": str(error)}, {})
        except Exception as error:
            write_log(f"studio: {type(error).__name__}: {error}")
            return packed({"number": slot.number, "error": self.fault}, {})


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
