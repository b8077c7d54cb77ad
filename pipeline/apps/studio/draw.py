"""What the tab "Draw" asks for besides live photos: drawings in, colours of a photo, files to keep."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pipeline.apps.studio import limits
from pipeline.apps.studio.faces import face_of, like_face
from pipeline.apps.studio.messages import UNIT, Wrong, read_message, strokes_in_px, travelling
from pipeline.apps.studio.systems import Systems
from pipeline.apps.studio.uploads import body_of, picture_of, sentence
from pipeline.apps.understand import Intake, Understood, understand
from pipeline.core import params
from pipeline.core.image_io import ImageError, Picture
from pipeline.core.outcome import Refused
from pipeline.core.polarity import sketch_of, to_uint8
from pipeline.drawing.rasterize import render
from pipeline.drawing.svg import to_svg
from pipeline.stages.simplify import SimplifyParams, simplify

SIDE_PX = 512  # ours: of a loaded drawing when its lines are traced
Answer = Callable[[Request], Awaitable[Response]]


def answers(systems: Systems, busy: asyncio.Semaphore) -> dict[str, Answer]:
    """End points by path; all are asked by POST. `busy` bounds how many work at once."""

    async def intake(request: Request) -> Response:
        data = await body_of(request)
        async with busy:
            return JSONResponse(await asyncio.to_thread(drawing_in, data))

    async def like(request: Request) -> Response:
        data = await body_of(request)
        opened = await systems.opened(request.query_params.get("model", ""))
        async with busy:
            face = await asyncio.to_thread(face_of, data, opened.system.size)
        async with opened.lock:
            found = await asyncio.to_thread(like_face, opened.system, face)
        code = None if found.code is None else [round(float(value), 4) for value in found.code]
        skin = None if found.skin is None else to_uint8(found.skin).tolist()
        return JSONResponse({"code": code, "skin": skin})

    async def drawing_svg(request: Request) -> Response:
        wanted = read_message(await body_of(request, limits.MESSAGE_BYTES))
        return _svg(to_svg(strokes_in_px(wanted.strokes, UNIT // 10), (UNIT // 10, UNIT // 10)))

    async def strokes_svg(request: Request) -> Response:
        wanted = read_message(await body_of(request, limits.MESSAGE_BYTES))
        opened = await systems.opened(wanted.model)
        side = opened.system.size
        drawing = to_uint8(render(strokes_in_px(wanted.strokes, side), (side, side)))
        async with opened.lock:
            refined = await asyncio.to_thread(opened.strokes, drawing, wanted.refine)
        strokes = await asyncio.to_thread(simplify, sketch_of(refined), params.load(SimplifyParams, "simplify"))
        return _svg(to_svg(strokes, (side, side)))

    return {"intake": intake, "like": like, "drawing.svg": drawing_svg, "strokes.svg": strokes_svg}


def _svg(text: str) -> Response:
    return Response(text, media_type="image/svg+xml")


def drawing_in(data: bytes) -> dict[str, Any]:
    """A picture of a drawing -> the lines of its first face as strokes, and notes on what was done. Raises Wrong."""
    try:
        found = _faces(picture_of(data))
        strokes = simplify(found[0].sketch, params.load(SimplifyParams, "simplify"))
    except Refused as error:
        raise Wrong(sentence("; ".join(filter(None, (error.reason, error.remedy))))) from error
    except ImageError as error:
        raise Wrong(sentence(str(error))) from error
    kept = strokes_within_limits(travelling(strokes, SIDE_PX))
    more = [f"the first of {len(found)} faces"] if len(found) > 1 else []
    return {"strokes": kept, "notes": [*found[0].notes, *more]}


def _faces(picture: Picture) -> list[Understood]:
    """As the nets know faces; the whole sheet as it lies where no face is found: it may become one. Raises Refused."""
    try:
        return understand(picture, SIDE_PX, Intake(False, "auto", "auto"))
    except Refused:
        (whole,) = understand(picture, SIDE_PX, Intake(False, "as-is", "auto"))
        return [replace(whole, notes=(*whole.notes, "no face was found, so it lies as it came"))]


def strokes_within_limits(strokes: list[list[int]]) -> list[list[int]]:
    """The longest, as many as a message may hold, in their order."""
    order = np.argsort([-len(flat) for flat in strokes], kind="stable")[: limits.STROKES]
    lengths = np.cumsum([len(strokes[i]) // 4 for i in order])
    return [strokes[i] for i in sorted(order[lengths <= limits.POINTS].tolist())]
