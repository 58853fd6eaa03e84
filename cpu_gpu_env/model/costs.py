"""The cost model: how long a share of a task takes on a device, at what power, with what energy."""

from __future__ import annotations

import numpy as np

from cpu_gpu_env.model.cluster import Device
from cpu_gpu_env.model.tasks import FloatArray, Tasks

NOT_USED = -np.inf
"""Stands for the time of a pool that gets no share: ``max(free, start + NOT_USED) == free``."""

CACHE_EDGE = 3
"""How sharply the caches give out as the working set grows, see `_byte_time_s`."""

MAX_CACHES = 1e100
"""Working sets of more times `cache_bytes` count as so many: the cube of more might overflow."""


def execution_time_s(device: Device, fraction: float, tasks: Tasks) -> FloatArray:
    """Time that a share of each task takes on a device [s]: all the physics but power.

    ``launch + transfer + max(compute, memory traffic)``: the roofline model (Williams, Waterman &
    Patterson, "Roofline", CACM 52(4), 2009) with attained rates, after the working set of the share
    has crossed the host link (an infinite link on a CPU: no transfer). Zero if the fraction is 0.

    Two refinements, for devices whose profile gives their figures: caches serve part of the traffic
    (`_byte_time_s`), and the maximum is smooth, (compute^p + traffic^p)^(1/p) with p the device's
    ``ridge_sharpness``, since near the ridge neither hides the other wholly.

    Args:
        device: Where the share runs.
        fraction: Share of each task's work, in [0, 1].
        tasks: The tasks.

    Returns:
        Shape (num_tasks,).
    """
    if fraction == 0.0:
        return np.zeros(len(tasks))
    transfer_s, compute_s, traffic_s = _phases_s(device, fraction, tasks)
    return device.launch_s + transfer_s + _smooth_max(compute_s, traffic_s, device.ridge_sharpness)


def power_above_idle_w(device: Device, fraction: float, tasks: Tasks) -> FloatArray:
    """Mean power above idle of a device while it serves a share of each task [W].

    After launch and transfer it is a mean of ``active_power_w`` and ``memory_power_w``, weighted by
    the times that computing and memory traffic would take alone: each extreme has its own power,
    and either figure alone where both are the same. During launch and transfer neither is busy, so
    the lesser of the two is taken. Without ``memory_power_w`` it is ``active_power_w`` throughout.

    The energy roofline (Choi, Bedard, Fowler & Vuduc, "A roofline model of energy", IPDPS 2013)
    divides the same sum of both energies by the longer time instead, so its power rises towards the
    ridge to the sum of the two. Devices cap that, where and at what power two readings do not tell;
    the mean is never beyond what was read.

    Args:
        device: Where the share runs.
        fraction: Share of each task's work, in [0, 1].
        tasks: The tasks.

    Returns:
        Shape (num_tasks,).
    """
    compute_w = device.active_power_w - device.idle_power_w
    if device.memory_power_w is None or not device.power_varies:
        return np.full(len(tasks), compute_w)
    memory_w = device.memory_power_w - device.idle_power_w
    transfer_s, compute_s, traffic_s = _phases_s(device, fraction, tasks)
    waiting_s = device.launch_s + transfer_s
    working_s = _smooth_max(compute_s, traffic_s, device.ridge_sharpness)
    working_w = _mean(compute_w, compute_s, memory_w, traffic_s)
    return _mean(min(compute_w, memory_w), waiting_s, working_w, working_s)


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


def _phases_s(
    device: Device, fraction: float, tasks: Tasks
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Times of transfer, of computing and of memory traffic, each alone [s]."""
    transfer_s = fraction * tasks.memory_bytes / device.link_bandwidth
    compute_s = fraction * tasks.size_flop / device.flops
    traffic_bytes = fraction * tasks.size_flop / tasks.intensity_flop_per_byte
    if device.cache_bytes > 0.0:
        traffic_s = traffic_bytes * _byte_time_s(device, fraction * tasks.memory_bytes)
    else:
        traffic_s = traffic_bytes / device.memory_bandwidth
    return transfer_s, compute_s, traffic_s


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
