"""What observations show of tasks, against scales worked out by hand, and back."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from conftest import CPU, GPU, MIXED, PLAIN, SLOW_CPU

from cpu_gpu_env import Cluster, HybridClusterEnv, HybridClusterError, Tasks, Workload
from cpu_gpu_env.agents.features import AgentFeatures
from cpu_gpu_env.model.measured import MeasuredCosts
from cpu_gpu_env.problem.problem import make_problem
from cpu_gpu_env.problem.task_features import CostFeatures, WorkFeatures, task_features

NOTHING = [np.nan] * 3
MEASURED = Tasks(
    np.zeros(3),
    NOTHING,
    NOTHING,
    [1e9, 0.0, 4e9],
    measured=MeasuredCosts({"cpu": [1.0, 10.0, 100.0], "gpu": [2.0, 1.0, 4.0]}),
)
TENSOR = replace(GPU, flops_fp16=8 * GPU.flops)
MIXED_PRECISIONS = Tasks(np.zeros(2), [8e12, 8e12], [1e6, 1e6], [1e9, 1e9], ["fp32", "fp16"])


def test_measured_tasks_show_their_times() -> None:
    workload = Workload.from_tasks("measured", MEASURED)
    seen = task_features(PLAIN, workload)
    assert seen.names == ("cpu_time", "gpu_time", "memory")
    # log 10 lies midway of log 1 and log 100, log 2 of log 1 and log 4; no memory is the least.
    expected = [[0.0, 0.5, 0.0], [0.5, 0.0, 0.0], [1.0, 1.0, 1.0]]
    assert seen.table(MEASURED) == pytest.approx(np.array(expected), abs=1e-6)
    env = HybridClusterEnv(cluster=PLAIN, workload=workload, num_tasks=3, load=None)
    observation, _ = env.reset(options={"tasks": MEASURED})
    assert env.observation_space.contains(observation)
    assert observation == pytest.approx([0.0, 0.5, 0.0], abs=1e-6)
    for _ in range(3):
        observation, _, _, _, info = env.step(5)
        assert env.observation_space.contains(observation)
    assert info["task"].tolist() == [0.0, -1.0, -1.0, 4e9]
    # The three on two GPUs: 2 s and then 4 s on one.
    assert info["makespan_s"] == pytest.approx(5.0, rel=1e-6)


def test_tasks_of_several_precisions_show_the_times_that_they_take() -> None:
    cluster = Cluster("tensor", (CPU, TENSOR))
    seen = task_features(cluster, Workload.from_tasks("both", MIXED_PRECISIONS))
    assert isinstance(seen, CostFeatures)
    cpu, gpu, memory = seen.ranges
    # The CPU has one rate, 1e12 FLOP/s; the GPU is eight times as fast in 16 bits.
    assert (cpu.low, memory.low) == (pytest.approx(8.5), 1e9)
    assert (gpu.low, gpu.high) == pytest.approx((0.25 + 0.1 + 0.1, 0.25 + 0.1 + 0.8))
    assert seen.table(MIXED_PRECISIONS).tolist() == [[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]


def test_the_time_of_a_pool_is_that_on_its_mean_device() -> None:
    cluster = Cluster("three", (CPU, CPU, SLOW_CPU, GPU))
    tasks = replace(MIXED_PRECISIONS, serial_steps=np.ones(2))
    (cpu, _, _) = task_features(cluster, Workload.from_tasks("steps", tasks)).ranges
    assert cpu.low == pytest.approx((8.5 + 8.5 + 16.0) / 3)


def test_what_does_not_fit_shows_the_time_that_it_would_take() -> None:
    tasks = replace(MIXED_PRECISIONS, memory_bytes=[1e9, 30e9])
    (_, gpu, _) = task_features(PLAIN, Workload.from_tasks("large", tasks)).ranges
    assert (gpu.low, gpu.high) == pytest.approx((0.25 + 0.1 + 0.8, 0.25 + 3.0 + 0.8))


def test_plain_tasks_of_one_precision_show_their_work() -> None:
    tasks = Tasks(np.zeros(2), [1e9, 4e9], [1.0, 100.0], [1e6, 2e6], "fp16")
    seen = task_features(Cluster("tensor", (CPU, TENSOR)), Workload.from_tasks("16 bits", tasks))
    assert isinstance(seen, WorkFeatures)
    assert seen.table(tasks).tolist() == [[0.0] * 3, [1.0] * 3]
    again = seen.tasks_like(np.array([[0.5, 0.5, 1.0]]), 0.5)
    assert again.precisions == ("fp16",)
    assert again.size_flop == pytest.approx([2e9])
    assert again.intensity_flop_per_byte == pytest.approx([10.0])
    assert again.memory_bytes == pytest.approx([1e6])


def test_tasks_that_look_like_measured_ones_take_as_long() -> None:
    seen = task_features(PLAIN, Workload.from_tasks("measured", MEASURED))
    again = seen.tasks_like(seen.table(MEASURED).astype(np.float64))
    assert again.measured is not None
    assert again.measured.time_s["cpu"] == pytest.approx([1.0, 10.0, 100.0], rel=1e-6)
    assert again.measured.time_s["gpu"] == pytest.approx([2.0, 1.0, 4.0], rel=1e-6)
    assert again.memory_bytes == pytest.approx([1e9, 1e9, 4e9], rel=1e-6)


def test_the_net_sees_what_each_action_takes_of_measured_times() -> None:
    problem = make_problem(
        PLAIN, Workload.from_tasks("measured", MEASURED), 3, gpu_fractions=(0.0, 0.5, 1.0)
    )
    features = AgentFeatures(problem, observe_queues=False)
    found = features(problem.task_features.table(MEASURED))[:, 3:].reshape(3, 3, -1)
    unit_s = problem.objective.reference.makespan_s

    def log(time_s: float) -> float:
        return math.log(max(time_s / unit_s, 1e-3)) / 2.0

    # Of each action the times on CPU and GPU: nothing, a half, or all.
    assert found[1, :, 0] == pytest.approx([log(10.0), log(5.0), log(0.0)], abs=1e-5)
    assert found[1, :, 1] == pytest.approx([log(0.0), log(0.5), log(1.0)], abs=1e-5)


def test_parts_share_the_ranges_of_the_whole() -> None:
    memory = Workload.from_tasks("x", MEASURED).memory_range
    whole = Workload("trace", MEASURED, None, None, memory, in_order=True)
    part = replace(whole, pool=MEASURED.take(np.array([1]), np.zeros(1)), whole=MEASURED)
    assert task_features(PLAIN, part).ranges == task_features(PLAIN, whole).ranges
    # A part of plain tasks still shows what the whole does.
    plain = MIXED_PRECISIONS.take(np.array([0]), np.zeros(1))
    ranges = (Workload.from_tasks("x", plain).size_range,) * 3
    some = Workload("trace", plain, *ranges, in_order=True, whole=MIXED_PRECISIONS)
    assert plain.is_plain
    assert isinstance(task_features(MIXED, some), CostFeatures)


def test_measured_tasks_in_an_environment_of_sizes_are_refused() -> None:
    env = HybridClusterEnv(cluster=PLAIN)
    with pytest.raises(HybridClusterError, match="'lognormal' show sizes and intensities"):
        env.reset(options={"tasks": MEASURED})


def test_sizes_in_an_environment_of_times_show_theirs() -> None:
    env = HybridClusterEnv(cluster=PLAIN, workload=Workload.from_tasks("measured", MEASURED))
    # On the CPU 0.5 + 9.5 s; on a GPU 0.25 + 0.95 + 0.8 s.
    tasks = Tasks([0.0], [9.5e12], [1e6], [8e9])
    observation, _ = env.reset(options={"tasks": tasks})
    assert observation == pytest.approx([0.5, 0.5, 1.0], abs=1e-6)
