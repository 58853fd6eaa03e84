"""What stands before everything: who is let in, how much may be sent, and what browsers may do."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cpu_gpu_env.dashboard.access import SUBPROTOCOL, Access, RefusedError
from cpu_gpu_env.dashboard.refusals import refusal
from cpu_gpu_env.dashboard.settings import DashboardSettings

MAX_BODY = 64 * 1024
"""Of a request [B]."""
BODY_S = 10.0
"""How long a body may take to come [s]."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""What pages may load and do: nothing of others, and nothing that stands in their HTML."""
_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",  # unless an answer says otherwise
}
_STARTS = ("http.response.start", "websocket.http.response.start")

Header = tuple[bytes, bytes]
_log = logging.getLogger("uvicorn.error")


class Guard:
    """Stands around an application: checks what comes in, and sees to the headers of what goes out.

    Sockets are refused before their handshake, with an answer of HTTP. What an application does not
    catch is logged once and answered with code 500, which tells nothing of it.

    Args:
        app: The application.
        settings: Of the server.
    """

    def __init__(self, app: ASGIApp, settings: DashboardSettings) -> None:
        self._app, self._access = app, Access(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request, a socket, or a life of the server."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        answer = _Answer(scope, send)
        try:
            self._access.check(scope)
            if scope["type"] == "http":
                receive = await _read_body(scope, receive)
            inner = _without_secrets(scope)
            try:
                await self._app(inner, receive, answer.send)
            finally:
                scope["route"] = inner.get("route")  # for whoever counts requests
        except RefusedError as refused:
            await answer.refuse(refused.code, refused, refused.headers)
        except Exception:
            if answer.started:
                raise
            _log.exception("%s failed", scope["path"].encode("unicode_escape").decode())
            await answer.refuse(500, "something went wrong in the server; its log tells what")


async def refuse(scope: Scope, send: Send, code: int, why: object) -> None:
    """Answer a request with a refusal, with the headers that all answers have."""
    await _Answer(scope, send).refuse(code, why)


class _Answer:
    """What goes out: with the headers that all answers have."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope, self._send = scope, send
        self.started = False
        """Whether there is an answer, or a socket, already."""

    async def send(self, message: Message) -> None:
        """Hand on a message of the application."""
        kind = message["type"]
        if kind == "websocket.close" and not self.started:
            await self.refuse(403, message.get("reason") or "there is no socket here")
            return
        if kind == "websocket.accept":
            offered = SUBPROTOCOL in self._scope["subprotocols"]
            message = {**message, "subprotocol": SUBPROTOCOL if offered else None}
        elif kind in _STARTS:
            message = {**message, "headers": secured(message.get("headers", ()))}
        self.started = True
        await self._send(message)

    async def refuse(self, code: int, why: object, headers: dict[str, str] | None = None) -> None:
        """Answer with a refusal."""
        takes_answers = "websocket.http.response" in self._scope.get("extensions", {})
        if self._scope["type"] == "websocket" and not takes_answers:
            self.started = True
            await self._send({"type": "websocket.close", "code": 1008})
            return
        await refusal(code, why, headers)(self._scope, _nothing, self.send)
        await asyncio.sleep(0)  # of a socket: uvicorn takes an end before its closing for an error


def secured(headers: Iterable[Header]) -> list[Header]:
    """Add to the headers of an answer what browsers are told by all of them."""
    given = list(headers)
    found = {name.lower() for name, _ in given}
    more = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
    return given + [(name, value) for name, value in more if name not in found]


async def _read_body(scope: Scope, receive: Receive) -> Receive:
    """Read the whole body, of which there is at most so much; return what receives it again.

    Raises:
        RefusedError: If it is too large, or does not come.
    """
    names = dict(scope["headers"])
    length = names.get(b"content-length", b"0")
    if b"transfer-encoding" not in names and length == b"0":
        return receive
    if not length.isdigit() or len(length) > 18 or int(length) > MAX_BODY:
        raise _too_large()
    body, more = b"", True
    clock = asyncio.get_running_loop().time
    deadline = clock() + BODY_S
    try:
        while more:
            message = await asyncio.wait_for(receive(), deadline - clock())
            if message["type"] != "http.request":
                return _once(message, receive)
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > MAX_BODY:
                raise _too_large()
    except asyncio.TimeoutError:
        raise RefusedError(408, f"the body did not come within {BODY_S:g} s") from None
    return _once({"type": "http.request", "body": body, "more_body": False}, receive)


def _too_large() -> RefusedError:
    return RefusedError(413, f"the body is too large; allowed: at most {MAX_BODY} bytes")


def _once(first: Message, receive: Receive) -> Receive:
    """Build what gives a message first, and then what comes."""
    waiting = [first]

    async def give() -> Message:
        return waiting.pop() if waiting else await receive()

    return give


def _without_secrets(scope: Scope) -> Scope:
    """The request as those further in see it: no token that an answer or a log could hold."""
    secret = (b"authorization", b"sec-websocket-protocol")
    kept = [(name, value) for name, value in scope["headers"] if name.lower() not in secret]
    if scope["type"] != "websocket":
        return {**scope, "headers": kept}
    spoken = [name for name in scope["subprotocols"] if name == SUBPROTOCOL]
    return {**scope, "headers": kept, "subprotocols": spoken}


async def _nothing() -> Message:
    return {"type": "http.disconnect"}
