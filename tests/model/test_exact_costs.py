"""Time and power against exact arithmetic, over many orders of magnitude."""

import math
from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cpu_gpu_env import Cluster, Device, Tasks
from cpu_gpu_env.model.cost_tables import build_cost_tables
from cpu_gpu_env.model.costs import execution_time_s, power_above_idle_w

RELATIVE = 1e-14
"""What rounding may add up to: some dozens of units in the last place."""

Case = tuple[Device, float, float, float, float]
"""A device, a fraction, and size, intensity and memory of a task."""


def magnitude(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high).map(lambda exponent: 10.0**exponent)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    idle_w = draw(st.just(0.0) | magnitude(-6, 6))
    active_w, memory_w = (idle_w + draw(st.just(0.0) | magnitude(-12, 12)) for _ in range(2))
    bandwidth, cached = draw(magnitude(-12, 12)), draw(st.booleans())
    device = Device(
        "any",
        "gpu",
        flops=draw(magnitude(-12, 12)),
        memory_bandwidth=bandwidth,
        memory_bytes=math.inf,
        launch_s=draw(st.just(0.0) | magnitude(-12, 3)),
        idle_power_w=idle_w,
        active_power_w=active_w,
        link_bandwidth=draw(st.just(math.inf) | magnitude(-6, 12)),
        cache_bytes=draw(magnitude(-6, 12)) if cached else 0.0,
        cache_bandwidth=bandwidth * draw(magnitude(0, 12)) if cached else math.inf,
        ridge_sharpness=draw(st.sampled_from([1.0, math.inf])),
        memory_power_w=draw(st.just(memory_w) | st.none()),
    )
    fraction = draw(st.sampled_from([0.2, 0.3, 0.999, 1.0]))
    memory_bytes = draw(st.just(0.0) | magnitude(-3, 12))
    return device, fraction, draw(magnitude(-6, 12)), draw(magnitude(-6, 6)), memory_bytes


def exact_costs(case: Case) -> tuple[Fraction, Fraction]:
    """Time [s] and power above idle [W] by the formulas of the docstrings."""
    device = case[0]
    fraction, size, intensity, memory = map(Fraction, case[1:])
    transfer = 0 * size
    if not math.isinf(device.link_bandwidth):
        transfer = fraction * memory / Fraction(device.link_bandwidth)
    second_per_byte = 1 / Fraction(device.memory_bandwidth)
    if device.cache_bytes:
        fullness = (fraction * memory / Fraction(device.cache_bytes)) ** 3
        in_caches = 1 / Fraction(device.cache_bandwidth)
        second_per_byte = (in_caches + fullness * second_per_byte) / (1 + fullness)
    compute = fraction * size / Fraction(device.flops)
    traffic = fraction * size / intensity * second_per_byte
    working = compute + traffic if device.ridge_sharpness == 1.0 else max(compute, traffic)
    waiting = Fraction(device.launch_s) + transfer
    compute_w = Fraction(device.active_power_w) - Fraction(device.idle_power_w)
    if device.memory_power_w is None:
        return waiting + working, compute_w
    memory_w = Fraction(device.memory_power_w) - Fraction(device.idle_power_w)
    both_j = compute * compute_w + traffic * memory_w
    working_j = min(both_j, working * max(compute_w, memory_w))
    energy_j = waiting * min(compute_w, memory_w) + working_j
    return waiting + working, energy_j / (waiting + working)


def device_of(**figures: float) -> Device:
    plain = {
        "flops": 1.0,
        "memory_bandwidth": 1.0,
        "memory_bytes": math.inf,
        "launch_s": 0.0,
        "idle_power_w": 0.0,
        "active_power_w": 1.0,
    }
    return Device("any", "gpu", **{**plain, **figures})


@settings(max_examples=200, deadline=None)
@given(cases())
@example((device_of(active_power_w=1e17, memory_power_w=1e-3), 1.0, 1e-3, 1e-20, 0.0))
@example((device_of(cache_bytes=1e6, cache_bandwidth=1e18), 1.0, 1.0, 1.0, 1.0))
def test_no_digits_are_lost(case: Case) -> None:
    device, fraction, *task = case
    tasks = Tasks([0.0], *([value] for value in task))
    exact_s, exact_w = exact_costs(case)
    time_s = Fraction(execution_time_s(device, fraction, tasks).item())
    power_w = Fraction(power_above_idle_w(device, fraction, tasks).item())
    assert abs(time_s - exact_s) <= RELATIVE * exact_s
    assert abs(power_w - exact_w) <= RELATIVE * exact_w


def test_memory_traffic_that_draws_next_to_nothing() -> None:
    # 1e17 W under computing, which a billionth of a billionth of the time bounds.
    gpu = device_of(active_power_w=1e17, memory_power_w=1e-3)
    cpu = Device("cpu", "cpu", 1.0, 1.0, math.inf, 0.0, 0.0, 1.0)
    tasks = Tasks([0.0], [1e-20], [1e-20], [0.0])  # 1e-20 s of computing, 1 s of traffic
    costs = build_cost_tables(Cluster("two", (cpu, gpu)), tasks, (1.0,))
    assert costs.gpus.energy_j.item() == pytest.approx(1e17 * 1e-20 + 1e-3)
