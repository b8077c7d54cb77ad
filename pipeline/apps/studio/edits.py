"""What the tab "Edit" asks for: photos in, their erased parts drawn anew while the brush moves, edited photos out."""

import asyncio
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pipeline.apps.faces import Asked
from pipeline.apps.studio import limits
from pipeline.apps.studio.draw import Answer
from pipeline.apps.studio.line import Slot
from pipeline.apps.studio.messages import UNIT, WantedEdit, Wrong, packed, png, read_edit
from pipeline.apps.studio.systems import Systems
from pipeline.apps.studio.uploads import body_of
from pipeline.apps.system import System
from pipeline.core.errors import UserError
from pipeline.core.state import write_log

if TYPE_CHECKING:  # they begin with torch, which is read when a photo is edited
    from pipeline.apps.edit import Editor
    from pipeline.apps.studio.sitting import Sitting

    Opens = Callable[[Asked], Editor]

FAULT = "This edit could not be made."
NO_NET = "There is no editing net here yet: train one (cali-sketch train edit), then start the studio again."
LOST = "The studio no longer has this photo: open it again."


def editor_of(asked: Asked) -> "Editor":
    """The net that ships, else that of the data folder. Raises UserError."""
    from pipeline.apps.edit import open_editor
    from pipeline.core.devices import pick_device

    device = pick_device(asked.device)
    try:
        return open_editor("shipped", asked.data, device)
    except UserError:
        return open_editor("mine", asked.data, device)


class Edits:
    """The photos that pages edit, and the net that they share."""

    def __init__(
        self, systems: Systems, busy: asyncio.Semaphore, read: "Callable[[Asked], Editor]" = editor_of
    ) -> None:
        """`read`: opens the editing net. `busy` bounds how many photos are read at once."""
        self.systems, self.busy, self.read = systems, busy, read
        self.photos: OrderedDict[str, Sitting] = OrderedDict()
        self.lock = asyncio.Lock()  # of the net
        self._opening = asyncio.Lock()
        self._editor: Editor | None = None

    async def editor(self) -> "Editor":
        """Read the first time. Raises Wrong where there is none."""
        async with self._opening:
            if self._editor is None:
                try:
                    self._editor = await asyncio.to_thread(self.read, self.systems.asked)
                except Exception as error:  # also a net of another shape than this program builds
                    if not isinstance(error, UserError):
                        write_log(f"studio: {type(error).__name__}: {error}")
                    raise Wrong(NO_NET) from error
            return self._editor

    def answers(self) -> dict[str, Answer]:
        """End points by path, as `draw.answers`."""
        return {"editor": self._ready, "edit": self._photo, "edited.png": self._edited}

    async def _ready(self, _: Request) -> Response:
        """What to do where there is no net; "": there is one, and it is ready."""
        try:
            await self.editor()
        except Wrong as error:
            return JSONResponse({"remedy": str(error)})
        return JSONResponse({"remedy": ""})

    async def _photo(self, request: Request) -> Response:
        """A photo's file -> what it is called, where it lies in the square around its face, and that part of it."""
        from pipeline.apps.studio.sitting import sitting

        data, editor = await body_of(request), await self.editor()
        async with self.busy:
            made = await asyncio.to_thread(sitting, data, editor)
        name = secrets.token_urlsafe(16)
        self.photos[name] = made
        while len(self.photos) > limits.PHOTOS:
            self.photos.popitem(last=False)
        place = [round(UNIT * share) for share in made.place]
        reach = [[round(UNIT * share) for share in corner] for corner in made.corners]
        header = {"photo": name, "place": place, "reach": reach}
        return Response(packed(header, {"photo": png(made.shown.photo)}), media_type="application/octet-stream")

    async def _edited(self, request: Request) -> Response:
        """A message -> the whole photo, edited, as PNG."""
        wanted = await asyncio.to_thread(read_edit, await body_of(request, limits.MESSAGE_BYTES))
        made = self.photos.get(wanted.photo)
        if made is None:
            raise Wrong(LOST)
        editor, scn = await self.editor(), await self._scn(wanted)
        async with self.lock:
            photo = await asyncio.to_thread(made.edited, wanted, editor, scn)
        return Response(await asyncio.to_thread(png, photo), media_type="image/png")

    async def answer(self, slot: Slot) -> bytes:
        """A reply to the newest message: what of the photo is erased, as it is now."""
        wanted = await self._read(slot, await slot.take())
        async with self.lock:
            if newer := slot.newer():
                wanted = await self._read(slot, newer)
            made = self.photos.get(wanted.photo)
            if made is None:
                return packed({"number": wanted.number, "again": True}, {})
            self.photos.move_to_end(wanted.photo)
            return await asyncio.to_thread(patch_reply, wanted, made, await self.editor(), await self._scn(wanted))

    async def _read(self, slot: Slot, message: str) -> WantedEdit:
        wanted = await asyncio.to_thread(read_edit, message)
        slot.number = wanted.number
        if slot.holds != wanted.photo:
            self.left(slot)
            slot.holds = wanted.photo
        return wanted

    def left(self, slot: Slot) -> None:
        """What was kept for a page is kept no longer."""
        self.photos.pop(slot.holds, None)

    async def _scn(self, wanted: WantedEdit) -> System | None:
        return (await self.editor()).system if wanted.calibrated else None


def patch_reply(wanted: WantedEdit, made: "Sitting", editor: "Editor", scn: System | None) -> bytes:
    """Number, milliseconds, and a PNG of the box of what is erased, whose corner lies at x, y px of `shown`."""
    start = time.perf_counter()
    patch = made.patch(wanted, editor, scn)
    told = {"number": wanted.number, "ms": round(1000 * (time.perf_counter() - start))}
    if patch is None:
        return packed(told, {})
    x, y, pixels = patch
    return packed(told | {"x": x, "y": y}, {"patch": png(pixels)})
