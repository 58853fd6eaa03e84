"""When and where the tasks of many episodes ran, found by playing their actions again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.model.tasks import FloatArray, IntArray
from cpu_gpu_env.sim.instance import Instance
from cpu_gpu_env.sim.pool import PoolBatch


@dataclass(frozen=True, eq=False)
class PoolShares:
    """The shares of n episodes on one pool, (n, num_tasks) each."""

    wait_s: FloatArray
    """From the arrival of a task to when a share on the next device would start [s]."""
    device: IntArray
    """Index of the device in its pool; -1: no share."""
    start_s: FloatArray
    """When the share starts, after the first arrival [s]; nan: no share."""
    finish_s: FloatArray
    """When it is done [s]; nan: no share."""


@dataclass(frozen=True, eq=False)
class PlacedTasks:
    """The tasks of n episodes as they ran, (n, num_tasks) each."""

    arrival_s: FloatArray
    """After the first arrival of the episode [s]."""
    cpus: PoolShares
    """On the CPUs."""
    gpus: PoolShares
    """On the GPUs."""
    energy_j: FloatArray
    """Above idle [J]."""
    shortest_s: FloatArray
    """Least execution time that any action gives the task on the quickest idle devices, noise
    included [s]."""

    @property
    def wait_s(self) -> FloatArray:
        """From arrival to the start of the first share [s]."""
        return np.fmin(self.cpus.start_s, self.gpus.start_s) - self.arrival_s

    @property
    def response_s(self) -> FloatArray:
        """From arrival to the finish of the last share [s]."""
        return np.fmax(self.cpus.finish_s, self.gpus.finish_s) - self.arrival_s

    @property
    def slowdown(self) -> FloatArray:
        """Response over the least execution time."""
        return self.response_s / self.shortest_s

    @property
    def makespan_s(self) -> FloatArray:
        """(n,): first arrival to last finish [s]."""
        return np.asarray(np.fmax(self.cpus.finish_s, self.gpus.finish_s).max(axis=1))

    def utilisation(self, num_cpus: int, num_gpus: int) -> FloatArray:
        """Busy time over makespan of each device, CPUs first, (n, devices)."""
        busy_s = [
            np.nansum(np.where(pool.device == device, pool.finish_s - pool.start_s, 0.0), axis=1)
            for pool, count in ((self.cpus, num_cpus), (self.gpus, num_gpus))
            for device in range(count)
        ]
        return np.stack(busy_s, axis=1) / self.makespan_s[:, None]


def place_tasks(instances: Sequence[Instance], actions: npt.NDArray[np.integer]) -> PlacedTasks:
    """Play actions again.

    Args:
        instances: n episodes of one problem and equally many tasks, noise included.
        actions: (n, num_tasks).
    """
    arrival_s = np.stack([instance.release_s for instance in instances])
    pools, shortest_s = [], np.zeros((*arrival_s.shape, instances[0].num_actions))
    energy_j = np.zeros(arrival_s.shape)
    for of_pool in zip(*(instance.costs.pools for instance in instances), strict=True):
        time_s = np.stack([costs.time_s for costs in of_pool], axis=1)  # (types, n, tasks, actions)
        shares_j = np.stack([costs.energy_j for costs in of_pool], axis=1)
        batch = PoolBatch(of_pool[0], [0.0] * of_pool[0].num_types, len(instances))
        shares, types = _serve(batch, arrival_s, time_s, actions)
        rows, tasks = np.indices(actions.shape)
        taken_j = shares_j[types, rows, tasks, actions]
        energy_j += np.where(shares.device < 0, 0.0, taken_j)
        pools.append(shares)
        np.maximum(shortest_s, np.maximum(time_s, 0.0).min(axis=0), out=shortest_s)
    cpus, gpus = pools
    return PlacedTasks(arrival_s, cpus, gpus, energy_j, shortest_s.min(axis=2))


def _serve(
    batch: PoolBatch, arrival_s: FloatArray, time_s: FloatArray, actions: npt.NDArray[np.integer]
) -> tuple[PoolShares, IntArray]:
    """Give a pool its shares; return them, and the device type that each met."""
    every = np.arange(len(arrival_s))
    shape = arrival_s.shape
    wait_s, start_s, finish_s = (np.empty(shape) for _ in range(3))
    device, types = (np.empty(shape, dtype=np.intp) for _ in range(2))
    for task, arrived_s in enumerate(arrival_s.T):
        mine = batch.next_device()
        own = batch.device_type[mine]
        free_s = batch.free_s[mine, every]
        taken_s = time_s[own, every, task, actions[:, task]]
        until_s = batch.finish_s(arrived_s, taken_s, free_s)
        began_s = np.maximum(free_s, arrived_s)
        batch.occupy(mine, until_s)
        used = taken_s >= 0.0  # below: NOT_USED
        wait_s[:, task] = began_s - arrived_s
        start_s[:, task] = np.where(used, began_s, np.nan)
        finish_s[:, task] = np.where(used, until_s, np.nan)
        device[:, task] = np.where(used, mine, -1)
        types[:, task] = own
    return PoolShares(wait_s, device, start_s, finish_s), types
