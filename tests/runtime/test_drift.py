"""What changes in a drift, what stays, and where there can be none."""

from pathlib import Path

import numpy as np
import pytest
from conftest import CPU, GPU, PLAIN

from cpu_gpu_env import Cluster, HybridClusterError, HybridClusterVectorEnv
from cpu_gpu_env.model.tasks import COLUMNS
from cpu_gpu_env.model.workload import POOL_ROWS, Workload
from cpu_gpu_env.problem.problem import Problem
from cpu_gpu_env.results.drifts import PHASES
from cpu_gpu_env.runtime.drift import DRIFTS, drift_phases

TRACE = "arrival_s,size_flop,intensity_flop_per_byte,memory_bytes\n" + "".join(
    f"{0.5 * i},{1e11 * (1 + i % 7)},{1 + i % 40},1e8\n" for i in range(60)
)


def problems_of(kind: str, **env_kwargs: object) -> list[Problem]:
    phases = drift_phases(kind, env_kwargs, 3)
    assert [phase.name for phase in phases] == [*PHASES]
    assert [phase.episodes for phase in phases] == [3, 3, 3]
    assert phases[0].env_kwargs == phases[2].env_kwargs == env_kwargs
    return [phase.problem for phase in phases]


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "trace.csv"
    path.write_text(TRACE)
    return path


def test_the_mix_draws_the_same_tasks_more_or_less_often() -> None:
    before, drift, _ = problems_of("mix")
    pools = [problem.workload.pool for problem in (before, drift)]
    rows = [{*zip(*(getattr(pool, name) for name in COLUMNS), strict=True)} for pool in pools]
    assert len(rows[0]) == POOL_ROWS
    assert rows[1] < rows[0]
    # On this node 10.5 FLOP/B are the lower of the two ridges: that of the GPUs.
    shares = [float((pool.intensity_flop_per_byte < 10.5145).mean()) for pool in pools]
    assert shares == pytest.approx([0.443, 0.9], abs=0.005)
    # Within either mode the sizes are spread as before.
    for low in (True, False):
        chosen = [(pool.intensity_flop_per_byte < 10.5145) == low for pool in pools]
        medians = [
            np.median(pool.size_flop[rows]) for pool, rows in zip(pools, chosen, strict=True)
        ]
        assert medians[1] == pytest.approx(medians[0], rel=0.03)


def test_observations_keep_their_ranges() -> None:
    before, drift, _ = problems_of("mix", workload="pareto")
    tasks = before.workload.pool
    features = [problem.task_features.table(tasks) for problem in (before, drift)]
    np.testing.assert_array_equal(*features)
    assert drift.gpu_fractions == before.gpu_fractions


def test_only_arrivals_speed_up() -> None:
    for kind, factor in (("mix", 1.0), ("arrivals", 0.25), ("gpu", 1.0)):
        before, drift, back = problems_of(kind, load=0.7)
        assert drift.mean_interarrival_s == pytest.approx(factor * before.mean_interarrival_s)
        assert back.mean_interarrival_s == before.mean_interarrival_s
        changed = drift.cluster != before.cluster, drift.workload is not before.workload
        assert changed == (kind == "gpu", kind == "mix")


def test_the_last_gpu_leaves_and_comes_back() -> None:
    before, drift, back = problems_of("gpu", cluster=PLAIN)
    assert drift.cluster.devices == (CPU, GPU)
    assert before.cluster == back.cluster == PLAIN
    # One of two equal GPUs less: the same arrivals are a higher load.
    assert drift.objective.reference.makespan_s > before.objective.reference.makespan_s
    assert isinstance(drift.load, float)
    assert drift.load > 1.5


def test_all_at_once_stays_so() -> None:
    for kind in ("mix", "gpu"):
        assert [problem.load for problem in problems_of(kind, load=None)] == [None] * 3


@pytest.mark.parametrize("load", [0.8, "trace"])
def test_traces_lose_a_gpu_and_speed_up(trace: Path, load: float | str) -> None:
    given = {"workload": trace, "num_tasks": 20, "load": load}
    before, drift, _ = problems_of("gpu", **given)
    assert drift.workload is before.workload
    assert drift.mean_interarrival_s == pytest.approx(before.mean_interarrival_s)
    before, drift, _ = problems_of("arrivals", **given)
    assert before.mean_interarrival_s == pytest.approx(4 * drift.mean_interarrival_s)
    if load == "trace":
        assert before.mean_interarrival_s == 0.5
    arrivals_s = []
    for problem in (before, drift):
        env = HybridClusterVectorEnv(1, **{**given, "load": problem.load})
        env.reset(seed=5)
        arrivals_s.append(env.instances()[0].release_s)
    np.testing.assert_allclose(arrivals_s[0], 4 * arrivals_s[1])  # the same window


def test_where_there_can_be_no_drift(trace: Path) -> None:
    alike = Workload.from_tasks("alike", [[0.0, 1e12, 100.0, 1e9]])
    cases = [
        ("rain", {}, "unknown drift 'rain'.*Known: arrivals, gpu, mix"),
        ("mix", {"workload": trace, "num_tasks": 20}, "drift 'mix'.*trace"),
        ("mix", {"workload": alike}, "drift 'mix': 0 % of the tasks of workload 'alike'"),
        ("arrivals", {"load": None}, "drift 'arrivals': all tasks arrive at once"),
        ("arrivals", {"load": 9e5}, "a load of 900000 becomes 3.6e.06; allowed: at most 1e.06"),
        ("gpu", {"cluster": Cluster("one", (CPU, GPU))}, "'one' has one GPU"),
        ("gpu", {"num_tasks": 0}, "num_tasks is 0"),
    ]
    for kind, env_kwargs, message in cases:
        with pytest.raises(HybridClusterError, match=message):
            drift_phases(kind, env_kwargs, 3)
    with pytest.raises(HybridClusterError, match="episodes of a phase is 0"):
        drift_phases("gpu", {}, 0)
    assert {*DRIFTS} == {"mix", "arrivals", "gpu"}
