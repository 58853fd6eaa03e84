"""A server of the page in a process of its own, and sockets that crowd it: for benchmarks."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import socket
import subprocess
import sys
import threading
from contextlib import suppress

import psutil
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from cpu_gpu_env.errors import HybridClusterError

_ADDRESS = re.compile(r"http://([\d.]+):(\d+)")
_LITTLE_BYTES = 4096
"""What the kernel keeps for a client that does not read."""


class ServedProcess:
    """`dashboard.py --no-engine` once it answers.

    Args:
        url: Of the store.

    Raises:
        HybridClusterError: If it does not start.
    """

    def __init__(self, url: str) -> None:
        words = [sys.executable, "-m", "cpu_gpu_env.scripts.dashboard", "--no-engine"]
        self._process = subprocess.Popen(
            [*words, "--store", url, "--port", "0"], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        first = self._process.stdout.readline()
        found = _ADDRESS.search(first)
        if found is None:
            self.close()
            raise HybridClusterError(f"the server did not start: {first.strip()}")
        self.host, self.port = found[1], int(found[2])
        self._measured = psutil.Process(self._process.pid)

    @property
    def memory_bytes(self) -> int:
        """Its resident memory."""
        return int(self._measured.memory_info().rss)

    @property
    def cpu_s(self) -> float:
        """Time of cores that it has taken."""
        times = self._measured.cpu_times()
        return float(times.user + times.system)

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> ServedProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Crowd:
    """Sockets that read all that comes, but one, which reads nothing.

    Args:
        server: Whom they watch.
        count: How many.
    """

    def __init__(self, server: ServedProcess, count: int) -> None:
        self._server, self._count = server, count
        self.received_bytes = 0
        """What those that read have got."""
        self.cut = 0
        """How often the one that does not read was closed; another takes its place."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Crowd:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(60)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(60)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _open(self) -> None:
        ready = [self._loop.create_future() for _ in range(self._count - 1)]
        self._tasks = [asyncio.create_task(self._read(is_open)) for is_open in ready]
        self._tasks.append(asyncio.create_task(self._stay_deaf()))
        await asyncio.gather(*ready)

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _read(self, is_open: asyncio.Future[None]) -> None:
        address = f"ws://{self._server.host}:{self._server.port}/ws"
        try:
            async with connect(address, compression=None, max_size=None) as websocket:
                is_open.set_result(None)
                async for message in websocket:
                    self.received_bytes += len(message)
        except (OSError, WebSocketException) as error:
            if not is_open.done():
                is_open.set_exception(HybridClusterError(f"a socket was refused: {error}"))

    def _handshake(self) -> bytes:
        key = base64.b64encode(os.urandom(16)).decode()
        return (
            f"GET /ws HTTP/1.1\r\nHost: {self._server.host}:{self._server.port}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {key}\r\n\r\n"
        ).encode()

    async def _stay_deaf(self) -> None:
        while True:
            with self._deaf_socket() as connection:
                await self._loop.sock_connect(connection, (self._server.host, self._server.port))
                await self._loop.sock_sendall(connection, self._handshake())
                while not _is_cut(connection):
                    await asyncio.sleep(0.2)
                self.cut += 1

    @staticmethod
    def _deaf_socket() -> socket.socket:
        connection = socket.socket()
        connection.setblocking(False)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _LITTLE_BYTES)
        return connection


def _is_cut(connection: socket.socket) -> bool:
    """Whether the other side has reset a connection; nothing is read of it."""
    return connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0
