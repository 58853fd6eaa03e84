"""The real server in a thread, and requests to it byte by byte."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from dashboard_process import wait_for
from fastapi import FastAPI

from cpu_gpu_env.dashboard.app import make_app
from cpu_gpu_env.dashboard.serving import make_server
from cpu_gpu_env.dashboard.settings import DashboardSettings

TOKEN = "a-token-for-the-tests-0123456789"


@dataclass
class Answer:
    """An answer as it came."""

    code: int
    headers: dict[str, str]
    body: bytes


class Server:
    """A server on a free port of loopback; several headers of one name are several pairs."""

    def __init__(self, port: int, app: FastAPI) -> None:
        self.port, self.app = port, app
        self.host = f"127.0.0.1:{port}"

    def send(self, data: bytes) -> Answer:
        """Send bytes and read one answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(data)
            return read_answer(connection)

    def ask(
        self,
        path: str,
        *headers: tuple[str, str],
        method: str = "GET",
        host: str | None = None,
        body: bytes = b"",
    ) -> Answer:
        """Send a request; without another host it is for the right one."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host or self.host}", "Connection: close"]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        lines += [f"{name}: {value}" for name, value in headers]
        return self.send("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def shake_hands(
        self, *headers: tuple[str, str], path: str = "/ws", host: str | None = None
    ) -> Answer:
        """Ask for a socket as a browser does, but for the headers that are given."""
        key = base64.b64encode(b"0123456789abcdef").decode()
        needed = [("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")]
        lines = [f"GET {path} HTTP/1.1", f"Host: {host or self.host}", "Connection: Upgrade"]
        for name, value in (*needed, ("Sec-WebSocket-Key", key), *headers):
            lines.append(f"{name}: {value}")
        return self.send("\r\n".join([*lines, "", ""]).encode("latin-1"))


def read_answer(connection: socket.socket) -> Answer:
    """Read an answer, and its body if it has a length."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        assert more, f"the connection was closed after {data!r}"
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = [line.split(": ", 1) for line in lines]
    headers = {name.lower(): value for name, value in pairs}
    assert len(headers) == len(pairs), f"a header comes twice: {pairs}"
    while len(body) < int(headers.get("content-length", 0)):
        more = connection.recv(65536)
        if not more:  # HEAD
            break
        body += more
    return Answer(int(first.split()[1]), headers, body)


def offer(token: str, protocol: str = "hybridcluster") -> tuple[str, str]:
    """The header by which a browser hands a token to a socket."""
    coded = base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")
    return "Sec-WebSocket-Protocol", f"{protocol}, token.{coded}"


@contextmanager
def serving(settings: DashboardSettings) -> Iterator[Server]:
    """Serve for a block."""
    app = make_app(settings)
    server = make_server(app, settings)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            wait_for(lambda: server.started, "the server's start")
            yield Server(port, app)
        finally:
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive()
