"""The socket and the newest state: against what is in the store, over real connections."""

import json
import math
import socket
import sqlite3
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import store_rows
import stored_runs
from dashboard_server import PlayedRun, Served
from store_units import query
from websockets.exceptions import ConnectionClosed

from cpu_gpu_env.dashboard import serving
from cpu_gpu_env.dashboard.routes import live as live_routes
from cpu_gpu_env.dashboard.services import live as live_service
from cpu_gpu_env.results.store.comparisons import ComparisonRun
from cpu_gpu_env.results.store.database import Store, writing_engine
from cpu_gpu_env.results.store.tables import live, runs
from cpu_gpu_env.scripts.temporary_postgresql import Server

HEAVY_LOG = [[float(number), "x" * 400] for number in range(150)]
"""Makes a message of 65 kB."""
OBJECTIVE = "SELECT scheduler, objective, bound FROM episodes WHERE run = {} AND episode = {}"


def test_a_snapshot_then_changes_equal_the_store(store_url: str) -> None:
    with PlayedRun(store_url) as played, Served(store_url) as served:
        played.play(3)
        with served.watch() as watching:
            first = watching.read()
            assert (first["type"], first["sequence"] > 0) == ("snapshot", True)
            watching.read_until(lambda state: state["run"]["next_episode"] == 3)
            played.play(4)
            watching.read_until(
                lambda state: state["run"]["next_episode"] == state["engine"]["episode"] == 7
            )
            state = watching.state
            assert {m["type"] for m in watching.messages[1:]} == {"change"}
        assert state["run"]["tasks"] == played.tasks
        assert (state["run"]["status"], state["run"]["is_alive"]) == ("running", True)
        assert state["engine"]["process"]["cpu_percent"] == 12.5
        assert state["engine"]["log"] == [{"at": 1.5e9, "text": "the run begins"}]
        assert list(state["lanes"]) == list(played.measures.lanes)
        newest = {name: values for name, *values in query(store_url, OBJECTIVE.format(1, 6))}
        for name, lane in state["lanes"].items():
            assert [lane["now"]["objective"], lane["now"]["bound"]] == newest[name]
            for span in ("all", "window"):
                for metric, value in played.measures.lanes[name].summary(span).items():
                    expected = None if math.isnan(value) else pytest.approx(value, rel=1e-12)
                    assert lane[span][metric.key] == expected, metric
            assert (lane["episodes"], lane["window_episodes"]) == (7, 5)
            assert len(lane["series"]["objective"]) == 5
        asked = served.get("/api/state")
        assert {**asked, "server": None} == {**state, "server": None}
        status = served.get("/api/status")
        assert (status["mode"], status["trouble"], status["clients"]) == ("watch", None, 0)
        assert status["process"]["rss_bytes"] > 10**7


def test_an_engine_that_has_ended_is_null(store_url: str) -> None:
    with PlayedRun(store_url) as played, Served(store_url) as served, served.watch() as watching:
        played.play(2)
        watching.read_until(lambda state: state["engine"] and state["lanes"])
        played.close()
        watching.read_until(lambda state: state["engine"] is None)
        assert watching.messages[-1]["engine"] is None
        watching.read_until(lambda state: state["run"]["status"] == "finished")
        assert watching.state["lanes"]["oracle"]["episodes"] == 2


def test_a_new_stream_is_followed_with_a_snapshot(store_url: str) -> None:
    with Served(store_url) as served, served.watch() as watching:
        with PlayedRun(store_url) as played:
            played.play(1)
            watching.read_until(lambda state: state["run"] and state["lanes"]["oracle"]["now"])
        with PlayedRun(store_url) as second, served.watch(1) as on_the_first:
            watching.read_until(lambda state: state["run"]["run"] == second.run)
            assert watching.messages[-1]["type"] == "snapshot"
            assert watching.state["lanes"]["oracle"]["episodes"] == 0
            second.play(2)
            watching.read_until(lambda state: state["lanes"]["oracle"]["episodes"] == 2)
            on_the_first.read()
            assert on_the_first.state["run"]["run"] == 1


def test_a_run_that_is_not_there(store_url: str) -> None:
    with PlayedRun(store_url) as played, Served(store_url) as served:
        assert "42" in served.get("/api/state?run=42", 404)["error"]
        with served.watch(42) as watching, pytest.raises(ConnectionClosed) as closed:
            watching.read()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4404
        assert "42" in closed.value.rcvd.reason
        assert served.http.get("/api/state?run=x").status_code == 422
        played.close()
        with served.watch(1) as watching:
            watching.read()
            with _writing(store_url) as connection:
                for table in (live, runs):
                    connection.execute(sa.delete(table))
            with pytest.raises(ConnectionClosed) as closed:
                watching.read_until(lambda state: False)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4404


def test_an_empty_store_becomes_a_full_one(tmp_path: Path) -> None:
    url = str(tmp_path / "new.sqlite")
    with Served(url) as served, served.watch() as watching:
        assert watching.read()["state"]["run"] is None
        assert "no such file" in watching.state["server"]["trouble"]
        with PlayedRun(url) as played:
            played.play(1)
            watching.read_until(lambda state: state["run"] and state["lanes"])
            watching.read_until(lambda state: state["server"]["trouble"] is None)


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
                    for name, state in states.items():
                        mine = sa.update(live).where(live.c.scheduler == name)
                        with suppress(sa.exc.OperationalError), connection.begin():
                            now = {**state, "tasks": written}
                            connection.execute(mine.values(state=now, updated_at=time.time()))
            engine.dispose()

        writing = threading.Thread(target=write)
        writing.start()
        while time.monotonic() < begin_s + 2.5:
            watching.read()
        writing.join()
        times = [s for s in watching.arrived_s if begin_s <= s <= begin_s + 2.5]
        assert written > 50  # far more states than messages
        assert 5 < len(times) <= 26
        watching.read_until(lambda state: state["lanes"]["oracle"]["tasks"] == written)


def _writing(url: str) -> Any:
    return writing_engine(Store.of(url)).begin()


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
            assert count < 200
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


def test_a_file_that_is_gone_and_comes_back(tmp_path: Path) -> None:
    path, away = tmp_path / "results.sqlite", tmp_path / "away.sqlite"
    with PlayedRun(str(path)) as played:
        played.play(2)
    with Served(str(path)) as served, served.watch() as watching:
        watching.read()
        path.rename(away)
        watching.read_until(lambda state: state["server"]["trouble"])
        assert str(path) in watching.state["server"]["trouble"]
        assert watching.state["lanes"]["oracle"]["episodes"] == 2  # what was known stays
        assert "error" in served.get("/readyz", 503)
        assert served.get("/healthz") == {"status": "ok"}
        assert served.metric("hybridcluster_store_trouble") == 1.0
        away.rename(path)
        watching.read_until(lambda state: state["server"]["trouble"] is None)
        with PlayedRun(str(path)) as played:
            played.play(1)
            watching.read_until(lambda state: state["run"]["run"] == 2 and state["lanes"])
        assert served.get("/readyz") == {"status": "ok"}


def test_a_database_that_is_gone_and_comes_back(
    postgresql_url: str, postgresql_server: Server
) -> None:
    name = postgresql_url.rpartition("/")[2]
    with PlayedRun(postgresql_url) as played:
        played.play(2)
    with Served(postgresql_url) as served, served.watch() as watching:
        watching.read()
        postgresql_server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        postgresql_server.execute(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        )
        watching.read_until(lambda state: state["server"]["trouble"])
        assert served.get("/readyz", 503)
        postgresql_server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        watching.read_until(lambda state: state["server"]["trouble"] is None)
        assert watching.state["run"]["next_episode"] == 2


def test_live_states_of_an_older_engine_and_damaged_ones(tmp_path: Path) -> None:
    path = tmp_path / "results.sqlite"
    with PlayedRun(str(path)) as played, Served(str(path)) as served:
        played.play(2)
        played.writer.flush()
        older = played.measures.states()["oracle"]
        older = {k: v for k, v in older.items() if k not in ("percentiles", "difference")}
        engine = {"episode": 2, "clock_s": 1.0, "placed": 0, "speed": 2.0, "paused": True}
        engine |= {"phase": "", "trouble": None}
        time.sleep(0.3)  # the last state that was shown is stored
        _set_state(path, {**older, "engine": engine})
        with served.watch() as watching:
            watching.read_until(lambda state: state["engine"] and state["engine"]["paused"])
            assert watching.state["engine"]["process"] is None
            assert watching.state["engine"]["log"] == []
            lane = watching.state["lanes"]["oracle"]
            assert (lane["percentiles"], lane["waits_s"], lane["difference"]) == ({}, None, None)
            _set_state(path, {**older, "engine": engine, "tasks": "many"})
            watching.read_until(lambda state: state["server"]["trouble"])
            trouble = watching.state["server"]["trouble"]
            assert "is damaged" in trouble
            assert "tasks" in trouble
            _set_state(path, {**older, "engine": {**engine, "placed": 5}})
            watching.read_until(lambda state: state["engine"]["placed"] == 5)
            assert watching.state["server"]["trouble"] is None


def _set_state(path: Path, state: dict[str, Any]) -> None:
    connection = sqlite3.connect(path, timeout=5)
    text = json.dumps(state, default=float)
    connection.execute("UPDATE live SET updated_at = ?, state = ?", (time.time(), text))
    connection.commit()
    connection.close()


def test_a_comparison_shows_what_its_episodes_tell(store_url: str) -> None:
    comparison, _, _ = stored_runs.play({"num_tasks": 8}, range(5, 8))
    with ComparisonRun(store_url, "comparison", "python scripts/compare.py") as stored:
        stored.add(comparison, {"num_tasks": 8})
        stored.finish()
    with Served(store_url) as served:
        state = served.get("/api/state")
    assert state["run"]["kind"] == "comparison"
    assert state["engine"] is None
    for result in comparison.results:
        lane = state["lanes"][result.name]
        assert lane["episodes"] == lane["window_episodes"] == 3
        assert lane["tasks"] == 24
        for metric, values in result.episodes.values.items():
            if not metric.of_all_tasks:
                assert lane["all"][metric.key] == pytest.approx(values.mean())
                assert lane["now"][metric.key] == values[-1]
        assert lane["all"]["p99_wait_s"] is None
        timed_s = result.decision_percentile_s(50)
        assert lane["all"]["decision_p50_s"] == (None if math.isnan(timed_s) else timed_s)
