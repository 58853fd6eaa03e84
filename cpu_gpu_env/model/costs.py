"""The cost model: execution time and power of every (task, GPU fraction), computed once.

A share's energy above idle is its execution time, noise included, times its power above idle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.model.cluster import Cluster, Device, distinct
from cpu_gpu_env.model.tasks import MAX_TIME_S, FloatArray, Tasks

NOT_USED = -np.inf
"""Stands for the time of a pool that gets no share: ``max(free, start + NOT_USED) == free``."""

MIN_TIME_S = 1e-30
"""Shorter tasks are refused; a makespan is divided by, and float32 holds little less."""

CACHE_EDGE = 3
"""How sharply the caches give out as the working set grows, see `_byte_time_s`."""


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
    working_w = compute_w + _part(traffic_s, compute_s) * (memory_w - compute_w)
    return working_w + _part(waiting_s, working_s) * (min(compute_w, memory_w) - working_w)


def _part(one_s: FloatArray, other_s: FloatArray) -> FloatArray:
    """What part of two times together the one is; 0 if both are 0."""
    both_s = one_s + other_s
    return np.divide(one_s, both_s, out=np.zeros_like(both_s), where=both_s > 0.0)


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
    cached = 1.0 / (1.0 + (working_set_bytes / device.cache_bytes) ** CACHE_EDGE)
    return cached / device.cache_bandwidth + (1.0 - cached) / device.memory_bandwidth


def _smooth_max(a: FloatArray, b: FloatArray, sharpness: float) -> FloatArray:
    """(a^p + b^p)^(1/p) with p = sharpness, free of overflow; the maximum if p is infinite."""
    longer: FloatArray = np.maximum(a, b)
    if np.isinf(sharpness):
        return longer
    # The times of a share near 1e-308 are 0.
    ratio = np.divide(np.minimum(a, b), longer, out=np.zeros_like(longer), where=longer > 0)
    smooth: FloatArray = longer * (1.0 + ratio**sharpness) ** (1.0 / sharpness)
    return smooth


@dataclass(frozen=True, eq=False)
class CostTables:
    """Execution time and power of every (task, GPU fraction) on each kind of device of a cluster.

    A fraction that does not fit the GPUs holds those of running wholly on the CPU. The time of a
    pool without a share is `NOT_USED`.
    """

    cluster: Cluster
    gpu_fractions: tuple[float, ...]
    """Ascending, one an action."""
    cpu_time_s: FloatArray
    """(CPU kinds, tasks, actions): time of the CPU's share [s]."""
    gpu_time_s: FloatArray
    """(GPU kinds, tasks, actions): time of the GPU's share [s]."""
    cpu_power_w: FloatArray
    """(CPU kinds, tasks, actions): mean power above idle meanwhile [W]."""
    gpu_power_w: FloatArray
    """(GPU kinds, tasks, actions): likewise [W]."""
    power_varies: bool
    """Whether powers depend on task and action; if not, each kind has one."""
    num_feasible: npt.NDArray[np.uint8]
    """(tasks,): how many of the fractions fit; they are the smallest ones."""
    cpu_kind: tuple[int, ...]
    """For each CPU, the index of its kind."""
    gpu_kind: tuple[int, ...]
    """For each GPU, the index of its kind."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                value.setflags(write=False)  # environments share tables

    def __deepcopy__(self, memo: dict[int, Any]) -> CostTables:
        """Share what never changes: copies of an environment stay small."""
        return self

    @property
    def num_tasks(self) -> int:
        """Number of tasks in the table."""
        return int(self.cpu_time_s.shape[1])

    @property
    def powers_w(self) -> tuple[FloatArray, FloatArray]:
        """Powers of CPUs and GPUs in their smallest form that broadcasts over the times [W]."""
        if self.power_varies:
            return self.cpu_power_w, self.gpu_power_w
        return self.cpu_power_w[:, :1, :1], self.gpu_power_w[:, :1, :1]

    def cheapest(
        self, cpu_prices: npt.ArrayLike, gpu_prices: npt.ArrayLike, energy_price: float
    ) -> FloatArray:
        """Cost of every (task, action), each share on the kind that serves it at the least cost.

        Args:
            cpu_prices: Of a second of each kind of CPU, its energy not included, (CPU kinds,).
            gpu_prices: Likewise of each kind of GPU, (GPU kinds,).
            energy_price: Of a joule above idle.
        """
        (cpu_w, gpu_w), shape = self.powers_w, (-1, 1, 1)
        cpu = np.reshape(cpu_prices, shape) + energy_price * cpu_w
        gpu = np.reshape(gpu_prices, shape) + energy_price * gpu_w
        return np.asarray(
            (cpu * np.maximum(self.cpu_time_s, 0.0)).min(axis=0)
            + (gpu * np.maximum(self.gpu_time_s, 0.0)).min(axis=0)
        )

    @cached_property
    def all_feasible(self) -> bool:
        """Whether every fraction of every task fits."""
        return bool(self.num_feasible.min() == len(self.gpu_fractions))

    @cached_property
    def _masks_by_count(self) -> npt.NDArray[np.int8]:
        """Action mask (1: fits) for each number of feasible fractions, (actions + 1, actions).

        A task none of whose fractions fits runs on the CPU whatever is chosen: all are allowed.
        """
        num_actions = len(self.gpu_fractions)
        count = np.arange(num_actions + 1)
        count[0] = num_actions
        return (np.arange(num_actions) < count[:, None]).astype(np.int8)

    def action_masks(self, rows: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.int8]:
        """Action masks of some tasks, (rows, actions)."""
        masks: npt.NDArray[np.int8] = self._masks_by_count[self.num_feasible[rows]]
        return masks


def build_cost_tables(
    cluster: Cluster, tasks: Tasks, gpu_fractions: tuple[float, ...]
) -> CostTables:
    """Compute times and powers of all tasks.

    A share must fit the smallest GPU, because it goes to whichever GPU is free first.

    Raises:
        HybridClusterError: If a task takes longer or shorter than float32 can hold.
    """
    cpus, cpu_kind = distinct(cluster.cpus)
    gpus, gpu_kind = distinct(cluster.gpus)
    for device in (*cpus, *gpus):
        _check_times(device, tasks)
    capacity_bytes = min(gpu.memory_bytes for gpu in gpus)
    varies = any(device.power_varies for device in (*cpus, *gpus))
    cpu_power_w, gpu_power_w = (
        _one_power(kinds, (len(tasks), len(gpu_fractions)), varies) for kinds in (cpus, gpus)
    )
    cpu_time_s = np.full((len(cpus), len(tasks), len(gpu_fractions)), NOT_USED)
    gpu_time_s = np.full((len(gpus), len(tasks), len(gpu_fractions)), NOT_USED)
    num_feasible = np.zeros(len(tasks), dtype=np.uint8)
    for action, fraction in enumerate(gpu_fractions):
        fits = fraction * tasks.memory_bytes <= capacity_bytes
        num_feasible += fits
        for kind, device in enumerate(cpus):
            columns = cpu_time_s[kind, :, action], cpu_power_w[kind, :, action]
            if fraction < 1.0:
                _fill(*columns, device, 1.0 - fraction, tasks, slice(None))
            if not fits.all():
                _fill(*columns, device, 1.0, tasks, ~fits)
        for kind, device in enumerate(gpus):
            columns = gpu_time_s[kind, :, action], gpu_power_w[kind, :, action]
            if fraction > 0.0:
                _fill(*columns, device, fraction, tasks, fits)
    return CostTables(
        cluster,
        gpu_fractions,
        _round_to_float32(cpu_time_s),
        _round_to_float32(gpu_time_s),
        cpu_power_w,
        gpu_power_w,
        varies,
        num_feasible,
        cpu_kind,
        gpu_kind,
    )


def _fill(
    time_s: FloatArray,
    power_w: FloatArray,
    device: Device,
    share: float,
    tasks: Tasks,
    where: slice | npt.NDArray[np.bool_],
) -> None:
    """Write what a share takes and draws on a device, for some tasks, into columns (tasks,)."""
    time_s[where] = execution_time_s(device, share, tasks)[where]
    if power_w.flags.writeable:  # else it holds the one power of the device already
        power_w[where] = power_above_idle_w(device, share, tasks)[where]


def _one_power(kinds: Sequence[Device], shape: tuple[int, int], writeable: bool) -> FloatArray:
    """Power above idle while computing for every (kind, task, action) [W].

    One number a kind in memory, unless others are to be written into the table.
    """
    power_w = np.array([device.active_power_w - device.idle_power_w for device in kinds])
    every = np.broadcast_to(power_w[:, None, None], (len(kinds), *shape))
    return every.copy() if writeable else every


def _check_times(device: Device, tasks: Tasks) -> None:
    """Check that the tasks are neither too long nor too short on a device.

    No share takes longer than the whole, and the larger share takes at least half as long.
    """
    time_s = execution_time_s(device, 1.0, tasks)
    for task in (int(time_s.argmax()), int(time_s.argmin())):
        if not MIN_TIME_S <= time_s[task] <= MAX_TIME_S:
            raise HybridClusterError(
                f"task {task} takes {time_s[task]:.3g} s on {device.name!r}; allowed: "
                f"{MIN_TIME_S:.0e} to {MAX_TIME_S:.0e} s on every device"
            )


def _round_to_float32(time_s: FloatArray) -> FloatArray:
    """Round to what float32 holds, so that the vector environment can pack times tightly.

    It then agrees with the single one to the last bit; the model is far from good to seven digits.
    """
    return time_s.astype(np.float32).astype(np.float64)
