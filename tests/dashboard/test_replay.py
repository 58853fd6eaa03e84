"""A stored run played once more: against sums over the stored rows, made by hand."""

import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
import stored_runs
from dashboard_server import PHASE, PlayedRun, Served
from store_units import query

from cpu_gpu_env.dashboard.errors import ConflictError, NotFoundError
from cpu_gpu_env.dashboard.repositories.source import StoreSource
from cpu_gpu_env.dashboard.schemas.live import LaneState
from cpu_gpu_env.dashboard.services import played as played_service
from cpu_gpu_env.dashboard.services.hub import Watched
from cpu_gpu_env.dashboard.services.replay import Replay
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.results.metrics import CUMULATIVE_METRICS, STREAM_METRICS

EPISODES, WINDOW = 23, 5
DEVICES = PHASE.problem.cluster.device_names


@pytest.fixture
def played_url(store_url: str) -> str:
    """A store with a run of `EPISODES` episodes."""
    with PlayedRun(store_url) as played:
        for count in (9, 1, 13):
            played.play(count)
    return store_url


def _settled(replay: Replay) -> Watched:
    """The state once the sums are there."""
    until_s = time.monotonic() + 10
    while True:
        watched = replay.poll()
        assert watched.lanes is not None
        if all(lane.all["objective"] is not None for lane in watched.lanes.values()):
            return watched
        assert time.monotonic() < until_s


class Clock:
    """Time that goes by when the test says so."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def _rows(url: str, scheduler: str) -> list[dict[str, Any]]:
    columns = ["episode", "tasks", "bound", "utilisation", *(m.key for m in STREAM_METRICS)]
    found = query(
        url,
        f"SELECT {', '.join(columns)} FROM episodes WHERE run = 1 AND scheduler = '{scheduler}' "
        "ORDER BY episode",
    )
    rows = [dict(zip(columns, row, strict=True)) for row in found]
    for row in rows:
        if isinstance(row["utilisation"], str):
            row["utilisation"] = json.loads(row["utilisation"])
    return rows


def _check_span(values: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    for metric in STREAM_METRICS:
        if metric.of_all_tasks:
            assert values[metric.key] is None
        else:
            mean = math.fsum(row[metric.key] for row in rows) / len(rows)
            assert values[metric.key] == pytest.approx(mean, rel=1e-9, abs=1e-12), metric
    for metric, cumulative in CUMULATIVE_METRICS.items():
        total = math.fsum(row[metric.key] for row in rows)
        assert values[cumulative.key] == pytest.approx(total, rel=1e-9, abs=1e-12)
    assert values["bound"] == pytest.approx(sum(row["bound"] for row in rows) / len(rows))
    assert values["decision_p50_s"] is None


def _busy_part(rows: list[dict[str, Any]], device: int) -> float:
    busy_s = sum(row["utilisation"][device] * row["makespan_s"] for row in rows)
    return float(busy_s / sum(row["makespan_s"] for row in rows))


def _check(url: str, watched: Watched, position: int) -> None:
    assert watched.trouble is None
    assert watched.replay is not None
    assert watched.lanes is not None
    assert watched.replay.position == position
    for name, lane in watched.lanes.items():
        rows = _rows(url, name)[: position + 1]
        recent = rows[-WINDOW:]
        assert (lane.episodes, lane.window_episodes) == (len(rows), len(recent))
        assert lane.tasks == sum(row["tasks"] for row in rows)
        _check_span(lane.all, rows)
        _check_span(lane.window, recent)
        for metric in STREAM_METRICS:
            assert lane.now[metric.key] == rows[-1][metric.key]
        assert lane.series["objective"] == [row["objective"] for row in recent]
        assert [device.name for device in lane.devices] == list(DEVICES)
        assert [device.kind for device in lane.devices] == ["cpu", "gpu", "gpu"]
        for number, device in enumerate(lane.devices):
            assert device.load == rows[-1]["utilisation"][number]
            assert device.utilisation == pytest.approx(_busy_part(rows, number))
            assert device.window_utilisation == pytest.approx(_busy_part(recent, number))
            assert device.queue is None
        assert lane.percentiles == {}


@pytest.mark.parametrize("stretch", [played_service.STRETCH, 4])
def test_each_position_equals_the_stored_rows(
    played_url: str, stretch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(played_service, "STRETCH", stretch)
    replay = Replay(StoreSource(played_url), 1, Clock())
    replay.pause()
    _check(played_url, _settled(replay), 0)
    for position in (1, 2, 9, 22, 3, 4, 12, 0, 17):  # forwards by little and by much, backwards
        replay.seek(position)
        _check(played_url, _settled(replay), position)


def test_it_moves_at_its_speed_and_pauses_at_the_end(played_url: str) -> None:
    clock = Clock()
    replay = Replay(StoreSource(played_url), 1, clock)

    def position() -> int:
        state = replay.poll().replay
        assert state is not None
        return state.position

    assert position() == 0
    replay.set_speed(4.0)
    clock.now_s += 1.3
    assert position() == 5
    replay.pause()
    clock.now_s += 60
    assert position() == 5
    replay.resume()
    replay.set_speed(1.0)
    clock.now_s += 0.9
    assert position() == 6  # 5.2 and 0.9
    _check(played_url, _settled(replay), 6)
    clock.now_s += 1000
    state = replay.poll().replay
    assert state is not None
    assert (state.first, state.position, state.last) == (0, 22, 22)
    assert state.paused
    _check(played_url, _settled(replay), 22)
    replay.resume()  # begins anew
    assert position() == 0
    replay.set_speed(None)
    clock.now_s += 1.0
    assert position() == 22


def test_what_is_refused(played_url: str) -> None:
    replay = Replay(StoreSource(played_url), 1)
    for episode in (-1, EPISODES):
        with pytest.raises(HybridClusterError, match=r"episode.*0.*22"):
            replay.seek(episode)
    for speed in (0.0, -1.0, 1e9, math.nan):
        with pytest.raises(HybridClusterError, match="speed"):
            replay.set_speed(speed)
    with pytest.raises(NotFoundError, match="42"):
        Replay(StoreSource(played_url), 42).seek(0)
    engine = stored_runs.open_store(played_url)
    empty = stored_runs.add_run(engine)
    engine.dispose()
    with pytest.raises(ConflictError, match="no episodes"):
        Replay(StoreSource(played_url), empty).seek(0)


def test_the_sums_may_come_later(played_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(played_service, "STRETCH", 2)
    monkeypatch.setattr("cpu_gpu_env.dashboard.services.replay._SUMMING_S", -1.0)
    replay = Replay(StoreSource(played_url), 1, Clock())
    replay.pause()
    replay.poll()
    replay.seek(20)
    watched = replay.poll()
    assert watched.lanes is not None
    lane = watched.lanes["oracle"]
    assert set(lane.all.values()) == {None}
    rows = _rows(played_url, "oracle")
    assert lane.now["objective"] == rows[20]["objective"]
    assert lane.window["objective"] == pytest.approx(
        np.mean([row["objective"] for row in rows[16:21]])
    )
    monkeypatch.undo()
    _check(played_url, _settled(replay), 20)


def test_a_server_plays_it(played_url: str) -> None:
    with Served(played_url, replay=1) as served, served.watch() as watching:
        replay = served.app.state.services.replay
        first = watching.read()["state"]
        assert (first["server"]["mode"], first["engine"]) == ("replay", None)
        replay.set_speed(50.0)
        watching.read_until(lambda state: state["replay"]["paused"])
        assert watching.state["replay"]["position"] == 22
        assert {message["type"] for message in watching.messages[1:]} == {"change"}
        replay.seek(4)
        watching.read_until(lambda state: state["replay"]["position"] == 4)
        state = served.get("/api/state")
        for name, lane in state["lanes"].items():
            assert lane == watching.state["lanes"][name]
            LaneState.model_validate(lane)
            _check_span(lane["all"], _rows(played_url, name)[:5])


def test_many_episodes_are_summed_up_stretch_by_stretch(tmp_path: Path) -> None:
    url = str(tmp_path / "results.sqlite")
    engine = stored_runs.open_store(url)
    run = stored_runs.add_run(engine, schedulers=["greedy"], next_episode=60_000)
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 59999) "
                "INSERT INTO episodes (run, scheduler, episode, phase, tasks, finished_at, "
                "model_version, exploration, objective, makespan_s, utilisation) "
                f"SELECT {run}, 'greedy', i, '', 7, 0, 0, 0, i, 2.0, '[0.25, 0.5]' FROM n"
            )
        )
    engine.dispose()
    replay = Replay(StoreSource(url), run, Clock())
    replay.pause()
    replay.seek(59_999)
    watched = _settled(replay)
    assert watched.lanes is not None
    lane = watched.lanes["greedy"]
    assert lane.all["objective"] == pytest.approx(59_999 / 2)
    assert lane.tasks == 420_000
    assert lane.window_episodes == 100
    assert replay._played is not None
    assert len(replay._played._kept) == 13
