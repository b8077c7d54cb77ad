"""The trained systems that the studio offers, opened when first asked for, each used by one visitor at a time."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.apps.faces import Asked, Style, look
from pipeline.apps.look import Look, tone
from pipeline.apps.look import tones as known_tones
from pipeline.apps.model import SHIPPED, model_file, open_model
from pipeline.apps.studio.messages import Tones, Wrong
from pipeline.apps.system import System
from pipeline.core.errors import UserError
from pipeline.core.polarity import Photo, unit
from pipeline.core.printable import printable
from pipeline.drawing.face_prior import eyes_of_crops

TITLES = {  # name -> as the page calls it, what it is good for; the first is where the page begins
    "lite": ("Lite", "fast: for drawing live"),
    "photo": ("Photo", "most like a photo; takes refinement"),
    "faces": ("Faces", "most like the drawing"),
}
OWN = "own"


@dataclass
class Opened:
    """One system; whoever calls its nets holds its lock."""

    system: System
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def halt(self) -> None:
        """Ends the nets' run, where it can be ended: it raises Halted."""
        for net in (self.system.scn, self.system.isn):
            getattr(net, "halt", lambda: None)()

    def strokes(self, drawing: NDArray[np.uint8], refine: float) -> NDArray[np.float32]:
        """Drawing (S, S), 255 = paper -> calibrated strokes (S, S), 1 = ink."""
        made: NDArray[np.float32] = replace(self.system, level=refine).refine(drawing[None])[0]
        return made

    def photo(self, strokes: NDArray[np.float32], tones: Tones) -> Photo:
        """Calibrated strokes (S, S) -> photo (S, S, 3). Raises Wrong."""
        made: Photo = self.look(tones).photos(self.system, strokes[None])[0]
        return made

    def look(self, tones: Tones) -> Look:
        """What the tones come to; those of another system's kind go by. Raises Wrong for a tone that there is none."""
        skin, eyes = None if tones.skin is None else unit(np.asarray(tones.skin, np.uint8)), eyes_of_crops()
        if not self.system.takes_styles:
            known = tones.tone in known_tones(self.system)
            return tone(self.system, tones.tone, eyes) if known else Look(None, skin, eyes)
        if tones.code is not None:
            if len(tones.code) != self.system.isn.code:
                raise Wrong("These colours are of another system: drop the photo again.")
            return Look(np.asarray(tones.code, np.float32), skin, eyes)
        try:
            return look(self.system, Style(tone=tones.tone, seed=tones.seed))
        except UserError as error:
            raise Wrong("This system has no such tone.") from error


def quicker(system: System) -> System:
    """The same; nets of torch keep their maps pixel by pixel: `lite` took 410 ms instead of 556 on two busy cores."""
    for net in (system.scn, system.isn):
        module = getattr(net, "module", None)
        if module is not None:
            import torch  # not at the top: ONNX Runtime starts seconds before it

            module.to(memory_format=torch.channels_last)
    return system


class Systems:
    """The systems by name."""

    def __init__(self, asked: Asked, read: Callable[[Path, str, str], System] = open_model) -> None:
        """Those that ship, and the asked one where it is none of them: the page begins with it. Raises UserError.

        `read`: opens a file, on a device, by a runtime.
        """
        named = {name: model_file(name, asked.data) for name in TITLES}
        own = {} if asked.model in SHIPPED else {OWN: model_file(asked.model, asked.data)}
        self.files = own | named
        self.titles = {OWN: ("Own", printable(Path(asked.model).name))} | TITLES
        self.first = asked.model if asked.model in TITLES else next(iter(self.files))
        self.likest = OWN if own else "faces"  # what the commands edit and retrieve use
        self.asked, self.read = asked, read
        self._opened: dict[str, Opened] = {}
        self._opening = asyncio.Lock()

    async def opened(self, name: str) -> Opened:
        """A system, read from its file the first time. Raises Wrong for a name that there is none."""
        if name not in self.files:
            raise Wrong("There is no such model here.")
        async with self._opening:
            if name not in self._opened:
                self._opened[name] = await asyncio.to_thread(self._open, self.files[name])
            return self._opened[name]

    def _open(self, file: Path) -> Opened:
        return Opened(quicker(self.read(file, self.asked.device, self.asked.runtime)))

    async def about(self, name: str) -> dict[str, Any]:
        """What the page has to know of a system, its name and what it can be told."""
        opened = await self.opened(name)
        title, text = self.titles[name]
        draws = opened.system.card.get("draws", []) if opened.system.takes_styles else []
        told = {"levels": opened.system.takes_levels, "tones": list(known_tones(opened.system)), "draws": len(draws)}
        return {"name": name, "title": title, "text": text, **told}
