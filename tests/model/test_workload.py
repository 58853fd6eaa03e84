"""Workloads: what specifications draw, and what is said of those that are wrong."""

import dataclasses
import warnings
from typing import Any

import numpy as np
import pytest
from conftest import PLAIN

from cpu_gpu_env import HybridClusterEnv, HybridClusterError, SyntheticSpec, Tasks, Workload
from cpu_gpu_env.model.workload import POOL_ROWS, Range, synthetic_workload
from cpu_gpu_env.problem.task_features import WorkFeatures

TABLE = [[0.0, 1e12, 20.0, 5e9], [1.0, 2e12, 10.0, 1e9]]


@pytest.mark.parametrize(
    "changes",
    [
        {"size_range_flop": (1e12, 1e12)},
        {"intensity_range": (10.0, 10.0)},
        {"memory_range_bytes": (1e9, 1e9)},
        {"size_range_flop": [1e9, np.nextafter(1e9, 2e9)]},
        {"size_range_flop": (1e12, np.nextafter(1e12, 1e13))},
        {"size_sigma": 0.0, "memory_bound_sigma": 0, "compute_bound_sigma": 0, "reuse_sigma": 0},
        {"size_sigma": 10.0, "memory_bound_sigma": 10.0, "reuse_sigma": 10.0},
        {"memory_bound_share": 0},
        {"memory_bound_share": 1},
        {"size_distribution": "pareto", "pareto_shape": 0.1},
        {"size_distribution": "pareto", "pareto_shape": 1e100},
        {"size_median_flop": 1e-100, "reuse_median": 1e100},
        {"seed": 10**400},
    ],
    ids=str,
)
def test_extreme_specifications_give_finite_numbers(changes: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        workload = synthetic_workload("extreme", SyntheticSpec(**changes))
        env = HybridClusterEnv(cluster=PLAIN, workload=workload, num_tasks=5)
        observation, _ = env.reset(seed=0)
        done = False
        while not done:
            assert env.observation_space.contains(observation)
            observation, reward, done, _, info = env.step(2)
            assert np.isfinite(reward)
    assert np.isfinite(info["objective"])
    for name in ("size_flop", "intensity_flop_per_byte", "memory_bytes"):
        column = getattr(workload.pool, name)
        assert len(column) == POOL_ROWS
    low, high = SyntheticSpec(**changes).size_range_flop
    assert low <= workload.pool.size_flop.min() <= workload.pool.size_flop.max() <= high


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("size_distribution", "normal"),
        ("size_distribution", []),
        ("size_median_flop", 0.0),
        ("size_median_flop", -1.0),
        ("size_median_flop", float("nan")),
        ("size_median_flop", 10**400),
        ("compute_bound_median", "40"),
        ("reuse_median", float("inf")),
        ("size_sigma", -1.0),
        ("size_sigma", 1000.0),
        ("reuse_sigma", float("nan")),
        ("pareto_shape", 0.0),
        ("pareto_shape", 1e-3),
        ("memory_bound_share", -0.1),
        ("memory_bound_share", 1.1),
        ("memory_bound_share", True),
        ("size_range_flop", (2.0, 1.0)),
        ("size_range_flop", (0.0, 1.0)),
        ("size_range_flop", (-1.0, 1.0)),
        ("size_range_flop", (1.0, float("inf"))),
        ("intensity_range", (float("nan"), 1.0)),
        ("intensity_range", (1.0, 2.0, 3.0)),
        ("intensity_range", 3.0),
        ("memory_range_bytes", "12"),
        ("memory_range_bytes", {1.0, 2.0}),
        ("seed", -1),
        ("seed", None),
        ("seed", 1.5),
    ],
)
def test_a_bad_specification_is_named(field: str, value: Any) -> None:
    with pytest.raises(HybridClusterError, match=field.replace("_distribution", ".distribution")):
        SyntheticSpec(**{field: value})


def test_a_feature_that_is_always_the_same_is_observed_as_zero() -> None:
    workload = Workload.from_tasks("same", TABLE[:1])
    assert WorkFeatures(workload).table(Tasks.from_table(TABLE[:1])).tolist() == [[0.0, 0.0, 0.0]]


def test_features_lie_within_their_range_however_narrow() -> None:
    narrow = Range(1e100, float(np.nextafter(1e100, 2e100)))
    assert narrow.scale(np.array([1.0, 1e100, 2e100])).tolist() == [0.0, 0.0, 1.0]


@pytest.mark.parametrize(
    "ends", [(1.0, 1.0), (2.0, 1.0), (0.0, 1.0), (1.0, float("nan")), ("1", 2)]
)
def test_a_range_has_two_ends(ends: Any) -> None:
    with pytest.raises(HybridClusterError, match="range of a feature"):
        Range(*ends)


def test_a_workload_of_a_plain_table() -> None:
    workload = Workload.from_tasks("plain", TABLE)
    same = Workload.from_tasks("plain", Tasks.from_table(TABLE))
    assert np.array_equal(workload.pool.size_flop, same.pool.size_flop)
    assert (workload.pool.size_flop == 1e12).sum() == POOL_ROWS // 2


@pytest.mark.parametrize("tasks", [[], [1, 2], None, "tasks", [[0.0, 1e12, 1.0]], {1: 2}, 10**400])
def test_what_holds_no_tasks_makes_no_workload(tasks: Any) -> None:
    with pytest.raises(HybridClusterError, match="tasks"):
        Workload.from_tasks("bad", tasks)


def test_too_many_tasks_for_a_pool_are_refused_not_dropped() -> None:
    with pytest.raises(HybridClusterError, match="65537 tasks; allowed: at most 65536"):
        Workload.from_tasks("long", np.tile([0.0, 1e12, 1.0, 0.0], (POOL_ROWS + 1, 1)))


def test_the_parts_of_a_workload_are_checked() -> None:
    good = Workload.from_tasks("good", TABLE)
    for field, value in (
        ("name", 3),
        ("pool", TABLE),
        ("size_range", (1.0, 2.0)),
        ("pool", Tasks.from_table(TABLE)),
    ):
        with pytest.raises(HybridClusterError):
            dataclasses.replace(good, **{field: value})
    with pytest.raises(HybridClusterError, match="spec is"):
        synthetic_workload("bad", {"size_sigma": 1.0})  # type: ignore[arg-type]
