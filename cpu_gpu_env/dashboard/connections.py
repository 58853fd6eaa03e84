"""Connections over HTTP: how many there may be, how long they may say nothing, what is no HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from cpu_gpu_env.dashboard.refusals import refusal
from cpu_gpu_env.dashboard.security import refuse, secured

MAX_CONNECTIONS = 500
"""At once, sockets included; on more, all is refused with code 503."""
REQUEST_S = 20.0
"""How long a request may take to come, with its body [s]."""


class Connection(H11Protocol):
    """A connection that uvicorn serves: bounded in time, with errors like all others."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin, and wait for a request."""
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            self.app, self.ws_protocol_class = _refuse_all, None
        self._expect_request()

    def data_received(self, data: bytes) -> None:
        """Take what has come."""
        super().data_received(data)
        self._expect_request()

    def connection_lost(self, error: Exception | None) -> None:
        """End."""
        super().connection_lost(error)
        self._set_deadline(False)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand a socket's request over; one with a body would be waited for without end."""
        if any(_tells_of_body(name, value) for name, value in event.headers):
            self.send_400_response("the request of a socket has a body; allowed: none")
        else:
            super().handle_websocket_upgrade(event)

    def _unsupported_upgrade_warning(self) -> None:
        """Log nothing: whoever asks for another protocol, or is one too many, is answered."""

    def _expect_request(self) -> None:
        is_http = self.transport.get_protocol() is self  # no socket by now
        # Whatever was answered meanwhile: a body may drip in for ever.
        self._set_deadline(is_http and self.conn.their_state in (h11.IDLE, h11.SEND_BODY))

    def _set_deadline(self, is_waiting: bool) -> None:
        if is_waiting and self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_S, self.transport.close)
        elif not is_waiting and self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, or has too long a head; then no more is read."""
        answer = refusal(400, msg)
        headers = secured([*answer.raw_headers, (b"connection", b"close")])
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            head = h11.Response(status_code=400, headers=headers, reason=b"Bad Request")
            for event in (head, h11.Data(data=bytes(answer.body)), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


def _tells_of_body(name: bytes, value: bytes) -> bool:
    """Whether a request with this header has a body."""
    return name == b"transfer-encoding" or (name == b"content-length" and value != b"0")


async def _refuse_all(scope: Scope, receive: Receive, send: Send) -> None:
    await refuse(scope, send, 503, "too many connections; try again later")
