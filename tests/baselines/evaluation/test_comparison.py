"""Comparisons are paired, and say from whom their episodes are not held out."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from conftest import MIXED

from cpu_gpu_env import HybridClusterEnv, HybridClusterError, HybridClusterVectorEnv
from cpu_gpu_env.baselines import make_scheduler
from cpu_gpu_env.baselines.evaluation.comparison import SchedulerSpec, compare
from cpu_gpu_env.baselines.oracle.search import solve_episode
from cpu_gpu_env.model.tasks import Tasks
from cpu_gpu_env.model.workload import Workload
from cpu_gpu_env.problem.problem import make_problem
from cpu_gpu_env.results.held_out import NOT_RECORDED, UsedEpisodes
from cpu_gpu_env.results.metrics import EPISODE_METRICS, MAKESPAN, OBJECTIVE
from cpu_gpu_env.results.records import Comparison
from cpu_gpu_env.results.seeds import Purpose

KWARGS: dict[str, Any] = {"cluster": MIXED, "num_tasks": 12}
SEEDS = range(40, 48)


def spec(name: str, **kwargs: Any) -> SchedulerSpec:
    return SchedulerSpec(name, partial(make_scheduler, name, seed=0), **kwargs)


def played(*names: str, reference: str | None = None) -> Comparison:
    return compare([spec(name) for name in names], SEEDS, KWARGS, reference=reference)


def makespans_s(name: str) -> np.ndarray:
    """Of single environments, episode by episode."""
    found = []
    for seed in SEEDS:
        env = HybridClusterEnv(**KWARGS)
        scheduler = make_scheduler(name, env, 0)
        observation, info = env.reset(seed=seed)
        done = False
        while not done:
            action, _ = scheduler.predict(observation)
            observation, _, done, _, info = env.step(action)
        found.append(info["makespan_s"])
    return np.array(found)


def test_differences_are_those_of_the_same_episodes() -> None:
    comparison = played("greedy", "myopic", "queue-price", reference="myopic")
    rows = {row["scheduler"]: row for row in comparison.rows()}
    difference = makespans_s("greedy") - makespans_s("myopic")
    assert rows["greedy"][MAKESPAN.difference_key] == pytest.approx(difference.mean())
    half_width = rows["greedy"][MAKESPAN.difference_ci_key]
    assert half_width >= 1.96 * difference.std(ddof=1) / len(SEEDS) ** 0.5
    for row in rows.values():
        assert row["reference"] == "myopic"
        for metric in (metric for metric in EPISODE_METRICS if metric.key in row):
            apart = row[metric.key] - rows["myopic"][metric.key]
            assert row[metric.difference_key] == pytest.approx(apart, abs=1e-9 * row[metric.key])
    assert rows["myopic"][OBJECTIVE.difference_key] == 0.0
    assert rows["myopic"][OBJECTIVE.difference_ci_key] == 0.0


def test_windows_that_overlap_and_optima_are_remarked() -> None:
    specs = [SchedulerSpec("greedy", partial(make_scheduler, "greedy"))]
    tasks = [[float(i), 1e12, 20.0, 1e9] for i in range(40)]
    trace = replace(Workload.from_tasks("log", tasks), pool=Tasks.from_table(tasks), in_order=True)
    for episodes, remarked in ((4, False), (5, True)):
        seeds = range(episodes)
        compared = compare(specs, seeds, {"workload": trace, "num_tasks": 10})
        assert ["overlap" in remark for remark in compared.provenance.remarks] == [True] * remarked
    env = HybridClusterVectorEnv(2, num_tasks=5)
    env.reset(seed=[0, 1])
    solved = [solve_episode(instance) for instance in env.instances()]
    (remark,) = compare(specs, [0, 1], {"num_tasks": 5}, oracle=solved).provenance.remarks
    assert "an optimum in 2 of 2" in remark
    freely = [solve_episode(instance, any_device=True) for instance in env.instances()]
    (remark,) = compare(specs, [0, 1], {"num_tasks": 5}, oracle=freely).provenance.remarks
    assert "choose the device" in remark


def test_the_reference_is_a_heuristic_unless_told() -> None:
    assert played("greedy", "queue-price", "myopic").reference.name == "queue-price"
    without = played("greedy", "myopic", "cpu-only")
    assert without.reference is without.results[0]
    learned = compare([spec("myopic", learned=True), spec("cpu-only")], SEEDS, KWARGS)
    assert learned.reference.name == "cpu-only"
    alone = compare([spec("myopic", learned=True)], SEEDS, KWARGS)
    assert alone.reference.name == "myopic"
    with pytest.raises(HybridClusterError, match=r"reference 'myopik'.*Did you mean 'myopic'"):
        played("greedy", "myopic", reference="myopik")


@pytest.mark.parametrize(
    ("first_seed", "why"), [(0, ""), (1, "1 of 8 episodes: labels, seeds 1 to 40"), (None, "")]
)
def test_held_out_is_said_where_it_is_so(first_seed: int | None, why: str) -> None:
    used = None
    if first_seed is not None:
        seeds = range(first_seed, first_seed + 40)
        used = [UsedEpisodes.of(Purpose.LABELS, seeds, make_problem(**KWARGS))]
    else:
        why = NOT_RECORDED
    comparison = compare(
        [spec("myopic", learned=True, trained_on=used), spec("greedy")], SEEDS, KWARGS
    )
    described = comparison.provenance.describe()
    assert ("held-out" in described) == (not why)
    seen = {row["scheduler"]: row["seen_in_training"] for row in comparison.rows()}
    assert seen == {"myopic": why, "greedy": ""}
