"""The socket and the newest state: against what is in the store, over real connections."""

import json
import math
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import stored_runs
from dashboard_server import PlayedRun, Served
from store_units import query
from websockets.exceptions import ConnectionClosed

from cpu_gpu_env.results.store.comparisons import ComparisonRun
from cpu_gpu_env.results.store.database import Store, writing_engine
from cpu_gpu_env.results.store.tables import live, runs
from cpu_gpu_env.scripts.temporary_postgresql import Server

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


def _writing(url: str) -> Any:
    return writing_engine(Store.of(url)).begin()


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
