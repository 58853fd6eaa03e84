"""The cost model: how long a share of a task takes on a device, at what power, with what energy."""

from __future__ import annotations

import numpy as np

from cpu_gpu_env.model.cluster import Device
from cpu_gpu_env.model.measured import MeasuredCosts
from cpu_gpu_env.model.precision import PRECISIONS
from cpu_gpu_env.model.tasks import FloatArray, Tasks

NOT_USED = -np.inf
"""Stands for the time of a pool that gets no share: ``max(free, start + NOT_USED) == free``."""

CACHE_EDGE = 3
"""How sharply the caches give out as the working set grows, see `_byte_time_s`."""

MAX_CACHES = 1e100
"""Working sets of more times `cache_bytes` count as so many: the cube of more might overflow."""


def execution_time_s(device: Device, fraction: float, tasks: Tasks) -> FloatArray:
    """Time that a share of each task takes on a device [s]: all the physics but power.

    ``launch + transfer + serial steps + max(compute, memory traffic)``: the roofline model
    (Williams, Waterman & Patterson, "Roofline", CACM 52(4), 2009) with attained rates, that of
    computing by the task's precision, after the working set of the share, or what of it is not on
    the device yet, has crossed the host link (an infinite link on a CPU: no transfer). A chain of
    dependent steps is as long for a share as for the whole. Zero if the fraction is 0.

    Two refinements, for devices whose profile gives their figures: caches serve part of the traffic
    (`_byte_time_s`), and the maximum is smooth, (compute^p + traffic^p)^(1/p) with p the device's
    ``ridge_sharpness``, since near the ridge neither hides the other wholly. Of tasks whose
    computing and traffic do not overlap, both are summed.

    Where times were measured, a share takes its part of them instead.

    Args:
        device: Where the share runs.
        fraction: Share of each task's work, in [0, 1].
        tasks: The tasks.

    Returns:
        Shape (num_tasks,).

    Raises:
        HybridClusterError: If the device has no rate for a precision, or tasks have measured times,
            but not on it.
    """
    if fraction == 0.0:
        return np.zeros(len(tasks))
    if tasks.measured is not None:
        return fraction * tasks.measured.time_on(device)
    compute_s, traffic_s = _work_s(device, fraction, tasks)
    together_s = _smooth_max(compute_s, traffic_s, device.ridge_sharpness)
    working_s = _working_s(together_s, compute_s, traffic_s, tasks)
    return _waiting_s(device, fraction, tasks) + working_s


def power_above_idle_w(device: Device, fraction: float, tasks: Tasks) -> FloatArray:
    """Mean power above idle of a device while it serves a share of each task [W].

    Without ``memory_power_w`` it is that of ``active_power_w`` throughout. With it, computing and
    memory traffic each take the energy of their own time alone at their own power, and the sum is
    spread over the time that both take together, as in the energy roofline (Choi, Bedard, Fowler &
    Vuduc, "A roofline model of energy", IPDPS 2013): towards the ridge the power rises, but never
    beyond the greater of both readings, where devices throttle. Tasks whose computing and traffic
    do not overlap draw what the same mix draws overlapped, for longer: so the power of an H100 that
    serves a language model is met within 11 % at all batches of the ML.ENERGY leaderboard, where a
    mean over the two times falls short by 20 %. During launch, transfer and serial steps neither is
    busy, so the lesser of the two is taken.

    Where energies were measured, it is what they give over their times, not below idle.

    Args:
        device: Where the share runs.
        fraction: Share of each task's work, in [0, 1].
        tasks: The tasks.

    Returns:
        Shape (num_tasks,).
    """
    compute_w = device.active_power_w - device.idle_power_w
    if not power_varies(device, tasks):
        return np.full(len(tasks), compute_w)
    if tasks.measured is not None:
        return _measured_power_w(device, tasks.measured, compute_w)
    memory_w = (device.memory_power_w or 0.0) - device.idle_power_w
    compute_s, traffic_s = _work_s(device, fraction, tasks)
    both_j = compute_w * compute_s + memory_w * traffic_s
    together_s = _smooth_max(compute_s, traffic_s, device.ridge_sharpness)
    working_w = np.divide(both_j, together_s, out=np.zeros_like(both_j), where=together_s > 0)
    working_w = np.minimum(working_w, max(compute_w, memory_w))
    working_s = _working_s(together_s, compute_s, traffic_s, tasks)
    return _mean(
        min(compute_w, memory_w), _waiting_s(device, fraction, tasks), working_w, working_s
    )


def power_varies(device: Device, tasks: Tasks) -> bool:
    """Whether the power of a device under load depends on what it runs."""
    if tasks.measured is not None:
        return tasks.measured.energy_on(device) is not None
    return device.power_varies


def attained_rates(device: Device, tasks: Tasks) -> float | FloatArray:
    """Attained rate of the device for each task [FLOP/s]; one number if it is the same for all.

    Raises:
        HybridClusterError: If the device has no rate that could stand for a precision.
    """
    rates = {name: device.attained_flops(name) for name in tasks.precisions}
    if len(set(rates.values())) == 1:
        return next(iter(rates.values()))
    by_code = np.array([rates.get(name, np.nan) for name in PRECISIONS])
    return np.asarray(by_code[tasks.precision])


def share_energy_j(
    time_s: FloatArray, power_w: FloatArray, out: FloatArray | None = None
) -> FloatArray:
    """Energy above idle of shares: execution time, noise included, times power above idle [J].

    Args:
        time_s: Execution times, of any shape; `NOT_USED` takes no energy [s].
        power_w: Power above idle, of a shape that broadcasts to that of the times [W].
        out: Where to write it, of the shape of the times; None: a new array.
    """
    used_s = np.maximum(time_s, 0.0, out=out)
    return np.multiply(used_s, power_w, out=out)


def _mean(
    one: float | FloatArray, one_weight: FloatArray, other: float | FloatArray, weight: FloatArray
) -> FloatArray:
    """Weighted mean of two values >= 0; `one` if neither has weight.

    ``one + part * (other - one)`` would lose all digits of an `other` far below `one`.
    """
    both = one_weight + weight
    none = np.broadcast_to(one, both.shape).astype(np.float64)
    mean: FloatArray = np.divide(one * one_weight + other * weight, both, out=none, where=both > 0)
    return mean


def _measured_power_w(device: Device, measured: MeasuredCosts, otherwise_w: float) -> FloatArray:
    """Mean power above idle where energies were measured [W]."""
    time_s, energy_j = measured.time_on(device), measured.energy_on(device)
    if energy_j is None:
        return np.full(len(time_s), otherwise_w)
    return np.maximum(energy_j / time_s - device.idle_power_w, 0.0)


def _waiting_s(device: Device, fraction: float, tasks: Tasks) -> FloatArray:
    """Time of launch, transfer and serial steps, while the device works at a fraction [s]."""
    moved_bytes = np.minimum(tasks.memory_bytes, tasks.transfer_bytes)
    transfer_s = fraction * moved_bytes / device.link_bandwidth
    return device.launch_s + transfer_s + device.serial_step_s * tasks.serial_steps


def _work_s(device: Device, fraction: float, tasks: Tasks) -> tuple[FloatArray, FloatArray]:
    """Times of computing and of memory traffic, each alone [s]."""
    compute_s = fraction * tasks.size_flop / attained_rates(device, tasks)
    traffic_bytes = fraction * tasks.size_flop / tasks.intensity_flop_per_byte
    if device.cache_bytes > 0.0:
        traffic_s = traffic_bytes * _byte_time_s(device, fraction * tasks.memory_bytes)
    else:
        traffic_s = traffic_bytes / device.memory_bandwidth
    return compute_s, traffic_s


def _working_s(
    together_s: FloatArray, compute_s: FloatArray, traffic_s: FloatArray, tasks: Tasks
) -> FloatArray:
    """Time that computing and memory traffic take: at once, or one after the other [s]."""
    if tasks.overlaps.all():
        return together_s
    return np.where(tasks.overlaps, together_s, compute_s + traffic_s)


def _byte_time_s(device: Device, working_set_bytes: FloatArray) -> FloatArray:
    """Time of a byte of memory traffic [s]: a mean of cache and memory, by working set.

    The caches serve the share 1 / (1 + (working set / cache_bytes)^3), one half at `cache_bytes`:
    a smooth form of a cache that serves all of what fits and, swept again and again, little of what
    does not. The exponent was chosen on measurements; 2 and 4 fit nearly as well.
    """
    fullness = np.minimum(working_set_bytes / device.cache_bytes, MAX_CACHES) ** CACHE_EDGE
    cached = 1.0 / (1.0 + fullness)
    missed = fullness * cached  # 1 - cached has no digits left where the caches serve nearly all
    return cached / device.cache_bandwidth + missed / device.memory_bandwidth


def _smooth_max(a: FloatArray, b: FloatArray, sharpness: float) -> FloatArray:
    """(a^p + b^p)^(1/p) with p = sharpness, free of overflow; the maximum if p is infinite."""
    longer: FloatArray = np.maximum(a, b)
    if np.isinf(sharpness):
        return longer
    # The times of a share near 1e-308 are 0.
    ratio = np.divide(np.minimum(a, b), longer, out=np.zeros_like(longer), where=longer > 0)
    smooth: FloatArray = longer * (1.0 + ratio**sharpness) ** (1.0 / sharpness)
    return smooth
