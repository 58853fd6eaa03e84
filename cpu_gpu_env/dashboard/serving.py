"""How uvicorn serves the application: what a socket may hold back, send, and cost."""

from __future__ import annotations

import asyncio
import gc
import socket
import struct
from typing import Any

import uvicorn
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Response

from cpu_gpu_env.dashboard.connections import Connection
from cpu_gpu_env.dashboard.refusals import refusal
from cpu_gpu_env.dashboard.security import secured
from cpu_gpu_env.dashboard.settings import DashboardSettings

MAX_RECEIVED_BYTES = 4096
"""Of a message from a client."""
UNREAD_BYTES = 64 * 1024
"""What may wait for a client that does not read, here and in the kernel each."""
_PING_S = 20.0
_PARTING_S = 1.0
_NO_LINGER = struct.pack("ii", 1, 0)
_END_S = 3
"""How long requests and sockets have when the server ends [s]."""


class Socket(WebSocketsSansIOProtocol):
    """A WebSocket that can be ended whether or not its client reads.

    uvicorn holds a sender back while too much waits to be read, and that is what we want of it. But
    the end waits, too, for as long as the client likes, which keeps the connection, what waits on
    it, and a server that is to end.
    """

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._plainly = self.conn.reject
        setattr(self.conn, "reject", self._reject)  # noqa: B010

    def _reject(self, status: Any, text: str) -> Response:
        """Refuse a handshake that is none, as all else is refused."""
        response, answer = self._plainly(status, text), refusal(int(status), text.strip())
        response.body = bytes(answer.body)
        for name, value in secured(answer.raw_headers):
            response.headers.pop(name.decode(), None)
            response.headers[name.decode()] = value.decode()
        return response

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let little wait: what is read late is old."""
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(UNREAD_BYTES)
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNREAD_BYTES)

    async def send(self, message: Any) -> None:
        """Send, as soon as the client has read enough; say goodbye in any case."""
        if self.close_sent:  # by uvicorn, to one that answers no pings: no fault of the application
            raise ClientDisconnected
        if message["type"] == "websocket.close" and not self.writable.is_set():
            self.writable.set()
            self.loop.call_later(_PARTING_S, self._cut)
        await super().send(message)

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """Give a connection up that the application is done with, and that is not read."""
        super().on_task_complete(task)
        self._give_up()

    def keepalive_timeout(self) -> None:
        """Give a connection up on which nobody answers."""
        super().keepalive_timeout()
        self._give_up()

    def shutdown(self) -> None:
        """End it with the server."""
        super().shutdown()
        self._give_up()

    def _give_up(self) -> None:
        if self.transport.get_write_buffer_size():
            self.loop.call_later(_PARTING_S, self._cut)

    def _cut(self) -> None:
        """Reset the connection: the kernel, too, forgets what waits on it."""
        connection = self.transport.get_extra_info("socket")
        if connection is not None and not self.disconnected:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.transport.abort()


def make_server(
    app: Any, settings: DashboardSettings, log_level: str = "warning"
) -> uvicorn.Server:
    """Build the server of an application; `uvicorn.Server.run` serves.

    Messages are not compressed: that would cost each client's share of a core for what crosses a
    local network anyway.

    Args:
        app: The application.
        settings: Its set-up.
        log_level: From which on uvicorn's lines are logged.
    """
    gc.collect()
    gc.freeze()  # to look for garbage among all that was imported takes longer than most answers
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            log_level=log_level,
            access_log=False,
            http=Connection,
            ws=Socket,
            ws_max_size=MAX_RECEIVED_BYTES,
            ws_per_message_deflate=False,
            ws_ping_interval=_PING_S,
            ws_ping_timeout=_PING_S,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=_END_S,
        )
    )
