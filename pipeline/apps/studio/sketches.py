"""What the tab "Photo to sketches" asks for: a photo in the four styles, as drawn, simplified, and by a rough hand."""

import asyncio
from functools import cached_property
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from pipeline.apps.studio.draw import Answer, strokes_within_limits
from pipeline.apps.studio.faces import face_of
from pipeline.apps.studio.messages import packed, png, travelling
from pipeline.apps.studio.uploads import body_of
from pipeline.core import params
from pipeline.core.polarity import to_uint8
from pipeline.drawing.svg import to_svg
from pipeline.stages.simplify import SimplifyParams, redraw, simplify
from pipeline.styles import STYLES

SIDE_PX = 256


class Drawer:
    """Params of the styles, read once, when the first photo comes."""

    @cached_property
    def styles(self) -> dict[str, Any]:
        return {name: params.load(row.params, f"styles.{name}") for name, row in STYLES.items()}

    @cached_property
    def simple(self) -> SimplifyParams:
        return params.load(SimplifyParams, "simplify")

    def __call__(self, data: bytes) -> bytes:
        """A photo's file -> the reply: for every style three pictures, an SVG and the strokes. Raises Wrong."""
        face = face_of(data, SIDE_PX)
        parts: dict[str, bytes] = {"photo": png(face)}
        strokes: dict[str, list[list[int]]] = {}
        for name, style in self.styles.items():
            raw = STYLES[name].draw(face, style)
            drawing = redraw(raw, name, "studio", self.simple)
            lines = drawing.strokes or simplify(drawing.clean, self.simple)
            parts |= {
                f"{name}.raw": png(to_uint8(raw)),
                f"{name}.simplified": png(to_uint8(drawing.clean)),
                f"{name}.deformed": png(to_uint8(drawing.deformed)),
                f"{name}.svg": to_svg(lines, raw.shape).encode(),
            }
            strokes[name] = strokes_within_limits(travelling(lines, SIDE_PX))
        return packed({"styles": list(self.styles), "strokes": strokes}, parts)


def answers(busy: asyncio.Semaphore) -> dict[str, Answer]:
    """End points by path, as `draw.answers`."""
    drawer = Drawer()

    async def sketches(request: Request) -> Response:
        data = await body_of(request)
        async with busy:
            return Response(await asyncio.to_thread(drawer, data), media_type="application/octet-stream")

    return {"sketches": sketches}
