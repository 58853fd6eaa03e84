"""What an oracle sees of an episode, and its simulator, against the judge."""

import numpy as np
import pytest
from conftest import MIXED, PLAIN, REFINED
from hypothesis import given, settings
from hypothesis import strategies as st
from judge import Judge

from cpu_gpu_env import Cluster, HybridClusterEnv
from cpu_gpu_env.sim.instance import PartialSchedules


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    num_tasks=st.integers(1, 20),
    cluster=st.sampled_from([PLAIN, MIXED, REFINED]),
    noise=st.sampled_from([0.0, 0.4]),
)
def test_many_schedules_at_once_are_each_as_the_judge_says(
    seed: int, num_tasks: int, cluster: Cluster, noise: float
) -> None:
    env = HybridClusterEnv(cluster=cluster, num_tasks=num_tasks, noise=noise)
    env.reset(seed=seed)
    instance, judge = env.instances()[0], Judge.of(env)
    actions = np.random.default_rng(seed).integers(0, 6, (5, num_tasks))
    expected = [judge.play(row).objective for row in actions]
    assert instance.simulate(actions) == pytest.approx(expected, rel=1e-12)
    half = num_tasks // 2
    begun = PartialSchedules(instance, 5)
    begun.place(actions[:, :half])
    branch = begun.copy()
    branch.place(actions[::-1, half:])
    begun.place(actions[:, half:])
    assert begun.objective() == pytest.approx(expected, rel=1e-12)
    for row, objective in enumerate(branch.objective()):
        crossed = [*actions[row, :half], *actions[4 - row, half:]]
        assert objective == pytest.approx(judge.play(crossed).objective, rel=1e-12)


@pytest.mark.parametrize("noise", [0.0, 0.4])
def test_times_and_energies_of_every_choice(noise: float) -> None:
    env = HybridClusterEnv(cluster=REFINED, num_tasks=50, noise=noise)
    env.reset(seed=1)
    instance, judge = env.instances()[0], Judge.of(env)
    num_cpus, costs = len(REFINED.cpus), env.problem.costs
    for task, actions in enumerate(judge.parts):
        for action, parts in enumerate(actions):
            figures = {device: pair for part in parts for device, pair in part.items()}
            for device in range(len(REFINED.devices)):
                if device < num_cpus:
                    entry = (costs.cpus.device_type[device], task, action)
                    found = instance.costs.cpus.time_s[entry], instance.costs.cpus.energy_j[entry]
                else:
                    entry = (costs.gpus.device_type[device - num_cpus], task, action)
                    found = instance.costs.gpus.time_s[entry], instance.costs.gpus.energy_j[entry]
                if device in figures:
                    assert found == pytest.approx(figures[device], rel=1e-12)
                else:
                    assert found == (-np.inf, 0.0)
