"""Pools of devices, one at a time and in batches, against the judge's plain list of devices."""

import itertools
from typing import Any

import numpy as np
import pytest
from conftest import MIXED, PLAIN, REFINED, VARIED
from hypothesis import given, settings
from hypothesis import strategies as st
from judge import Judge, Schedule
from tiny_episodes import INTERLEAVED, UNIFORM

from cpu_gpu_env import Cluster, HybridClusterEnv, HybridClusterVectorEnv, Tasks


@st.composite
def streams(draw: st.DrawFn, num_episodes: int) -> tuple[list[Tasks], np.ndarray]:
    """Tasks of round sizes that often arrive or end at once, and actions (tasks, episodes)."""
    num_tasks = draw(st.integers(1, 15))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    every = rng.choice([0.0, 0.5, 4.0])
    shape = (num_episodes, num_tasks)
    arrival_s = np.sort(every * rng.integers(0, 2 * num_tasks, shape), axis=1)
    size, memory = rng.choice([1e12, 2e12, 8e12], shape), rng.choice([1e9, 4e9, 12e9], shape)
    tasks = [
        Tasks(arrival_s[i], size[i], np.full(num_tasks, 100.0), memory[i])
        for i in range(num_episodes)
    ]
    return tasks, rng.integers(0, 3, (num_tasks, num_episodes))


CLUSTERS = st.sampled_from([UNIFORM, INTERLEAVED, PLAIN, REFINED])
KWARGS: dict[str, Any] = {"gpu_fractions": (0.0, 0.5, 1.0)}


@settings(max_examples=100, deadline=None)
@given(CLUSTERS, streams(1))
def test_a_pool_serves_as_plain_code_does(
    cluster: Cluster, stream: tuple[list[Tasks], np.ndarray]
) -> None:
    (tasks,), actions = stream
    env = HybridClusterEnv(cluster=cluster, render_mode="ansi", **KWARGS)
    env.reset(options={"tasks": tasks})
    schedule = Judge.of(env).play(actions[:, 0])
    for action in actions[:, 0]:
        env.step(int(action))
    expected = [share for task in schedule.shares for share in task]
    found = env.schedule().shares
    assert [(s.task, s.device) for s in found] == [(s.task, s.device) for s in expected]
    assert [s.start_s for s in found] == pytest.approx([s.start_s for s in expected], abs=1e-12)
    assert [s.finish_s for s in found] == pytest.approx([s.finish_s for s in expected], abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(CLUSTERS, streams(4))
def test_a_batch_of_pools_serves_as_plain_code_does(
    cluster: Cluster, stream: tuple[list[Tasks], np.ndarray]
) -> None:
    tables, actions = stream
    env = HybridClusterVectorEnv(4, cluster=cluster, autoreset_mode="Disabled", **KWARGS)
    env.reset(options={"tasks": tables})
    judges = [Judge.of(env, table, index) for index, table in enumerate(tables)]
    schedules = [judge.play(actions[:, i]) for i, judge in enumerate(judges)]
    for step, choice in enumerate(actions):
        assert_next_devices(env, schedules, step)
        env.step(choice)
    (instance, *_) = env.instances()
    assert instance.release_s.tolist() == judges[0].arrival_s


def assert_next_devices(env: HybridClusterVectorEnv, schedules: list[Schedule], step: int) -> None:
    """When devices are free, and what the next task would take on those that are free first."""
    state, devices = env.scheduling_state(), env.problem.cluster.devices
    costs = env.problem.costs
    num_cpus = len(costs.cpus.device_type)
    for index, schedule in enumerate(schedules):
        free_s = schedule.free_s[step]
        cpu = min(range(num_cpus), key=lambda d: (free_s[d], d))
        gpu = min(range(num_cpus, len(devices)), key=lambda d: (free_s[d], d))
        assert state.cpus.free_s[index] == pytest.approx(sorted(free_s[:num_cpus]), abs=1e-12)
        assert state.gpus.free_s[index] == pytest.approx(sorted(free_s[num_cpus:]), abs=1e-12)
        assert state.makespan_s[index] == pytest.approx(max(free_s), abs=1e-12)
        # The price tells the kind.
        prices = env.objective.prices[0], env.objective.prices[1]
        assert state.cpus.price[index] == prices[0][costs.cpus.device_type[cpu]]
        assert state.gpus.price[index] == prices[1][costs.gpus.device_type[gpu - num_cpus]]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    num_tasks=st.integers(1, 40),
    cluster=st.sampled_from([PLAIN, MIXED, VARIED]),
    load=st.sampled_from([None, 0.3, 1.5]),
    noise=st.sampled_from([0.0, 0.5]),
)
def test_nothing_is_lost_and_nothing_overlaps(
    seed: int, num_tasks: int, cluster: Cluster, load: float | None, noise: float
) -> None:
    """Laws that any schedule must keep, of the shares that the environment shows."""
    env = HybridClusterEnv(
        cluster=cluster, num_tasks=num_tasks, load=load, noise=noise, render_mode="ansi"
    )
    env.reset(seed=seed)
    arrival_s = env.episode_tasks().arrival_s
    active_j, terminated = 0.0, False
    rng = np.random.default_rng(seed)
    while not terminated:
        _, _, terminated, _, info = env.step(int(rng.integers(0, 6)))
        active_j += info["energy_j"]
    shares = env.schedule().shares
    busy_s = np.zeros(len(cluster.devices))
    for device in range(len(cluster.devices)):
        served = [share for share in shares if share.device == device]
        busy_s[device] = sum(share.finish_s - share.start_s for share in served)
        assert [share.task for share in served] == sorted(share.task for share in served)
        for share in served:
            assert share.start_s >= arrival_s[share.task] * (1 - 1e-12)
            assert share.finish_s > share.start_s
        for earlier, later in itertools.pairwise(served):
            assert later.start_s >= earlier.finish_s * (1 - 1e-12)
            idle = later.start_s > earlier.finish_s * (1 + 1e-9)
            assert not idle or later.start_s == pytest.approx(arrival_s[later.task])
    for pool in ("cpu", "gpu"):  # starts of a pool never decrease
        starts_s = [s.start_s for s in shares if cluster.devices[s.device].kind == pool]
        assert starts_s == pytest.approx(sorted(starts_s))
    whole = np.bincount([s.task for s in shares], weights=[s.fraction for s in shares])
    assert whole == pytest.approx(np.ones(num_tasks))  # every task is done, and once
    makespan_s = info["makespan_s"]
    assert makespan_s == max(share.finish_s for share in shares)
    assert busy_s.max() <= makespan_s * (1 + 1e-9)
    assert info["utilisation"] == pytest.approx(busy_s / makespan_s)
    idle_w = sum(device.idle_power_w for device in cluster.devices)
    assert info["total_energy_j"] == pytest.approx(idle_w * makespan_s + active_j, rel=1e-9)
    if cluster is not VARIED:  # one power a device
        above_w = [device.active_power_w - device.idle_power_w for device in cluster.devices]
        assert active_j == pytest.approx(float(busy_s @ above_w), rel=1e-9)
