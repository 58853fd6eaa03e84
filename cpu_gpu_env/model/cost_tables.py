"""Cost tables: execution time, power and energy of every (task, GPU fraction), computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.checks import MAX_TIME_S
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.model.cluster import Cluster, Device, device_types
from cpu_gpu_env.model.costs import (
    NOT_USED,
    execution_time_s,
    power_above_idle_w,
    power_varies,
    share_energy_j,
)
from cpu_gpu_env.model.tasks import FloatArray, Tasks

MIN_TIME_S = 1e-30
"""Shorter tasks are refused; a makespan is divided by, and float32 holds little less."""


@dataclass(frozen=True, eq=False)
class PoolCosts:
    """Execution time and power of every (task, GPU fraction) on each device type of one pool."""

    device_type: tuple[int, ...]
    """Of each device of the pool, the index of its type."""
    time_s: FloatArray
    """(types, tasks, actions): time of this pool's share, `NOT_USED` without one [s]."""
    power_w: FloatArray
    """(types, tasks, actions): mean power above idle meanwhile [W]."""
    power_varies: bool
    """Whether the power depends on task and action; if not, each type has one."""

    def __post_init__(self) -> None:
        self.time_s.setflags(write=False)  # environments share tables
        self.power_w.setflags(write=False)

    def __deepcopy__(self, memo: dict[int, Any]) -> PoolCosts:
        """Share what never changes: copies of an environment stay small."""
        return self

    @property
    def num_devices(self) -> int:
        """Devices of the pool."""
        return len(self.device_type)

    @property
    def num_types(self) -> int:
        """Device types of the pool."""
        return len(self.time_s)

    @property
    def devices_by_type(self) -> tuple[int, ...]:
        """How many devices there are of each type."""
        return tuple(self.device_type.count(index) for index in range(self.num_types))

    @property
    def compact_power_w(self) -> FloatArray:
        """`power_w` in the smallest form that broadcasts to it: (types, 1, 1) if it can [W]."""
        return self.power_w if self.power_varies else self.power_w[:, :1, :1]

    @cached_property
    def energy_j(self) -> FloatArray:
        """(types, tasks, actions): energy above idle of this pool's share, 0 without one [J]."""
        return share_energy_j(self.time_s, self.compact_power_w)

    def of_tasks(
        self, rows: npt.NDArray[np.integer[Any]], noise_factors: FloatArray | None = None
    ) -> PoolCosts:
        """Costs of some tasks.

        Args:
            rows: (n,) of this table.
            noise_factors: (n,) on their execution times; None: no noise.
        """
        time_s = self.time_s[:, rows]
        if noise_factors is not None:
            time_s = time_s * noise_factors[:, None]
        return PoolCosts(self.device_type, time_s, self.power_w[:, rows], self.power_varies)


@dataclass(frozen=True, eq=False)
class CostTables:
    """Costs of every (task, GPU fraction) in both pools of a cluster.

    A fraction that does not fit the GPUs holds the costs of running wholly on the CPU.
    """

    gpu_fractions: tuple[float, ...]
    """Ascending, one an action."""
    cpus: PoolCosts
    """Of the CPU pool."""
    gpus: PoolCosts
    """Of the GPU pool."""
    num_feasible: npt.NDArray[np.uint8]
    """(tasks,): how many of the fractions fit; they are the smallest ones."""

    def __post_init__(self) -> None:
        self.num_feasible.setflags(write=False)

    def __deepcopy__(self, memo: dict[int, Any]) -> CostTables:
        """Share what never changes: copies of an environment stay small."""
        return self

    @property
    def pools(self) -> tuple[PoolCosts, PoolCosts]:
        """The CPU pool and the GPU pool."""
        return self.cpus, self.gpus

    @property
    def num_tasks(self) -> int:
        """Number of tasks in the table."""
        return int(self.cpus.time_s.shape[1])

    @property
    def num_actions(self) -> int:
        """Number of GPU fractions."""
        return len(self.gpu_fractions)

    @property
    def power_varies(self) -> bool:
        """Whether powers depend on task and action; if not, each device type has one."""
        return self.cpus.power_varies or self.gpus.power_varies

    @cached_property
    def all_feasible(self) -> bool:
        """Whether every fraction of every task fits."""
        return bool(self.num_feasible.min() == self.num_actions)

    @cached_property
    def _masks_by_count(self) -> npt.NDArray[np.int8]:
        """Action mask (1: fits) for each number of feasible fractions, (actions + 1, actions).

        A task none of whose fractions fits runs on the CPU whatever is chosen: all are allowed.
        """
        count = np.arange(self.num_actions + 1)
        count[0] = self.num_actions
        return (np.arange(self.num_actions) < count[:, None]).astype(np.int8)

    def action_masks(self, rows: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.int8]:
        """Action masks of some tasks, (rows, actions)."""
        masks: npt.NDArray[np.int8] = self._masks_by_count[self.num_feasible[rows]]
        return masks

    def cheapest(
        self, prices: tuple[npt.ArrayLike, npt.ArrayLike], energy_price: float
    ) -> FloatArray:
        """Cost of every (task, action), each share on the type that serves it at the least cost.

        Args:
            prices: Of a second, its energy not included, of each type of CPU and of each type of
                GPU, (types,) or one for all.
            energy_price: Of a joule above idle.
        """
        total: FloatArray = np.zeros((1, 1))
        for pool, of_pool in zip(self.pools, prices, strict=True):
            rate = np.reshape(of_pool, (-1, 1, 1)) + energy_price * pool.compact_power_w
            total = total + (rate * np.maximum(pool.time_s, 0.0)).min(axis=0)
        return total

    def of_tasks(
        self,
        rows: npt.NDArray[np.integer[Any]],
        noise_factors: tuple[FloatArray, FloatArray] | None = None,
    ) -> CostTables:
        """Costs of some tasks.

        Args:
            rows: (n,) of this table.
            noise_factors: On the times of the CPU shares and of the GPU shares, each (n,); None:
                no noise.
        """
        cpus, gpus = (
            pool.of_tasks(rows, factors)
            for pool, factors in zip(self.pools, noise_factors or (None, None), strict=True)
        )
        return CostTables(self.gpu_fractions, cpus, gpus, self.num_feasible[rows])


def build_cost_tables(
    cluster: Cluster, tasks: Tasks, gpu_fractions: tuple[float, ...]
) -> CostTables:
    """Compute times and powers of all tasks.

    A share must fit the smallest GPU, because it goes to whichever GPU is free first.

    Raises:
        HybridClusterError: If a task takes longer or shorter than float32 can hold.
    """
    every = np.ones(len(tasks), dtype=bool)
    capacity_bytes = min(gpu.memory_bytes for gpu in cluster.gpus)
    fits = [fraction * tasks.memory_bytes <= capacity_bytes for fraction in gpu_fractions]
    # What does not fit runs wholly on the CPU.
    on_cpu = [((1.0 - f, every), (1.0, ~fit)) for f, fit in zip(gpu_fractions, fits, strict=True)]
    on_gpu = [((f, fit),) for f, fit in zip(gpu_fractions, fits, strict=True)]
    varies = any(power_varies(device, tasks) for device in set(cluster.devices))
    return CostTables(
        gpu_fractions,
        _pool_costs(cluster.cpus, tasks, on_cpu, varies),
        _pool_costs(cluster.gpus, tasks, on_gpu, varies),
        np.sum(fits, axis=0, dtype=np.uint8),
    )


def _pool_costs(
    pool: Sequence[Device],
    tasks: Tasks,
    shares: Sequence[Sequence[tuple[float, npt.NDArray[np.bool_]]]],
    power_varies: bool,
) -> PoolCosts:
    """Compute the costs of a pool.

    Args:
        pool: Its devices.
        tasks: The tasks.
        shares: Of each action the shares of a task that the pool may do, and for which tasks
            (tasks,); a later one takes the place of an earlier.
        power_varies: Whether the power of any device of the cluster depends on what runs.
    """
    types, device_type = device_types(pool)
    shape = (len(types), len(tasks), len(shares))
    time_s = np.full(shape, NOT_USED)
    compute_w = np.array([device.active_power_w - device.idle_power_w for device in types])
    # One number a type in memory, unless others are to be written into the table.
    power_w = np.broadcast_to(compute_w[:, None, None], shape)
    if power_varies:
        power_w = power_w.copy()
    for index, device in enumerate(types):
        _check_times(device, tasks)
        for action, parts in enumerate(shares):
            for share, where in parts:
                if share > 0.0 and where.any():
                    time_s[index, where, action] = execution_time_s(device, share, tasks)[where]
                    if power_varies:
                        power = power_above_idle_w(device, share, tasks)
                        power_w[index, where, action] = power[where]
    return PoolCosts(device_type, _round_to_float32(time_s), power_w, power_varies)


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
