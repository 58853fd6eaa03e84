"""What decisions cost, against schedules that the judge plays."""

import numpy as np
import pytest
from conftest import MIXED, PLAIN, REFINED
from judge import Judge
from tiny_episodes import SMALL_POOLS, TENSOR

from cpu_gpu_env import Cluster, HybridClusterEnv
from cpu_gpu_env.baselines.evaluation.first_episode import audit_decisions, decision_costs
from cpu_gpu_env.baselines.report.tables import audit_table
from cpu_gpu_env.model.precision import PRECISIONS


@pytest.mark.parametrize("cluster", [PLAIN, MIXED, REFINED], ids=lambda cluster: cluster.name)
@pytest.mark.parametrize("seed", range(3))
def test_a_decision_costs_what_playing_it_does(cluster: Cluster, seed: int) -> None:
    env = HybridClusterEnv(cluster=cluster, num_tasks=12, noise=0.2)
    env.reset(seed=seed)
    instance, judge = env.instances()[0], Judge.of(env)
    rng = np.random.default_rng(seed)
    own, other = rng.integers(0, 6, (2, 12))
    other[3] = own[3]
    value = [judge.play([*own[:k], *other[k:]]).objective for k in range(13)]
    assert decision_costs(instance, own, other) == pytest.approx(np.diff(value), abs=1e-12)
    audit = audit_decisions(instance, env.episode_tasks(), own, other)
    assert sorted(d.task for d in audit) == np.flatnonzero(own != other).tolist()
    costs = [decision.cost for decision in audit]
    assert costs == sorted(costs, reverse=True)
    assert sum(costs) * value[0] == pytest.approx(value[12] - value[0], abs=1e-12)
    fractions = env.problem.gpu_fractions
    for decision in audit:
        task = decision.task
        assert decision.cost == pytest.approx((value[task + 1] - value[task]) / value[0], abs=1e-12)
        assert decision.gpu_fraction == fractions[own[task]]
        assert decision.oracle_gpu_fraction == fractions[other[task]]
        assert decision.arrival_s == judge.arrival_s[task]


def test_an_audit_tells_the_measured_times() -> None:
    env = HybridClusterEnv(cluster=PLAIN, workload=SMALL_POOLS["measured"], num_tasks=5)
    env.reset(seed=0)
    (instance,), tasks = env.instances(), env.episode_tasks()
    audit = audit_decisions(instance, tasks, np.zeros(5, np.int64), np.full(5, 5))
    assert tasks.measured is not None
    for decision in audit:
        assert decision.measured_s["cpu"] == tasks.measured.time_s["cpu"][decision.task]
    table = audit_table(audit)
    assert table.headings[5:8] == ("time on cpu [s]", "time on gpu [s]", "time on slow-cpu [s]")
    assert "nan" not in " ".join(cell for row in table.rows for cell in row)


def test_an_audit_tells_precisions_where_they_are_not_the_usual_one() -> None:
    env = HybridClusterEnv(cluster=TENSOR, workload=SMALL_POOLS["mixed"], num_tasks=9)
    env.reset(seed=0)
    (instance,), tasks = env.instances(), env.episode_tasks()
    audit = audit_decisions(instance, tasks, np.zeros(9, np.int64), np.full(9, 5))
    table = audit_table(audit)
    column = table.headings.index("precision")
    found = {int(row[0]): row[column] for row in table.rows}
    assert found == {task: PRECISIONS[tasks.precision[task]] for task in found}
