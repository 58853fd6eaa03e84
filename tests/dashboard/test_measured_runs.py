"""A table of measured times through engine, store and server, and what is learned of it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dashboard_rows import Asked
from dashboard_stores import stream_into

from cpu_gpu_env.baselines.imitation.hybrid_ml import fit_forest, parse_names
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.model.traces.loading import resolve_workload
from cpu_gpu_env.results.store.reading import open_reader
from cpu_gpu_env.runtime.stored_episode import load_episode
from cpu_gpu_env.runtime.stored_examples import stored_examples
from cpu_gpu_env.runtime.stored_tasks import tasks_of

ROWS = 40
HEADER = "arrival_s,memory_bytes,cpu_time_s,gpu_time_s,gpu_energy_j"
SCHEDULERS = "greedy,dqn-queues,random-forest-online,oracle"


def write_times(path: Path) -> str:
    rng = np.random.default_rng(3)
    cpu_s = 10 ** rng.uniform(-1, 1, ROWS)
    gpu_s = cpu_s * 10 ** rng.uniform(-1.2, 0.4, ROWS)
    columns = np.arange(ROWS) * 0.2, 10 ** rng.uniform(7, 10, ROWS), cpu_s, gpu_s, 250 * gpu_s
    lines = (",".join(f"{value:.6g}" for value in row) for row in zip(*columns, strict=True))
    path.write_text("\n".join([HEADER, *lines]) + "\n")
    return str(path)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A store with a stream of four episodes, and its workload."""
    folder = tmp_path_factory.mktemp("measured")
    workload, url = write_times(folder / "times.csv"), str(folder / "results.sqlite")
    words = ["--workload", workload, "--episodes", "4", "--schedulers", SCHEDULERS]
    stream_into(url, folder / "curves", *words)
    return url, workload


def test_the_server_tells_what_there_is(played: tuple[str, str]) -> None:
    url, workload = played
    pool = resolve_workload(workload).pool
    with Asked(url) as server:
        page = server.get("/api/runs/1/decisions?scheduler=greedy&limit=40")
        answer = server.get("/api/runs/1/statistics?scheduler=greedy")
        audit = server.get("/api/runs/1/decisions/13")
    rows = page["decisions"]
    assert [row["pool_row"] for row in rows] == list(range(ROWS))
    assert {row["size_flop"] for row in rows} == {None}
    assert {row["intensity_flop_per_byte"] for row in rows} == {None}
    assert [row["memory_bytes"] for row in rows] == pool.memory_bytes.tolist()
    assert set(answer["histograms"]) == {"memory_bytes", "gpu_fraction"}
    assert sum(answer["histograms"]["memory_bytes"]["counts"]) == ROWS
    assert answer["heat_map"] is None
    assert answer["correlation"]["rows"] == ["memory_bytes"]
    assert {lane["scheduler"] for lane in audit["lanes"]} == set(SCHEDULERS.split(","))
    for lane in audit["lanes"]:
        assert lane["cost"] is not None
        assert lane["decision"]["pool_row"] == 13
    assert audit["why_no_cost"] is None
    told = {lane["scheduler"]: lane["prediction"] for lane in audit["lanes"]}
    assert told["greedy"] is None
    assert len(told["dqn-queues"]["values"]) == 6
    assert {"scaled_cpu_time", "scaled_gpu_time"} <= set(told["dqn-queues"]["features"])
    # The pretrained forest cannot read times; the lane follows a rule until it has learned.
    assert "a forest fitted to size, intensity, memory" in told["random-forest-online"]["why_not"]


def test_decisions_are_those_of_the_times_in_the_table(played: tuple[str, str]) -> None:
    url, workload = played
    measured = resolve_workload(workload).pool.measured
    assert measured is not None
    with open_reader(url) as reader:
        episode = load_episode(reader, 1, 2)
        assert np.array_equal(
            episode.tasks.memory_bytes, resolve_workload(workload).pool.memory_bytes[20:30]
        )
        for sequence in range(20, 30):
            row = reader.task(1, sequence)["greedy"]
            for kind, share in (("cpu", 1 - row["gpu_fraction"]), ("gpu", row["gpu_fraction"])):
                time_s = share * measured.time_s[kind][sequence]
                if share > 0:
                    found_s = row[f"{kind}_finish_s"] - row[f"{kind}_start_s"]
                    assert found_s == pytest.approx(time_s, rel=1e-5)
    assert math.isnan(episode.tasks.size_flop[0])
    for decision in episode.audits()["greedy"]:
        assert decision.measured_s["cpu"] == measured.time_s["cpu"][20 + decision.task]


def test_a_forest_is_fitted_to_times(played: tuple[str, str]) -> None:
    with open_reader(played[0]) as reader:
        found = stored_examples(reader, 1)
    assert found.examples.names == ("cpu_time", "gpu_time", "memory")
    assert found.examples.observation.shape == (ROWS, 3)
    forest = fit_forest(found.examples, seed=0, num_trees=3, jobs=1)
    assert parse_names(forest.settings["features"]) == found.examples.names
    assert "cpu_time - gpu_time" in forest.settings["importances"]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([0, ROWS], f"pool_row of a decision is {ROWS}"),
        ([-1, 0], "pool_row of a decision is -1"),
        ([None, 0], "tell neither the sizes of their tasks nor the rows"),
        ([None, None], "tell neither the sizes"),
    ],
)
def test_rows_that_no_engine_writes_are_named(
    played: tuple[str, str], rows: list[Any], words: str
) -> None:
    from cpu_gpu_env.problem.problem import make_problem

    kept = {name: [None, None] for name in ("size_flop", "intensity_flop_per_byte")}
    kept |= {"memory_bytes": [1.0, 1.0], "arrival_s": [0.0, 0.0], "pool_row": rows}
    with pytest.raises(HybridClusterError, match=words):
        tasks_of(make_problem(workload=played[1], num_tasks=10), kept, np.zeros(2))
