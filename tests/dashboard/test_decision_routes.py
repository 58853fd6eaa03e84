"""Single decisions and their audit, as the server tells them: against episodes played again."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
import stored_runs
from dashboard_rows import Asked, add_decisions, add_run

from cpu_gpu_env.dashboard.services import audit
from cpu_gpu_env.results.store import tables
from cpu_gpu_env.results.store.reading import open_reader
from cpu_gpu_env.runtime.stored_episode import load_episode
from cpu_gpu_env.sim.placed import place_tasks

BASE = {"num_tasks": 6}
SEEDS = (3, 4, 5)


@pytest.fixture
def engine(store_url: str) -> sa.Engine:
    """A store with run 1: three episodes of six tasks."""
    engine = stored_runs.open_store(store_url)
    stored_runs.store_run(engine, {"": (BASE, SEEDS)})
    return engine


@pytest.mark.usefixtures("engine")
def test_decisions_are_what_the_simulation_did(store_url: str) -> None:
    comparison, instances, _ = stored_runs.play(BASE, SEEDS)
    for result in comparison.results:
        placed = place_tasks(instances, result.episodes.actions)
        with Asked(store_url) as server:
            page = server.get(f"/api/runs/1/decisions?scheduler={result.name}&first=0")
        assert (page["scheduler"], page["next"], len(page["decisions"])) == (result.name, None, 18)
        for row in page["decisions"]:
            where = row["episode"], row["task"]
            assert row["sequence"] == 6 * row["episode"] + row["task"]
            assert row["action"] == result.episodes.actions[where]
            assert row["wait_s"] == pytest.approx(placed.wait_s[where], abs=1e-12)
            assert row["response_s"] == pytest.approx(placed.response_s[where])
            assert row["energy_j"] == pytest.approx(placed.energy_j[where])
            for pool, first, shares in (("cpu", 0, placed.cpus), ("gpu", 1, placed.gpus)):
                if shares.device[where] < 0:
                    assert row[pool] is None
                else:
                    assert row[pool] == {
                        "device": first + shares.device[where],
                        "start_s": pytest.approx(shares.start_s[where]),
                        "finish_s": pytest.approx(shares.finish_s[where]),
                    }
            assert row["cpu"] or row["gpu"]


@pytest.mark.usefixtures("engine")
def test_decisions_come_in_pages_or_the_newest(store_url: str) -> None:
    with Asked(store_url) as server:

        def asked(query: str) -> tuple[list[int], int | None]:
            page = server.get(f"/api/runs/1/decisions?scheduler=random&{query}")
            return [row["sequence"] for row in page["decisions"]], page["next"]

        assert asked("first=0&limit=5") == ([0, 1, 2, 3, 4], 5)
        assert asked("first=15&limit=5") == ([15, 16, 17], None)
        assert asked("first=13&limit=5") == ([13, 14, 15, 16, 17], None)
        assert asked("first=18") == ([], None)
        assert asked("last=3") == ([15, 16, 17], None)
        assert asked("last=3&before=10") == ([7, 8, 9], 10)
        assert asked("limit=2") == ([16, 17], None)
        assert asked("before=0") == ([], None)
        assert asked("") == (list(range(18)), None)
        for wrong in ("last=0", "last=2001", "limit=2001", "first=-1", "before=-1", "first=x"):
            refusal = server.get(f"/api/runs/1/decisions?scheduler=random&{wrong}", 422)
            assert wrong.split("=")[0] in refusal["error"]
        for wrong in ("first=1&last=1", "first=1&before=9"):
            assert (
                "first"
                in server.get(f"/api/runs/1/decisions?scheduler=random&{wrong}", 400)["error"]
            )
        assert "scheduler" in server.get("/api/runs/1/decisions", 422)["error"]
        assert server.get("/api/runs/1/decisions?scheduler=greedy", 404)
        assert server.get("/api/runs/2/decisions?scheduler=random", 404)


def test_a_decision_that_ran_nowhere_is_damage(store_url: str) -> None:
    engine = stored_runs.open_store(store_url)
    run = add_run(engine)
    add_decisions(engine, run, "random", [{"cpu_device": None}])
    with Asked(store_url) as server:
        refusal = server.get(f"/api/runs/{run}/decisions?scheduler=random", 503)
    assert "task 0 ran nowhere" in refusal["error"]


def test_devices_that_nobody_names_are_counted(store_url: str) -> None:
    engine = stored_runs.open_store(store_url)
    run = add_run(engine)
    on_gpu = {"gpu_device": 1, "gpu_start_s": 0.5, "gpu_finish_s": 3.0, "arrival_s": 0.25}
    add_decisions(engine, run, "random", [on_gpu, {"cpu_device": 3}])
    with Asked(store_url) as server:
        first, second = server.get(f"/api/runs/{run}/decisions?scheduler=random")["decisions"]
    assert first["gpu"] == {"device": 4 + 1, "start_s": 0.5, "finish_s": 3.0}
    assert (first["wait_s"], first["response_s"]) == (-0.25, 2.75)  # the CPU began before
    assert second["cpu"]["device"] == 3


def lanes_of(answer: Any) -> dict[str, Any]:
    return {lane["scheduler"]: lane for lane in answer["lanes"]}


@pytest.mark.usefixtures("engine")
def test_an_audit_tells_what_each_choice_cost(store_url: str) -> None:
    with Asked(store_url) as server, open_reader(store_url) as reader:
        for sequence in (0, 8, 17):
            answer = server.get(f"/api/runs/1/decisions/{sequence}")
            episode, task = divmod(sequence, 6)
            assert (answer["sequence"], answer["episode"], answer["task"]) == (
                sequence,
                episode,
                task,
            )
            assert answer["gpu_fractions"] == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
            assert answer["why_no_cost"] is None
            costs = load_episode(reader, 1, episode).costs(task)
            lanes = lanes_of(answer)
            assert list(lanes) == [*stored_runs.SCHEDULERS, "oracle"]
            assert {name: lane["cost"] for name, lane in lanes.items()} == pytest.approx(costs)
            assert lanes["oracle"]["cost"] == 0.0
            page = server.get(f"/api/runs/1/decisions?scheduler=myopic&first={sequence}&limit=1")
            assert lanes["myopic"]["decision"] == page["decisions"][0]
            assert {lane["prediction"] for lane in lanes.values()} == {None}
        refusal = server.get("/api/runs/1/decisions/18", 404)
        assert "tasks 0 to 17 of run 1" in refusal["error"]
        assert server.get("/api/runs/2/decisions/0", 404)
        assert server.get("/api/runs/1/decisions/-1", 422)
        assert server.get("/api/runs/1/decisions/x", 422)


def test_an_audit_without_the_oracle_says_why_there_is_no_cost(
    engine: sa.Engine, store_url: str
) -> None:
    with engine.begin() as connection:
        of_oracle = tables.decisions.c.scheduler == "oracle"
        connection.execute(sa.delete(tables.decisions).where(of_oracle))
    with Asked(store_url) as server:
        answer = server.get("/api/runs/1/decisions/3")
    assert "oracle" in answer["why_no_cost"]
    assert {lane["cost"] for lane in answer["lanes"]} == {None}
    assert list(lanes_of(answer)) == list(stored_runs.SCHEDULERS)


def test_an_audit_of_what_is_no_longer_the_same_says_so(engine: sa.Engine, store_url: str) -> None:
    with engine.begin() as connection:
        connection.execute(sa.update(tables.episodes).values(objective=1.0))
    with Asked(store_url) as server:
        answer = server.get("/api/runs/1/decisions/3")
    assert "cannot be played again" in answer["why_no_cost"]


@pytest.mark.usefixtures("engine")
def test_an_episode_is_drawn_once_for_all_that_ask(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []

    def load(reader: Any, run: int, episode: int) -> Any:
        drawn.append(episode)
        return load_episode(reader, run, episode)

    monkeypatch.setattr(audit, "load_episode", load)
    monkeypatch.setattr(audit, "MAX_EPISODES", 2)
    answers: list[Any] = []
    with Asked(store_url) as server:
        threads = [
            threading.Thread(target=lambda: answers.append(server.get("/api/runs/1/decisions/1")))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert drawn == [0]
        assert len(answers) == 4
        assert all(answer == answers[0] for answer in answers)
        for sequence in (2, 6, 3, 12, 4, 7):  # episodes 0, 1, 0, 2, 0, 1: the last was dropped
            server.get(f"/api/runs/1/decisions/{sequence}")
    assert drawn == [0, 1, 2, 1]


@pytest.mark.parametrize(
    "store_url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)], indirect=True
)
def test_a_learned_scheduler_tells_what_it_predicted(store_url: str) -> None:
    engine = stored_runs.open_store(store_url)
    run, _ = stored_runs.store_run(engine, {"": (BASE, SEEDS)})
    # It says that the forest did what the myopic scheduler did: the model would choose otherwise.
    with engine.begin() as connection:
        for table in (tables.episodes, tables.decisions):
            mine = (table.c.run == run) & (table.c.scheduler == "myopic")
            connection.execute(sa.update(table).where(mine).values(scheduler="random-forest"))
        names = ["random-forest", "earliest-finish", "random", "oracle"]
        connection.execute(sa.update(tables.runs).values(schedulers=names))
    told = []
    with Asked(store_url) as server:
        for sequence in range(18):
            lanes = lanes_of(server.get(f"/api/runs/{run}/decisions/{sequence}"))
            assert lanes["random"]["prediction"] is None
            told.append(lanes["random-forest"]["prediction"])
    assert {prediction["kind"] for prediction in told} == {"probability"}
    refused = [prediction for prediction in told if prediction["why_not"] is not None]
    known = [prediction for prediction in told if prediction["why_not"] is None]
    assert refused
    assert known
    assert all(prediction["values"] == [] for prediction in refused)
    assert all("would choose" in prediction["why_not"] for prediction in refused)
    for prediction in known:
        assert np.isclose(sum(prediction["values"]), 1.0)
        assert len(prediction["values"]) == 6
        assert set(prediction["features"]) >= {"scaled_size", "scaled_intensity", "scaled_memory"}
