"""Who may talk to the studio: pages that it served itself, opened under an address that is this machine's.

A page of another site can make a browser send requests to this machine, also under a name of its own that it has
pointed here (DNS rebinding): the first carry a foreign Origin, the others a foreign Host.
"""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-store",
}
WRONG_HOST = "The studio answers under the address that it printed, and under no other name."
WRONG_ORIGIN = "The studio answers its own page alone."


def is_loopback(host: str) -> bool:
    """Whether a host is reached from this machine alone."""
    return host in LOOPBACK or (_address(host) is not None and ipaddress.ip_address(host).is_loopback)


def _address(host: str) -> str | None:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None


@dataclass(frozen=True)
class Guard:
    """An app of which strangers get no answer; every other answer says what its page may do."""

    app: ASGIApp
    host: str  # that the server was bound to

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        reason = self.refusal(Headers(scope=scope), scope["type"] == "websocket" or scope["method"] != "GET")
        if reason and scope["type"] == "websocket":
            await WebSocketClose(1008, reason)(scope, receive, send)
        else:
            answer = PlainTextResponse(reason, 403) if reason else self.app
            await answer(scope, receive, _with_headers(send))

    def refusal(self, headers: Headers, acts: bool) -> str:
        """Why a request gets no answer; "" for none. `acts`: it asks for work, which pages of others may not."""
        host = headers.get("host", "")
        if not self._is_ours(host):
            return WRONG_HOST
        own = {f"http://{host}", f"https://{host}"}
        return WRONG_ORIGIN if acts and headers.get("origin") not in own else ""

    def _is_ours(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").partition("%")[0]
        except ValueError:
            return False
        if is_loopback(self.host):
            return name == self.host or name in LOOPBACK
        return name in LOOPBACK or name == self.host.lower() or _address(name) is not None


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
