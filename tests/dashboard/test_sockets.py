"""Sockets that are quick, slow and deaf: how often, how much, and when they are closed."""

import json
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import store_rows
from dashboard_server import PlayedRun, Served
from websockets.exceptions import ConnectionClosed

from cpu_gpu_env.dashboard import serving
from cpu_gpu_env.dashboard.routes import live as live_routes
from cpu_gpu_env.dashboard.services import live as live_service
from cpu_gpu_env.results.store.database import Store, writing_engine
from cpu_gpu_env.results.store.tables import live

HEAVY_LOG = [[float(number), "x" * 400] for number in range(150)]
"""Makes a message of 65 kB."""


def test_at_most_ten_a_second_however_fast_it_flows(store_url: str) -> None:
    with PlayedRun(store_url) as played, Served(store_url) as served, served.watch() as watching:
        played.play(3)
        watching.read_until(lambda state: state["lanes"]["oracle"]["episodes"] == 3)
        played.writer.show = lambda *_: None
        begin_s, written = time.monotonic(), 0

        def write() -> None:
            nonlocal written
            states = played.measures.states()
            engine = writing_engine(Store.of(store_url))
            with engine.connect() as connection:
                while time.monotonic() < begin_s + 2.5:
                    written += 1
                    with suppress(sa.exc.OperationalError), connection.begin():
                        for name, state in states.items():
                            mine = sa.update(live).where(live.c.scheduler == name)
                            now = {**state, "tasks": written}
                            connection.execute(mine.values(state=now, updated_at=time.time()))
            engine.dispose()

        writing = threading.Thread(target=write)
        writing.start()
        while time.monotonic() < begin_s + 2.5:
            watching.read()
        writing.join()
        times = [s for s in watching.arrived_s if begin_s <= s <= begin_s + 2.5]
        assert written > 26  # more states than messages may be
        assert 2 < len(times) <= 26
        watching.read_until(lambda state: state["lanes"]["oracle"]["tasks"] == written)


def test_a_client_that_falls_behind_gets_the_newest_state(store_url: str) -> None:
    with PlayedRun(store_url, log=HEAVY_LOG) as played, Served(store_url) as served:
        played.play(1)
        deaf = served.connect_deaf()
        with served.watch() as watching:
            count = behind = 0
            while behind < 15:  # states that do not fit between here and there
                count += 1
                behind += max(served.waiting_bytes()) > 64 * 1024
                played.show(placed=count, log=[*HEAVY_LOG, [0.0, str(count)]])
                watching.read_until(lambda state, n=count: state["engine"]["placed"] >= n)
                assert max(served.waiting_bytes()) < 64 * 1024 + 100_000
                assert count < 100
            newest = watching.messages[-1]["sequence"]
        messages = _read_frames(deaf, lambda m: m["type"] == "snapshot" and m["sequence"] > 1)
        deaf.close()
        numbers = [message["sequence"] for message in messages]
        assert [m["type"] for m in messages] == [
            "snapshot",
            *["change"] * (len(messages) - 2),
            "snapshot",
        ]
        assert numbers[:-1] == list(range(numbers[0], numbers[0] + len(numbers) - 1))
        assert numbers[-1] >= newest - 1 > numbers[-2] + 5  # it has missed some, and is up to date


def _read_frames(deaf: Any, is_last: Any) -> list[dict[str, Any]]:
    """Messages of a socket that begins to read: unmasked text frames."""
    deaf.settimeout(10.0)
    file, found = deaf.makefile("rb"), []
    while not found or not is_last(found[-1]):
        first, length = file.read(2)
        if length >= 126:
            length = int.from_bytes(file.read(2 if length == 126 else 8), "big")
        content = file.read(length)
        assert first in (0x81, 0x88, 0x89), first
        if first == 0x88:
            return [*found, {"code": int.from_bytes(content[:2], "big")}]
        if first == 0x81:
            found.append(json.loads(content))
    return found


def test_a_client_that_never_reads_is_closed(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_routes, "PATIENCE_S", 1.0)
    with PlayedRun(store_url, log=HEAVY_LOG) as played, Served(store_url) as served:
        played.play(1)
        deaf = served.connect_deaf()
        with served.watch() as watching:
            until_s, count = time.monotonic() + 20, 0
            while served.metric("hybridcluster_clients_too_slow_total") < 1:
                count += 1
                played.show(placed=count, log=[*HEAVY_LOG, [0.0, str(count)]])
                watching.read_until(lambda state, n=count: state["engine"]["placed"] >= n - 1)
                assert max(served.waiting_bytes()) < 64 * 1024 + 100_000
                assert time.monotonic() < until_s
            store_rows.wait_until(lambda: served.metric("hybridcluster_sockets") == 1.0)
            store_rows.wait_until(lambda: max(served.waiting_bytes()) == 0)
            watching.read()  # the others are served on
        with pytest.raises(ConnectionResetError):
            _drain(deaf)


def _drain(deaf: socket.socket) -> None:
    while deaf.recv(65536):
        pass


def test_a_client_that_reads_too_late_is_told_why(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_routes, "PATIENCE_S", 1.0)
    monkeypatch.setattr(serving, "_PARTING_S", 10.0)
    with PlayedRun(store_url, log=HEAVY_LOG) as played, Served(store_url) as served:
        played.play(1)
        late = served.connect_deaf()
        count = 0
        while served.metric("hybridcluster_clients_too_slow_total") < 1:
            count += 1
            played.show(log=[*HEAVY_LOG, [0.0, str(count)]])
            time.sleep(0.05)
            assert count < 400
        assert _read_frames(late, lambda message: False)[-1] == {"code": 1008}
        late.close()


def test_a_server_ends_whoever_does_not_read(store_url: str) -> None:
    with PlayedRun(store_url, log=HEAVY_LOG) as played, Served(store_url) as served:
        played.play(1)
        deaf = served.connect_deaf()
        count = 0
        while max(served.waiting_bytes(), default=0) < 64 * 1024:
            count += 1
            played.show(placed=count, log=[*HEAVY_LOG, [0.0, str(count)]])
            time.sleep(0.05)
            assert count < 200
        with served.watch() as watching:
            watching.read()
            assert served.end() < 8.0
            with pytest.raises(ConnectionClosed) as closed:
                watching.read_until(lambda state: False)
        deaf.close()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012


def test_what_a_client_sends_is_bounded(store_url: str) -> None:
    with PlayedRun(store_url) as played, Served(store_url) as served:
        played.play(1)
        with served.watch() as watching:
            for number in range(100):
                watching.connection.send(f"what is this? {number}")
            watching.connection.send(b"\x00" * 4000)
            for count in (1, 2, 3):
                played.show(placed=count)
                watching.read_until(lambda state, n=count: state["engine"]["placed"] == n)
        with served.watch() as watching:
            watching.connection.send("x" * 5000)
            with pytest.raises(ConnectionClosed) as closed:
                watching.read_until(lambda state: False)
        assert closed.value.sent is not None or closed.value.rcvd is not None
        assert (closed.value.rcvd or closed.value.sent).code == 1009


def test_a_socket_lives_longer_than_a_request_may_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cpu_gpu_env.dashboard.connections.REQUEST_S", 0.2)
    url = str(tmp_path / "results.sqlite")
    with PlayedRun(url) as played, Served(url) as served:
        played.play(1)
        with served.watch() as watching:
            for count in (1, 2, 3):
                time.sleep(0.3)
                played.show(placed=count)
                watching.read_until(lambda state, n=count: state["engine"]["placed"] == n)


def test_sockets_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_service, "MAX_SOCKETS", 2)
    url = str(tmp_path / "results.sqlite")
    with PlayedRun(url) as played, Served(url) as served:
        played.play(1)
        with served.watch() as one, served.watch() as other:
            one.read()
            other.read_until(lambda state: state["server"]["clients"] == 2)
            with served.watch() as third, pytest.raises(ConnectionClosed) as closed:
                third.read()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1013
        with served.watch() as watching:
            watching.read_until(lambda state: state["server"]["clients"] == 1)
