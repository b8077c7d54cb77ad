"""The studio's server: its page, held in memory, and what the page asks for."""

import asyncio
import mimetypes
import socket
import webbrowser
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute

from pipeline.apps.faces import Asked
from pipeline.apps.studio import draw, edits, limits, live, search, sketches
from pipeline.apps.studio.edits import Edits
from pipeline.apps.studio.line import Line
from pipeline.apps.studio.live import Live
from pipeline.apps.studio.messages import Wrong
from pipeline.apps.studio.safety import Guard, is_loopback
from pipeline.apps.studio.search import Search
from pipeline.apps.studio.systems import Systems
from pipeline.core.console import console
from pipeline.core.errors import UserError
from pipeline.core.printable import printable
from pipeline.core.state import write_log
from pipeline.drawing.face_prior import eyes_of_crops

if TYPE_CHECKING:
    from pipeline.apps.studio.edits import Opens

PAGE = Path(__file__).parent / "page"
TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".json": "application/json"}


def page_files() -> dict[str, tuple[bytes, str]]:
    """Path within the page -> content and type. Nothing else can be asked for, whatever a path says."""
    found = sorted(path for path in PAGE.rglob("*") if path.is_file())
    return {path.relative_to(PAGE).as_posix(): (path.read_bytes(), _type(path)) for path in found}


def _type(path: Path) -> str:
    return TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"


def make_app(systems: Systems, host: str, index: Path | None = None, editor: "Opens" = edits.editor_of) -> Guard:
    """The whole studio as an ASGI app, bound to `host`.

    `index`: of the faces among which it searches; `editor`: opens the editing net. Raises UserError for a wrong index.
    """
    busy = asyncio.Semaphore(limits.UPLOADS)
    editing, searching = Edits(systems, busy, editor), Search(systems, busy, index)
    posted = draw.answers(systems, busy) | sketches.answers(busy) | editing.answers() | searching.answers()
    lines = {
        "live": Line(Live(systems).answer, live.FAULT),
        "editing": Line(editing.answer, edits.FAULT, editing.left),
        "search": Line(searching.answer, search.FAULT),
    }
    files = page_files()

    @asynccontextmanager
    async def warm(_: Starlette) -> AsyncIterator[None]:
        opening = asyncio.create_task(systems.opened(systems.first))
        yield
        opening.cancel()

    async def about(_: Request) -> Response:
        told = [await systems.about(name) for name in systems.files]
        tabs = [name for name in files if name.startswith("tabs/")]
        examples = [name for name in files if name.startswith("examples/")]
        page = {"first": systems.first, "tabs": tabs, "examples": examples, "eyes": asdict(eyes_of_crops())}
        return JSONResponse(page | {"models": told, "search": searching.about()})

    page = _page_of(files)
    routes = [
        Route("/", page),
        Route("/api/about", about),
        *(WebSocketRoute(f"/api/{name}", line.page) for name, line in lines.items()),
        *(Route(f"/api/{name}", answer, methods=["POST"]) for name, answer in posted.items()),
        Route("/{name:path}", page),
    ]
    handlers = {Wrong: _wrong, HTTPException: _http, Exception: _fault}
    return Guard(Starlette(routes=routes, exception_handlers=handlers, lifespan=warm), host)


def _page_of(files: Mapping[str, tuple[bytes, str]]) -> Callable[[Request], Awaitable[Response]]:
    """Answers with a file of the page by its name; the page itself where none is named."""

    async def page(request: Request) -> Response:
        found = files.get(request.path_params.get("name", "index.html"))
        if found is None:
            raise HTTPException(404)
        return Response(found[0], media_type=found[1])

    return page


async def _wrong(_: Request, error: Exception) -> Response:
    return PlainTextResponse(str(error), 422)


async def _http(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return PlainTextResponse("There is nothing at this address.", status)


async def _fault(request: Request, error: Exception) -> Response:
    write_log(f"studio {request.url.path}: {type(error).__name__}: {error}")
    return PlainTextResponse("Something went wrong here: the program's log tells what.", 500)


def run(host: str, port: int, show: bool, asked: Asked, index: Path | None) -> None:
    """Serve until interrupted. `port` 0: any that is free; `show`: open the page in a browser. Raises UserError.

    `index`: of faces, for the tab "Search".
    """
    app = make_app(Systems(asked), host, index)
    bound = _bound(host, port)
    address = f"http://{f'[{host}]' if ':' in host else host}:{bound.getsockname()[1]}/"
    console.print(f"The studio is at {address}\nCtrl+C ends it.")
    if not is_loopback(host):
        console.print("Whoever reaches this machine can use it: it is not bound to this machine alone.")
    if show:
        webbrowser.open(address)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        ws_max_size=limits.MESSAGE_BYTES,
        ws_per_message_deflate=False,  # PNG files hardly shrink, and it takes time
        limit_concurrency=8 * limits.CONNECTIONS,
        timeout_graceful_shutdown=2,
    )
    try:
        uvicorn.Server(config).run(sockets=[bound])
    except KeyboardInterrupt:
        console.print("The studio is closed.")


def _bound(host: str, port: int) -> socket.socket:
    """A listening socket. Raises UserError where the address cannot be had."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(
            f"studio: cannot listen at {printable(host)}, port {port} ({reason}); --port 0 takes one that is free"
        ) from error
