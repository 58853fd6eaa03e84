"""What a decision of a stored episode cost, found by playing the episode again."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from stored_runs import SCHEDULERS, open_store, play, store_run
from trace_files import write_tasks

from cpu_gpu_env.baselines import make_scheduler
from cpu_gpu_env.baselines.evaluation.comparison import SchedulerSpec
from cpu_gpu_env.baselines.evaluation.first_episode import (
    cost_of_decision,
    decision_costs,
    view_first_episode,
)
from cpu_gpu_env.baselines.oracle.cache import solve_episodes
from cpu_gpu_env.baselines.oracle.search import QUICK_EFFORT
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.model.profile import cluster_to_profile, resolve_cluster, save_profile
from cpu_gpu_env.results.metrics import OBJECTIVE
from cpu_gpu_env.results.provenance import ProblemRecord
from cpu_gpu_env.results.store import tables
from cpu_gpu_env.results.store.reading import open_reader
from cpu_gpu_env.results.store.writer import StoreWriter
from cpu_gpu_env.runtime.engine import Finished
from cpu_gpu_env.runtime.lanes import Arrived, Lane, OracleLane, play_batch
from cpu_gpu_env.runtime.settings import StreamSettings
from cpu_gpu_env.runtime.stored_episode import load_episode
from cpu_gpu_env.runtime.storing import decision_rows, episode_rows
from cpu_gpu_env.runtime.stream import EpisodeStream

BASE = {"num_tasks": 8}
PHASES = {"before": (BASE, range(3)), "drift": ({"num_tasks": 8, "load": 3.0}, range(3, 5))}


def test_costs_are_those_of_the_audit_of_a_comparison(tmp_path: Path) -> None:
    url = str(tmp_path / "results.sqlite")
    run, phases = store_run(open_store(url), PHASES)
    with open_reader(url) as reader:
        episodes = [load_episode(reader, run, number) for number in (0, 3)]
    for (kwargs, _), comparison, loaded in zip(
        PHASES.values(), phases.values(), episodes, strict=True
    ):
        views = view_first_episode(comparison, kwargs)
        audits = loaded.audits()
        assert set(audits) == set(SCHEDULERS)
        for name, audit in audits.items():
            assert audit == views[name].audit
            by_task = {decision.task: decision.cost for decision in audit}
            found = [loaded.costs(task)[name] for task in range(8)]
            assert found == [by_task.get(task, 0.0) for task in range(8)]
        assert {loaded.costs(task)["oracle"] for task in range(8)} == {0.0}


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_windows_of_a_trace_are_played_again_as_the_stream_played_them(
    tmp_path: Path, noise: float
) -> None:
    rng = np.random.default_rng(5)
    rows = zip(
        (100.0 + rng.exponential(0.05, 20).cumsum()).tolist(),
        rng.lognormal(27, 1, 20).tolist(),
        rng.lognormal(2, 1, 20).tolist(),
        rng.lognormal(21, 1, 20).tolist(),
        strict=True,
    )
    trace = write_tasks(tmp_path / "trace.csv", rows)
    kwargs: dict[str, Any] = {"workload": trace, "num_tasks": 6, "load": 1.2, "noise": noise}
    url = str(tmp_path / "results.sqlite")
    run, lanes = stream(url, StreamSettings(kwargs, (*SCHEDULERS, "oracle"), seed=3))
    with open_reader(url) as reader:
        for number in range(5):  # three windows, and round again
            loaded = load_episode(reader, run, number)
            for name, played in lanes.items():
                np.testing.assert_array_equal(loaded.actions[name], played[0][number])
                objective = loaded.instance.simulate(loaded.actions[name][None])
                assert objective == pytest.approx(played[1][number], rel=1e-12)


@pytest.mark.parametrize("drift", ["mix", "arrivals", "gpu"])
def test_episodes_of_a_drift_are_played_again_in_their_phase(tmp_path: Path, drift: str) -> None:
    url = str(tmp_path / "results.sqlite")
    settings = StreamSettings(BASE, (*SCHEDULERS, "oracle"), drift=drift, drift_episodes=2)
    run, lanes = stream(url, settings)
    with open_reader(url) as reader:
        for number in (1, 2, 4):
            loaded = load_episode(reader, run, number)
            objective = loaded.instance.simulate(loaded.actions["random"][None])
            assert objective == pytest.approx(lanes["random"][1][number], rel=1e-12)


def stream(url: str, settings: StreamSettings) -> tuple[int, dict[str, Any]]:
    """Stream five episodes into a store; returns actions and objectives of each scheduler."""
    episodes = EpisodeStream(settings.phases(), settings.seed, episodes=5)
    specs = [SchedulerSpec(name, partial(make_scheduler, name, seed=1)) for name in SCHEDULERS]
    lanes = [*map(Lane, specs), OracleLane()]
    writer = StoreWriter(url)
    problem = ProblemRecord.of(settings.phases()[0].problem).to_json()
    run = writer.new_run(
        kind="stream",
        command="python scripts/stream.py",
        schedulers=list(settings.schedulers),
        provenance={"problem": problem, "versions": {}},
        settings=settings.to_json(),
    )
    parts: dict[str, list[Any]] = {lane.name: [] for lane in lanes}
    first = 0
    while (batch := episodes.batch(first, 5)) is not None:
        arrived = Arrived.of(batch)
        solved = solve_episodes(list(arrived.instances), None, QUICK_EFFORT, 1)
        arrived = Arrived(batch, arrived.instances, arrived.tasks, solved)
        played = {lane.name: play_batch(lane, arrived) for lane in lanes}
        finished = Finished(arrived, played, np.zeros(len(batch) + 1))
        writer.put([*episode_rows(run, finished), *decision_rows(run, finished)], run)
        for name, lane in played.items():
            parts[name].append((lane.actions, lane.values[OBJECTIVE]))
        first += len(batch)
    writer.close(run)
    return run, {n: [np.concatenate(p) for p in zip(*own, strict=True)] for n, own in parts.items()}


def test_costs_need_the_decisions_of_the_oracle(tmp_path: Path) -> None:
    url = str(tmp_path / "results.sqlite")
    engine = open_store(url)
    run, _ = store_run(engine, PHASES)
    table = tables.decisions
    with engine.begin() as connection:
        gone = (table.c.scheduler == "oracle") & (table.c.sequence < 10)
        connection.execute(sa.delete(table).where(gone))
    with open_reader(url) as reader:
        with pytest.raises(HybridClusterError, match="they are no longer kept"):
            load_episode(reader, run, 1).costs(0)
        assert load_episode(reader, run, 2).costs(0)["oracle"] == 0.0


def test_an_episode_of_a_changed_cluster_is_not_played_again(tmp_path: Path) -> None:
    profile, url = tmp_path / "mine.json", str(tmp_path / "results.sqlite")
    save_profile(cluster_to_profile(resolve_cluster("a100-node")), profile)
    run, _ = store_run(open_store(url), {"": ({**BASE, "cluster": str(profile)}, range(2))})
    with open_reader(url) as reader:
        assert load_episode(reader, run, 1).costs(0)["oracle"] == 0.0
        save_profile(cluster_to_profile(resolve_cluster("t4-node")), profile)
        with pytest.raises(HybridClusterError, match=r"cluster .* is not what it was when run 1"):
            load_episode(reader, run, 1)


def test_an_episode_that_comes_out_otherwise_is_told(tmp_path: Path) -> None:
    url = str(tmp_path / "results.sqlite")
    engine = open_store(url)
    run, _ = store_run(engine, PHASES)
    with engine.begin() as connection:
        connection.execute(sa.update(tables.episodes).values(seed="77"))
    with (
        open_reader(url) as reader,
        pytest.raises(HybridClusterError, match="episode 0 of run 1 cannot be played again"),
    ):
        load_episode(reader, run, 0)


def test_the_cost_of_one_decision_is_that_of_all() -> None:
    comparison, instances, _ = play(BASE, range(3))
    oracle, other = (
        next(r.episodes.actions for r in comparison.results if r.name == name)
        for name in ("oracle", "random")
    )
    for instance, mine, best in zip(instances, other, oracle, strict=True):
        costs = decision_costs(instance, mine, best)
        found = [cost_of_decision(instance, mine, best, task) for task in range(8)]
        assert found == costs.tolist()
        j = instance.simulate(np.stack([mine, best]))
        assert sum(found) == pytest.approx(j[0] - j[1])
