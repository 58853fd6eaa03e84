"""Runs, as the server tells of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import store_rows
import stored_runs
from dashboard_rows import NAMES, STREAM, Asked, add_decisions, add_run
from store_rows import quiet_writer

from cpu_gpu_env.dashboard.schemas.runs import RunDetail
from cpu_gpu_env.results.store import tables

DEVICES = ["epyc-7763 #0", *(f"a100-80gb #{number}" for number in range(4))]
BASE = {"num_tasks": 6}


def test_runs_come_in_pages_sorted_as_asked(store_url: str) -> None:
    engine = stored_runs.open_store(store_url)
    for kind, tasks in (("stream", 30), ("pareto", 10), ("stream", 20)):
        add_run(engine, kind=kind, tasks=tasks, started_at=1e9 - tasks)
    with Asked(store_url) as server:

        def listed(query: str) -> tuple[list[int], int]:
            page = server.get(f"/api/runs{query}")
            return [run["run"] for run in page["runs"]], page["total"]

        assert listed("") == ([3, 2, 1], 3)
        assert listed("?order=asc&limit=2") == ([1, 2], 3)
        assert listed("?order=asc&limit=2&offset=2") == ([3], 3)
        assert listed("?offset=7") == ([], 3)
        assert listed("?sort=tasks&order=asc") == ([2, 3, 1], 3)
        assert listed("?sort=started_at&order=asc") == ([1, 3, 2], 3)
        assert listed("?sort=kind&order=asc") == ([2, 1, 3], 3)
        assert listed("?sort=status") == ([3, 2, 1], 3)
        for wrong in ("sort=command", "order=up", "limit=0", "limit=201", "offset=-1", "limit=x"):
            refusal = server.get(f"/api/runs?{wrong}", 422)
            assert wrong.split("=")[0] in refusal["error"]


def test_an_empty_store_has_no_runs(store_url: str) -> None:
    stored_runs.open_store(store_url)
    with Asked(store_url) as server:
        assert server.get("/api/runs") == {"runs": [], "total": 0}
        assert "no runs yet" in server.get("/api/runs/1", 404)["error"]


def test_a_store_that_comes_later_is_read_then(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'later.sqlite'}"
    with Asked(url) as server:
        refusal = server.get("/api/runs", 503)
        assert "there is no such file" in refusal["error"]
        stored_runs.open_store(url)
        assert server.get("/api/runs")["total"] == 0


def test_a_store_that_is_damaged_is_told_from_a_run_that_is_unknown(tmp_path: Path) -> None:
    path = tmp_path / "results.sqlite"
    engine = stored_runs.open_store(str(path))
    run = add_run(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE runs SET schedulers = 'no JSON'")
    with Asked(str(path)) as server:
        assert "damaged" in server.get(f"/api/runs/{run}", 503)["error"]
        assert server.get(f"/api/runs/{run + 1}", 404) == {
            "error": "run is 2; allowed: those of the store: 1"
        }


@pytest.mark.parametrize("run", ["0", "2147483648", "-1", "x", "1.5", "%00"])
def test_what_is_no_number_of_a_run_is_refused(tmp_path: Path, run: str) -> None:
    with Asked(str(tmp_path / "none.sqlite")) as server:
        assert "run" in server.get(f"/api/runs/{run}", 422)["error"]


def test_a_run_that_is_written_is_alive(store_url: str) -> None:
    old = add_run(stored_runs.open_store(store_url), status="running")  # it was killed
    writer = quiet_writer(store_url)
    run = writer.new_run(**store_rows.RUN, status="running")
    with Asked(store_url) as server:

        def alive() -> dict[int, tuple[str, bool]]:
            runs = server.get("/api/runs")["runs"]
            return {run["run"]: (run["status"], run["is_alive"]) for run in runs}

        # Of a file there is one writer: whatever else is said to run has been killed.
        was = "interrupted" if store_url.startswith("sqlite") else "running"
        assert alive() == {old: (was, False), run: ("running", True)}
        assert server.get(f"/api/runs/{run}")["summary"]["is_alive"]
        writer.close(run, "interrupted")
        assert alive() == {old: (was, False), run: ("interrupted", False)}


def test_a_run_tells_what_it_is_made_of(store_url: str) -> None:
    engine = stored_runs.open_store(store_url)
    phases = {"before": (BASE, [3]), "drift": ({**BASE, "load": 2.0}, [4])}
    run, _ = stored_runs.store_run(engine, phases, notes=["a note"])
    models = [
        {
            "run": run,
            "scheduler": "myopic",
            "version": version,
            "episode": version,
            "made_at": 1.5e9 + version,
            "score": {"agreement": 0.25 * version, "none": None},
            "content": b"a file",
            "exploration": 0.1,
        }
        for version in (1, 2)
    ]
    stored_runs.insert(engine, tables.models, models)
    with Asked(store_url) as server:
        detail = server.get(f"/api/runs/{run}")
    RunDetail.model_validate(detail)
    assert detail["summary"]["schedulers"] == [*stored_runs.SCHEDULERS, "oracle"]
    assert detail["summary"]["problem"] == "a100-node, lognormal"
    assert detail["summary"]["notes"] == ["a note"]
    assert (detail["summary"]["tasks"], detail["summary"]["next_episode"]) == (12, 2)
    assert detail["settings"]["env_kwargs"] == BASE
    assert detail["provenance"]["problem"]["num_tasks"] == 6
    assert detail["phases"] == ["before", "drift"]
    assert detail["kept"] == {name: [0, 11] for name in detail["summary"]["schedulers"]}
    assert detail["gpu_fractions"] == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert (detail["devices"], detail["num_cpus"]) == (DEVICES, 1)
    assert [(m["version"], m["episode"]) for m in detail["models"]] == [(1, 1), (2, 2)]
    assert detail["models"][1]["score"] == {"agreement": 0.5, "none": None}


def test_devices_of_a_cluster_that_is_not_here_are_those_of_the_newest_state(
    store_url: str,
) -> None:
    engine = stored_runs.open_store(store_url)
    run = add_run(engine, settings={"env_kwargs": {**STREAM, "cluster": "gone.json"}})
    add_decisions(engine, run, "random", [{"cpu_device": 2}, {"cpu_device": 1}])
    with Asked(store_url) as server:
        detail = server.get(f"/api/runs/{run}")
        assert (detail["devices"], detail["num_cpus"]) == ([], 3)
        devices = [{"name": "one", "kind": "cpu"}, {"name": "two", "kind": "gpu"}]
        state = {"run": run, "scheduler": "random", "updated_at": 1.0}
        stored_runs.insert(engine, tables.live, [{**state, "state": {"devices": devices}}])
        detail = server.get(f"/api/runs/{run}")
        assert (detail["devices"], detail["num_cpus"]) == (["one", "two"], 1)


def test_devices_of_a_file_that_is_another_now_are_not_told(tmp_path: Path) -> None:
    engine = stored_runs.open_store(str(tmp_path / "results.sqlite"))
    problem = {"cluster": "a100-node", "cluster_sha256": "0" * 64}
    run = add_run(engine, settings={"env_kwargs": STREAM}, provenance={"problem": problem})
    with Asked(str(tmp_path / "results.sqlite")) as server:
        detail = server.get(f"/api/runs/{run}")
    assert (detail["devices"], detail["num_cpus"]) == ([], 0)
    assert detail["summary"]["schedulers"] == list(NAMES)


def test_what_no_engine_writes_is_told_in_a_line(store_url: str) -> None:
    engine = stored_runs.open_store(store_url)
    run = add_run(engine, status="[]")
    with Asked(store_url) as server:
        for path in ("/api/runs", f"/api/runs/{run}"):
            assert "status" in server.get(path, 503)["error"]
