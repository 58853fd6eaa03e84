"""The cost model: time and energy of every (task, GPU fraction), computed once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.cluster import Cluster, Device, distinct
from cpu_gpu_env.tasks import FloatArray, Tasks

NOT_USED = -np.inf
"""Stands for the time of a pool that gets no share: ``max(free, start + NOT_USED) == free``."""

RECORD = ("cpu_time_s", "gpu_time_s", "energy_j", "cpu_energy_j")
"""What the last axis of `CostTables.records` holds."""


def execution_time_s(device: Device, fraction: float, tasks: Tasks) -> FloatArray:
    """Time that a share of each task takes on a device [s]; this is all the physics there is.

    ``launch + transfer + max(compute, memory traffic)``: the roofline model (Williams, Waterman &
    Patterson, "Roofline", CACM 52(4), 2009) with attained rates, after the working set of the share
    has crossed the host link (an infinite link on a CPU: no transfer). Zero if the fraction is 0.

    Args:
        device: Where the share runs.
        fraction: Share of each task's work, in [0, 1].
        tasks: The tasks.

    Returns:
        Shape (num_tasks,).
    """
    if fraction == 0.0:
        return np.zeros(len(tasks))
    transfer_s = fraction * tasks.memory_bytes / device.link_bandwidth
    compute_s = fraction * tasks.size_flop / device.flops
    traffic_bytes = fraction * tasks.size_flop / tasks.intensity_flop_per_byte
    traffic_s = traffic_bytes / device.memory_bandwidth
    return device.launch_s + transfer_s + np.maximum(compute_s, traffic_s)


@dataclass(frozen=True, eq=False)
class CostTables:
    """Time and energy of every (task, GPU fraction) on a cluster.

    A fraction that does not fit the GPUs holds the costs of running wholly on the CPU.
    """

    cluster: Cluster
    gpu_fractions: tuple[float, ...]
    """Ascending, one an action."""
    records: FloatArray
    """(CPU kinds, GPU kinds, tasks, actions, 4), see `RECORD`; energies are above idle [J]; the
    time of a pool without a share is `NOT_USED`."""
    num_feasible: npt.NDArray[np.uint8]
    """(tasks,): how many of the fractions fit; they are the smallest ones."""
    cpu_kind: tuple[int, ...]
    """For each CPU, the index of its kind."""
    gpu_kind: tuple[int, ...]
    """For each GPU, the index of its kind."""

    def __deepcopy__(self, memo: dict[int, Any]) -> CostTables:
        """Share what never changes: copies of an environment stay small."""
        return self

    @property
    def num_tasks(self) -> int:
        """Number of tasks in the table."""
        return int(self.records.shape[2])

    @property
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
    """Compute the costs of all tasks.

    A share must fit the smallest GPU, because it goes to whichever GPU is free first.
    """
    cpus, cpu_kind = distinct(cluster.cpus)
    gpus, gpu_kind = distinct(cluster.gpus)
    capacity_bytes = min(gpu.memory_bytes for gpu in gpus)
    shape = (len(cpus), len(gpus), len(tasks), len(gpu_fractions), len(RECORD))
    records = np.empty(shape)
    num_feasible = np.zeros(len(tasks), dtype=np.uint8)
    for action, fraction in enumerate(gpu_fractions):
        fits = fraction * tasks.memory_bytes <= capacity_bytes
        num_feasible += fits
        for c, cpu in enumerate(cpus):
            for g, gpu in enumerate(gpus):
                cost = records[c, g, :, action]
                cost[:] = _pair_costs(cpu, gpu, fraction, tasks)
                if not fits.all():
                    cost[~fits] = _pair_costs(cpu, gpu, 0.0, tasks)[~fits]
    # Exact in float32, so that the vector environment can pack them tightly and still agree with
    # the single one to the last bit; the model is far from good to seven digits.
    records = records.astype(np.float32).astype(np.float64)
    return CostTables(cluster, gpu_fractions, records, num_feasible, cpu_kind, gpu_kind)


def _pair_costs(cpu: Device, gpu: Device, fraction: float, tasks: Tasks) -> FloatArray:
    """The records (tasks, 4) of one split between a CPU and a GPU."""
    cpu_time = execution_time_s(cpu, 1.0 - fraction, tasks)
    gpu_time = execution_time_s(gpu, fraction, tasks)
    cpu_energy = (cpu.active_power_w - cpu.idle_power_w) * cpu_time
    gpu_energy = (gpu.active_power_w - gpu.idle_power_w) * gpu_time
    return np.stack(
        [
            np.where(fraction < 1.0, cpu_time, NOT_USED),
            np.where(fraction > 0.0, gpu_time, NOT_USED),
            cpu_energy + gpu_energy,
            cpu_energy,
        ],
        axis=1,
    )
