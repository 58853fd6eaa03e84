"""Many episodes placed at once are what each is when its tasks are placed one by one."""

import numpy as np
import pytest
from conftest import MIXED, VARIED

from cpu_gpu_env import Cluster, HybridClusterVectorEnv
from cpu_gpu_env.sim.placed import place_tasks
from cpu_gpu_env.sim.schedule import play_actions

EPISODES, TASKS = 4, 50


@pytest.mark.parametrize("on", [MIXED, VARIED], ids=["mixed", "varied"])
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_placed_tasks_are_the_shares_of_schedules(on: Cluster, noise: float) -> None:
    env = HybridClusterVectorEnv(EPISODES, cluster=on, num_tasks=TASKS, noise=noise)
    env.reset(seed=3)
    instances, tasks = env.instances(), env.episode_tasks()
    actions = np.random.default_rng(0).integers(6, size=(EPISODES, TASKS))
    placed = place_tasks(instances, actions)
    num_cpus = len(on.cpus)
    utilisation = placed.utilisation(num_cpus, len(on.gpus))
    for row in range(EPISODES):
        schedule = play_actions(on, instances[row], tasks[row], actions[row])
        assert placed.makespan_s[row] == schedule.makespan_s
        assert placed.wait_s[row].tolist() == list(schedule.wait_s)
        active_j = schedule.energy_j - sum(d.idle_power_w for d in on.devices) * schedule.makespan_s
        assert placed.energy_j[row].sum() == pytest.approx(active_j)
        found = [
            (task, first + int(pool.device[row, task]), pool.start_s[row, task],
             pool.finish_s[row, task])
            for task in range(TASKS)
            for pool, first in ((placed.cpus, 0), (placed.gpus, num_cpus))
            if pool.device[row, task] >= 0
        ]  # fmt: skip
        assert found == [(s.task, s.device, s.start_s, s.finish_s) for s in schedule.shares]
        busy_s = np.zeros(len(on.devices))
        for share in schedule.shares:
            busy_s[share.device] += share.finish_s - share.start_s
        assert utilisation[row] == pytest.approx(busy_s / schedule.makespan_s)


def test_no_task_is_quicker_than_the_quickest_idle_devices() -> None:
    env = HybridClusterVectorEnv(EPISODES, cluster=MIXED, num_tasks=TASKS, load=1e-6)
    env.reset(seed=3)
    instances = env.instances()
    slowdowns = [
        place_tasks(instances, np.full((EPISODES, TASKS), action)).slowdown for action in range(6)
    ]
    # So rarely do tasks come that each finds all devices idle: the best action takes no longer,
    # unless the next device, of equally free ones the first, is of a slower type.
    assert (np.min(slowdowns, axis=0) > 1.0 - 1e-6).all()
    assert np.min(slowdowns) == pytest.approx(1.0)
