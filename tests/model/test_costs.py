"""Time and energy against figures worked out by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
from conftest import CPU, FRUGAL_CPU, GPU, HOT_GPU, MIXED, PLAIN, SLOW_CPU, SMALL_GPU, VARIED
from hypothesis import given
from hypothesis import strategies as st

from cpu_gpu_env import Device, HybridClusterError, Tasks
from cpu_gpu_env.model.cost_tables import build_cost_tables
from cpu_gpu_env.model.costs import NOT_USED, execution_time_s, power_above_idle_w

# Compute-bound on the CPU: 2e12 FLOP / 1e12 FLOP/s = 2 s against 2e12 / 100 / 100e9 = 0.2 s.
COMPUTE = Tasks([0.0], [2e12], [100.0], [5e9])
# Memory-bound on both: 1e12 FLOP at 2 FLOP/B move 5e11 B.
MEMORY = Tasks([0.0], [1e12], [2.0], [8e9])


def test_cpu_time_is_launch_and_the_slower_of_compute_and_memory() -> None:
    assert execution_time_s(CPU, 1.0, COMPUTE) == pytest.approx([0.5 + 2.0])
    assert execution_time_s(CPU, 0.25, COMPUTE) == pytest.approx([0.5 + 0.5])
    assert execution_time_s(CPU, 1.0, MEMORY) == pytest.approx([0.5 + 5.0])


def test_gpu_time_adds_the_transfer() -> None:
    assert execution_time_s(GPU, 1.0, COMPUTE) == pytest.approx([0.25 + 0.5 + 0.2])
    assert execution_time_s(GPU, 0.5, MEMORY) == pytest.approx([0.25 + 0.4 + 0.25])


def test_no_share_takes_no_time() -> None:
    assert execution_time_s(GPU, 0.0, COMPUTE) == 0.0


@given(st.floats(0.01, 0.99), st.floats(1e9, 1e14), st.floats(0.1, 1e3), st.floats(0, 1e10))
def test_a_larger_share_takes_longer(f: float, size: float, intensity: float, mem: float) -> None:
    tasks = Tasks([0.0], [size], [intensity], [mem])
    for device in (CPU, GPU):
        assert execution_time_s(device, f, tasks) < execution_time_s(device, 1.0, tasks)


def test_tables_hold_times_of_both_shares_and_powers_above_idle() -> None:
    table = build_cost_tables(PLAIN, COMPUTE, (0.0, 0.5, 1.0))
    assert table.cpus.time_s[0, 0] == pytest.approx([2.5, 1.5, NOT_USED])
    assert table.gpus.time_s[0, 0] == pytest.approx([NOT_USED, 0.6, 0.95])
    assert table.cpus.power_w.tolist() == [[[100.0] * 3]]
    assert table.gpus.power_w.tolist() == [[[300.0] * 3]]
    assert not table.power_varies


def test_a_task_too_long_for_the_tables_is_refused() -> None:
    endless = Tasks([0.0, 1.0], [1e12, 1e60], [100.0, 100.0], [0.0, 0.0])
    with pytest.raises(HybridClusterError, match=r"task 1 takes 1e\+48 s"):
        build_cost_tables(PLAIN, endless, (0.0, 1.0))


def test_a_share_that_does_not_fit_costs_what_the_cpu_costs() -> None:
    large = Tasks([0.0], [2e12], [100.0], [15e9])  # the GPU holds 10e9 B
    table = build_cost_tables(PLAIN, large, (0.0, 0.5, 1.0))
    assert table.num_feasible.tolist() == [2]
    assert table.action_masks(np.array([0])).tolist() == [[1, 1, 0]]
    for time_s in (table.cpus.time_s, table.gpus.time_s):
        assert time_s[0, 0, 2] == time_s[0, 0, 0]


def test_where_nothing_fits_everything_is_allowed_and_runs_on_the_cpu() -> None:
    large = Tasks([0.0], [2e12], [100.0], [50e9])
    table = build_cost_tables(PLAIN, large, (0.5, 1.0))
    assert table.action_masks(np.array([0])).tolist() == [[1, 1]]
    assert table.gpus.time_s[0, 0].tolist() == [NOT_USED, NOT_USED]


@pytest.mark.parametrize(
    ("device", "fraction", "tasks", "launch", "transfer", "compute", "traffic"),
    [
        (CPU, 1.0, COMPUTE, 0.5, 0.0, 2.0, 0.2),
        (SLOW_CPU, 0.5, COMPUTE, 0.0, 0.0, 2.0, 0.2),
        (GPU, 1.0, COMPUTE, 0.25, 0.5, 0.2, 0.02),
        (SMALL_GPU, 0.5, COMPUTE, 0.1, 0.5, 0.25, 1 / 30),
        (SLOW_CPU, 1.0, MEMORY, 0.0, 0.0, 2.0, 10.0),
        (SMALL_GPU, 0.3, MEMORY, 0.1, 0.48, 0.075, 0.5),
    ],
)
def test_every_term(
    device: Device,
    fraction: float,
    tasks: Tasks,
    launch: float,
    transfer: float,
    compute: float,
    traffic: float,
) -> None:
    time_s = launch + transfer + max(compute, traffic)
    assert execution_time_s(device, fraction, tasks) == pytest.approx([time_s])


@given(
    fractions=st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted),
    size=st.floats(1e6, 1e14),
    intensity=st.floats(0.1, 1e3),
    memory=st.floats(0, 1e11),
    device=st.sampled_from([CPU, SLOW_CPU, GPU, SMALL_GPU]),
)
def test_time_never_falls_with_the_share(
    fractions: list[float], size: float, intensity: float, memory: float, device: Device
) -> None:
    tasks = Tasks([0.0], [size], [intensity], [memory])
    smaller, larger = (execution_time_s(device, f, tasks)[0] for f in fractions)
    assert 0.0 <= smaller <= larger
    assert execution_time_s(device, 0.0, tasks)[0] == 0.0


def test_a_mixed_cluster_has_times_for_each_kind() -> None:
    table = build_cost_tables(MIXED, COMPUTE, (0.0, 0.5))
    assert (table.cpus.device_type, table.gpus.device_type) == ((0, 1), (0, 0, 1))
    assert table.cpus.time_s[:, 0, 1] == pytest.approx([1.5, 2.0])
    assert table.gpus.time_s[:, 0, 1] == pytest.approx([0.6, 0.85])
    assert table.cpus.power_w[:, 0, 1] == pytest.approx([100.0, 50.0])
    assert table.gpus.power_w[:, 0, 1] == pytest.approx([300.0, 70.0])


def energy_j(device: Device, share: float, tasks: Tasks) -> float:
    time_s, power_w = (f(device, share, tasks) for f in (execution_time_s, power_above_idle_w))
    return float(time_s[0] * power_w[0])


def test_energy_of_computing_and_of_memory_traffic_by_hand() -> None:
    # 0.75 s of launch and transfer at the lesser of 300 and 600 W, then computing takes 0.2 s, and
    # beside it traffic 0.02 s.
    assert energy_j(HOT_GPU, 1.0, COMPUTE) == pytest.approx(0.75 * 300 + 0.2 * 300 + 0.02 * 600)
    # 1.05 s of launch and transfer; 0.1 s of computing beside 0.5 s of traffic would draw 660 W.
    assert energy_j(HOT_GPU, 1.0, MEMORY) == pytest.approx(1.05 * 300 + 0.5 * 600)
    # 0.5 s of launch at the lesser of 100 and 10 W, then 5 s of traffic beside 1 s of computing.
    assert energy_j(FRUGAL_CPU, 1.0, MEMORY) == pytest.approx(0.5 * 10 + 1 * 100 + 5 * 10)
    # Half of it takes half the time after the launch.
    assert energy_j(FRUGAL_CPU, 0.5, MEMORY) == pytest.approx(0.5 * 10 + 0.5 * 100 + 2.5 * 10)


def test_one_power_is_drawn_throughout() -> None:
    for device in (CPU, replace(CPU, memory_power_w=CPU.active_power_w)):
        assert not device.power_varies
        assert power_above_idle_w(device, 0.7, MEMORY).tolist() == [100.0]


BARE = replace(HOT_GPU, launch_s=0.0, link_bandwidth=math.inf)


@pytest.mark.parametrize(
    ("intensity", "above_idle_w"), [(1e-9, 600.0), (10.0, 600.0), (40.0, 450.0), (1e12, 300.0)]
)
def test_each_extreme_has_its_own_power_and_the_ridge_the_greater(
    intensity: float, above_idle_w: float
) -> None:
    tasks = Tasks([0.0], [1e12], [intensity], [5e9])
    assert power_above_idle_w(BARE, 1.0, tasks) == pytest.approx(above_idle_w)


@given(
    share=st.floats(1e-6, 1.0),
    size=st.floats(1e6, 1e14),
    intensity=st.floats(1e-3, 1e5),
    memory=st.floats(0, 1e10),
    refined=st.booleans(),
    launch_s=st.sampled_from([0.0, 0.25]),
)
def test_power_lies_between_the_two_and_approaches_them(
    share: float, size: float, intensity: float, memory: float, refined: bool, launch_s: float
) -> None:
    device = replace(HOT_GPU, launch_s=launch_s)
    if refined:
        device = replace(device, cache_bytes=1e8, cache_bandwidth=5e12, ridge_sharpness=2.0)
    tasks = Tasks([0.0], [size], [intensity], [memory])
    power_w = power_above_idle_w(device, share, tasks)[0]
    assert 300.0 * (1 - 1e-12) <= power_w <= 600.0 * (1 + 1e-12)
    # Two powers that differ by nothing that matters give the same as one.
    same = replace(device, memory_power_w=device.active_power_w * (1 + 1e-12))
    assert power_above_idle_w(same, share, tasks)[0] == pytest.approx(300.0)


def test_power_of_next_to_nothing_is_finite() -> None:
    nothing = Tasks([0.0], [1e-100], [1e100], [0.0])
    assert power_above_idle_w(BARE, 1e-300, nothing).tolist() == [300.0]


def test_tables_hold_the_power_of_each_share() -> None:
    tasks = Tasks([0.0] * 2, [2e12, 1e12], [100.0, 2.0], [5e9, 8e9])  # the small one holds 4e9
    table = build_cost_tables(VARIED, tasks, (0.0, 0.5, 1.0))
    assert table.power_varies
    assert table.num_feasible.tolist() == [2, 2]
    cpu_j = np.maximum(table.cpus.time_s, 0.0) * table.cpus.power_w
    gpu_j = np.maximum(table.gpus.time_s, 0.0) * table.gpus.power_w
    for task, row in enumerate((COMPUTE, MEMORY)):
        expected = [energy_j(FRUGAL_CPU, share, row) for share in (1.0, 0.5, 1.0)]
        assert cpu_j[0, task] == pytest.approx(expected, rel=1e-6)
        assert cpu_j[1, task, 0] == pytest.approx(50 * execution_time_s(SLOW_CPU, 1.0, row)[0])
        assert gpu_j[0, task] == pytest.approx([0.0, energy_j(HOT_GPU, 0.5, row), 0.0], rel=1e-6)


def test_the_cheapest_types_are_those_of_brute_force() -> None:
    rng = np.random.default_rng(0)
    tasks = Tasks(np.zeros(9), 10 ** rng.uniform(11, 13, 9), 10 ** rng.uniform(-1, 2, 9), [1e9] * 9)
    table = build_cost_tables(VARIED, tasks, (0.0, 0.4, 1.0))
    cost = table.cheapest(((0.3, 0.2), (0.5, 0.1)), 2e-3)
    for task in range(9):
        for action in range(3):
            least = 0.0
            for prices, time_s, power_w in (
                ((0.3, 0.2), table.cpus.time_s, table.cpus.power_w),
                ((0.5, 0.1), table.gpus.time_s, table.gpus.power_w),
            ):
                seconds = np.maximum(time_s[:, task, action], 0.0)
                joules = seconds * power_w[:, task, action]
                least += min(np.array(prices) * seconds + 2e-3 * joules)
            assert cost[task, action] == pytest.approx(least)


def test_a_share_must_fit_the_smallest_gpu() -> None:
    tasks = Tasks([0.0] * 3, [2e12] * 3, [100.0] * 3, [4e9, 4.1e9, 8e9])  # the small one holds 4e9
    table = build_cost_tables(MIXED, tasks, (0.0, 0.5, 1.0))
    assert table.num_feasible.tolist() == [3, 2, 2]
    assert not table.all_feasible
    assert table.action_masks(np.array([2, 0])).tolist() == [[1, 1, 0], [1, 1, 1]]


CACHED = replace(CPU, cache_bytes=8e9, cache_bandwidth=400e9)
SMOOTH = replace(CPU, ridge_sharpness=2.0)


def test_caches_serve_half_the_traffic_of_a_working_set_of_their_size() -> None:
    # 5e11 B: half at 400 GB/s (0.625 s), half at 100 GB/s (2.5 s), and 0.5 s to launch.
    assert execution_time_s(CACHED, 1.0, MEMORY) == pytest.approx([0.5 + 0.625 + 2.5])
    # A quarter of the task is a quarter of the working set: the share 1 / (1 + 1/64) is cached.
    cached = 64 / 65
    quarter_s = 1.25e11 * (cached / 400e9 + (1 - cached) / 100e9)
    assert execution_time_s(CACHED, 0.25, MEMORY) == pytest.approx([0.5 + quarter_s])


@pytest.mark.parametrize(("working_set", "bandwidth"), [(0.0, 400e9), (8e12, 100e9)])
def test_far_from_their_size_caches_serve_all_or_nothing(
    working_set: float, bandwidth: float
) -> None:
    tasks = Tasks([0.0], [1e12], [2.0], [working_set])
    assert execution_time_s(CACHED, 1.0, tasks) == pytest.approx([0.5 + 5e11 / bandwidth])


def test_a_smooth_ridge_adds_the_hidden_part_in() -> None:
    # Compute 2 s and traffic 0.2 s, or 1 s and 5 s, as the legs of a right-angled triangle.
    assert execution_time_s(SMOOTH, 1.0, COMPUTE) == pytest.approx([0.5 + math.hypot(2.0, 0.2)])
    assert execution_time_s(SMOOTH, 1.0, MEMORY) == pytest.approx([0.5 + math.hypot(1.0, 5.0)])


def test_sharpness_runs_from_the_sum_to_the_maximum() -> None:
    added, nearly_sharp = (replace(CPU, ridge_sharpness=p) for p in (1.0, 1e6))
    assert execution_time_s(added, 1.0, COMPUTE) == pytest.approx([0.5 + 2.2])
    assert execution_time_s(nearly_sharp, 1.0, COMPUTE) == pytest.approx([0.5 + 2.0])


@given(st.floats(0.0, 1.0), st.floats(1e6, 1e14), st.floats(0.1, 1e3), st.floats(0, 1e11))
def test_a_device_without_refinements_is_the_plain_roofline_to_the_last_bit(
    fraction: float, size: float, intensity: float, memory: float
) -> None:
    tasks = Tasks([0.0], [size], [intensity], [memory])
    work, moved = np.array([fraction * size]), np.array([fraction * size / intensity])
    for device in (CPU, GPU):
        roofline = np.maximum(work / device.flops, moved / device.memory_bandwidth)
        plain = device.launch_s + fraction * memory / device.link_bandwidth + roofline
        got = execution_time_s(device, fraction, tasks)
        assert got == (plain if fraction > 0.0 else 0.0)


def test_refined_times_of_next_to_nothing_are_those_of_the_launch() -> None:
    device = replace(CPU, cache_bytes=1.0, cache_bandwidth=1e12, ridge_sharpness=2.0)
    tasks = Tasks([0.0], [1e6], [1.0], [0.0])
    assert execution_time_s(device, 5e-324, tasks).tolist() == [device.launch_s]


@given(
    fractions=st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted),
    size=st.floats(1e6, 1e14),
    intensity=st.floats(0.1, 1e3),
    memory=st.floats(0, 1e11),
    cache=st.floats(1.0, 1e12),
    speedup=st.floats(1.0, 30.0),
    sharpness=st.floats(1.0, 20.0),
)
def test_refined_times_never_fall_with_the_share_and_stay_between_the_extremes(
    fractions: list[float],
    size: float,
    intensity: float,
    memory: float,
    cache: float,
    speedup: float,
    sharpness: float,
) -> None:
    device = replace(
        CPU,
        cache_bytes=cache,
        cache_bandwidth=speedup * CPU.memory_bandwidth,
        ridge_sharpness=sharpness,
    )
    tasks = Tasks([0.0], [size], [intensity], [memory])
    smaller, larger = (execution_time_s(device, f, tasks)[0] for f in fractions)
    assert 0.0 <= smaller <= larger * (1 + 1e-9)
    compute_s, traffic_s = size / CPU.flops, size / intensity / CPU.memory_bandwidth
    time_s = execution_time_s(device, 1.0, tasks)[0] - CPU.launch_s
    assert time_s <= (compute_s + traffic_s) * (1 + 1e-9)
    assert time_s >= max(compute_s, traffic_s / speedup) * (1 - 1e-9) - 1e-12
