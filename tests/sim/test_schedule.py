"""A schedule worked out from an instance and actions is what the environment plays."""

from typing import Any

import numpy as np
import pytest
from conftest import MIXED, VARIED

from cpu_gpu_env import Cluster, HybridClusterEnv
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.sim.schedule import Schedule, play_actions


def play(cluster: Cluster, placed: int | None = None) -> tuple[Schedule, list[dict[str, Any]]]:
    """Play random actions, some of which do not fit, with noise; the schedule is of the first."""
    env = HybridClusterEnv(cluster=cluster, num_tasks=60, noise=0.3)
    env.reset(seed=7)
    (episode,), tasks = env.instances(), env.episode_tasks()
    actions = np.random.default_rng(1).integers(6, size=60)
    infos = [env.step(action)[4] for action in actions]
    return play_actions(cluster, episode, tasks, actions[:placed], "random"), infos


@pytest.mark.parametrize("on", [MIXED, VARIED], ids=["mixed", "varied"])
def test_shares_and_sums_are_those_of_the_environment(on: Cluster) -> None:
    schedule, infos = play(on)
    assert any(info["fallback"] for info in infos)
    assert schedule.title == "random"
    assert schedule.tasks_placed == schedule.num_tasks == 60
    assert schedule.makespan_s == infos[-1]["makespan_s"]
    assert schedule.energy_j == infos[-1]["total_energy_j"]
    assert list(schedule.wait_s) == [info["start_s"] - info["task"][0] for info in infos]
    busy_s = np.zeros(len(on.devices))
    for share in schedule.shares:
        busy_s[share.device] += share.finish_s - share.start_s
    utilisation = infos[-1]["utilisation"]
    assert (busy_s / schedule.makespan_s).tolist() == pytest.approx(utilisation.tolist())
    for task, info in enumerate(infos):
        own = [share for share in schedule.shares if share.task == task]
        devices = [info["cpu"], len(on.cpus) + info["gpu"] if info["gpu"] >= 0 else -1]
        assert [share.device for share in own] == [device for device in devices if device >= 0]
        assert sum(share.fraction for share in own) == pytest.approx(1.0)
        assert min(share.start_s for share in own) == pytest.approx(info["start_s"])
        assert max(share.finish_s for share in own) == info["finish_s"]
        assert {share.intensity for share in own} == {info["task"][2]}


def test_a_schedule_may_end_before_its_episode() -> None:
    schedule, infos = play(MIXED, placed=20)
    whole, _ = play(MIXED)
    assert schedule.tasks_placed == 20
    assert list(schedule.shares) == [share for share in whole.shares if share.task < 20]
    assert schedule.clock_s == infos[20]["task"][0]
    assert schedule.makespan_s == max(info["finish_s"] for info in infos[:20])


def test_the_environment_records_the_same_where_it_draws() -> None:
    env = HybridClusterEnv(cluster=MIXED, num_tasks=60, noise=0.3, render_mode="ansi")
    env.reset(seed=7)
    for action in np.random.default_rng(1).integers(6, size=60):
        env.step(action)
    schedule, _ = play(MIXED)
    recorded = env.schedule()
    assert recorded.shares == schedule.shares
    assert (recorded.makespan_s, recorded.energy_j) == (schedule.makespan_s, schedule.energy_j)
    plain = HybridClusterEnv(num_tasks=2)
    plain.reset(seed=0)
    with pytest.raises(HybridClusterError, match="render_mode is None"):
        plain.schedule()
