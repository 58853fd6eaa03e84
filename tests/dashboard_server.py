"""The server of the page in a thread, with clients, and engines that write to what it reads."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import cache
from types import TracebackType
from typing import Any

import httpx
import store_rows
from stream_batches import NAMES, make_phase, play
from websockets.sync.client import ClientConnection, connect

from cpu_gpu_env.dashboard.app import make_app
from cpu_gpu_env.dashboard.serving import make_server
from cpu_gpu_env.dashboard.settings import DashboardSettings
from cpu_gpu_env.runtime.engine import Finished
from cpu_gpu_env.runtime.storing import episode_rows
from cpu_gpu_env.runtime.stream_measures import StreamMeasures

CLUSTER = "epyc-7763 + a100-80gb:2"
PHASE = make_phase(cluster=CLUSTER)


class Served:
    """A server on a port of its own, as long as the block lasts."""

    def __init__(self, store: str, **settings: Any) -> None:
        self.settings = DashboardSettings(store=store, port=0, **settings)
        self.app = make_app(self.settings)
        self.server = make_server(self.app, self.settings)
        self._thread = threading.Thread(target=self.server.run, daemon=True)

    def __enter__(self) -> Served:
        self._thread.start()
        store_rows.wait_until(lambda: self.server.started)
        self.port = self.server.servers[0].sockets[0].getsockname()[1]
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.http.close()
        self.end()

    def end(self) -> float:
        """End it; return how long that took [s]."""
        begin_s = time.monotonic()
        self.server.should_exit = True
        self._thread.join(20)
        assert not self._thread.is_alive()
        return time.monotonic() - begin_s

    def get(self, path: str, code: int = 200) -> Any:
        """The JSON that a path gives."""
        answer = self.http.get(path)
        assert answer.status_code == code, answer.text
        return answer.json()

    def watch(self, run: int | None = None, **options: Any) -> Watching:
        """A socket that reads."""
        query = "" if run is None else f"?run={run}"
        address = f"ws://127.0.0.1:{self.port}/ws{query}"
        return Watching(connect(address, max_size=None, **options))

    def connect_deaf(self, receive_bytes: int = 4096) -> socket.socket:
        """A socket that shakes hands and then reads nothing."""
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        deaf.connect(("127.0.0.1", self.port))
        deaf.sendall(
            f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nConnection: Upgrade\r\n"
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += deaf.recv(1)
        assert head.startswith(b"HTTP/1.1 101 ")
        return deaf

    def waiting_bytes(self) -> list[int]:
        """What waits in this process to be read by each connection."""
        connections = list(self.server.server_state.connections)
        return [one.transport.get_write_buffer_size() for one in connections]

    def metric(self, name: str) -> float:
        """The value of a metric without labels."""
        for line in self.http.get("/metrics").text.splitlines():
            if line.startswith(f"{name} "):
                return float(line.split()[1])
        raise AssertionError(f"there is no {name}")


class Watching:
    """A client that keeps the state as the page does: a snapshot, and changes onto it."""

    def __init__(self, connecting: AbstractContextManager[ClientConnection]) -> None:
        self._connecting = connecting
        self.connection = connecting.__enter__()
        self.state: dict[str, Any] = {}
        self.messages: list[dict[str, Any]] = []
        self.arrived_s: list[float] = []

    def __enter__(self) -> Watching:
        return self

    def __exit__(self, *error: Any) -> None:
        self._connecting.__exit__(*error)

    def read(self, timeout_s: float = 10.0) -> dict[str, Any]:
        """Take the next message."""
        message: dict[str, Any] = json.loads(self.connection.recv(timeout_s))
        self.arrived_s.append(time.monotonic())
        if message["type"] == "snapshot":
            self.state = message["state"]
        else:
            assert message["sequence"] == self.messages[-1]["sequence"] + 1
            lanes = {**self.state["lanes"], **message.get("lanes", {})}
            changed = {k: v for k, v in message.items() if k not in ("type", "sequence", "lanes")}
            self.state = {**self.state, **changed, "lanes": lanes}
        self.messages.append(message)
        return message

    def read_until(self, is_so: Callable[[Mapping[str, Any]], Any], timeout_s: float = 15.0) -> Any:
        """Read until the state is as wanted; return what the condition gave."""
        until_s = time.monotonic() + timeout_s
        while not (found := self.state and is_so(self.state)):
            left_s = until_s - time.monotonic()
            assert left_s > 0, self.state
            try:
                self.read(left_s)
            except TimeoutError:
                raise AssertionError(self.state) from None
        return found


class PlayedRun:
    """A run that is written as an engine writes it: by a StoreWriter, of real batches.

    Args:
        url: Of the store.
        about: More of what the engine says of itself.
    """

    def __init__(self, url: str, **about: Any) -> None:
        self.writer = store_rows.quiet_writer(url)
        settings = {"window": 5, "env_kwargs": {"cluster": CLUSTER}}
        self.run = self.writer.new_run(
            kind="stream",
            command="python scripts/stream.py",
            schedulers=list(NAMES),
            provenance={},
            settings=settings,
            notes=["a note"],
        )
        self.measures = StreamMeasures(NAMES, window=5, electricity_price=0.3)
        self.done = self.tasks = self.shown = 0
        self.about = {
            "process": {"pid": os.getpid(), "cpu_percent": 12.5, "rss_bytes": 10**8},
            "log": [[1.5e9, "the run begins"]],
            **about,
        }
        self.show()

    def __enter__(self) -> PlayedRun:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self, status: str = "finished") -> None:
        """End the run."""
        if self.writer is not None:
            self.writer.close(self.run, status)
        self.writer = None

    def play(self, count: int) -> Finished:
        """Play episodes, store them, and show what comes of them."""
        finished = _played(self.done, count)
        self.measures.add(finished)
        self.done += count
        self.tasks += count * finished.arrived.batch.phase.problem.num_tasks
        update = {"next_episode": self.done, "tasks": self.tasks, "clock_s": float(self.done)}
        self.writer.put(episode_rows(self.run, finished), self.run, update)
        self.show()
        self.writer.flush()
        return finished

    def show(self, **about: Any) -> None:
        """Show the newest states."""
        engine = {
            "episode": self.done,
            "clock_s": float(self.done),
            "placed": 0,
            "speed": None,
            "paused": False,
            "phase": "",
            "trouble": None,
            "notes": [],
            **self.about,
            **about,
        }
        states = self.measures.states() if self.done else _empty(self.measures)
        self.writer.show(self.run, {name: {**s, "engine": engine} for name, s in states.items()})


@cache
def _played(first: int, count: int) -> Finished:
    return play(first, count, PHASE)


def _empty(measures: StreamMeasures) -> Mapping[str, Mapping[str, Any]]:
    return {name: {**lane.state(), "difference": None} for name, lane in measures.lanes.items()}
