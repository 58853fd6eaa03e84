"""What a scheduler may know when it places a task, for any number of environments at once."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.model.costs import CostTables
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.problem.objective import Objective


@dataclass(frozen=True, eq=False)
class SchedulingState:
    """The task to place in each of n environments, and the devices that would serve it.

    "The next CPU" is the CPU that is free first; likewise the next GPU. Times are without noise.
    """

    arrival_s: FloatArray
    """(n,): arrival of the task, after the first arrival of its episode [s]."""
    tasks_left: npt.NDArray[np.int64]
    """(n,): tasks of the episode still to be placed, this one included."""
    cpu_free_s: FloatArray
    """(n, CPUs): when the CPUs are free, ascending [s]."""
    gpu_free_s: FloatArray
    """(n, GPUs): when the GPUs are free, ascending [s]."""
    cpu_start_s: FloatArray
    """(n,): when the next CPU could start the task [s]."""
    gpu_start_s: FloatArray
    """(n,): when the next GPU could start the task [s]."""
    cpu_time_s: FloatArray
    """(n, actions): execution time on the next CPU [s]; 0 without a share."""
    gpu_time_s: FloatArray
    """(n, actions): execution time on the next GPU [s]; 0 without a share."""
    energy_j: FloatArray
    """(n, actions): energy above idle [J]."""
    cpu_price: FloatArray
    """(n,): fluid price of a second of the next CPU [objective of one task per s]."""
    gpu_price: FloatArray
    """(n,): fluid price of a second of the next GPU [objective of one task per s]."""
    action_mask: npt.NDArray[np.int8]
    """(n, actions): 1 where the fraction fits."""

    @property
    def makespan_s(self) -> FloatArray:
        """(n,): last finish so far [s]."""
        return np.asarray(np.maximum(self.cpu_free_s[:, -1], self.gpu_free_s[:, -1]))

    @property
    def finish_s(self) -> FloatArray:
        """(n, actions): when the last share of the task would finish [s]."""
        cpu = np.where(self.cpu_time_s > 0, self.cpu_start_s[:, None] + self.cpu_time_s, 0.0)
        gpu = np.where(self.gpu_time_s > 0, self.gpu_start_s[:, None] + self.gpu_time_s, 0.0)
        return np.asarray(np.maximum(cpu, gpu))

    def wait_s(self, actions: npt.NDArray[np.integer]) -> FloatArray:
        """Time from arrival to the start of the task's first share if these (n,) are chosen [s]."""
        every = np.arange(len(self))
        on_cpu = self.cpu_time_s[every, actions] > 0.0
        on_gpu = self.gpu_time_s[every, actions] > 0.0
        first_s = np.minimum(
            np.where(on_cpu, self.cpu_start_s, np.inf), np.where(on_gpu, self.gpu_start_s, np.inf)
        )
        return np.asarray(first_s - self.arrival_s)

    def __len__(self) -> int:
        return len(self.arrival_s)

    @staticmethod
    def stack(states: list[SchedulingState]) -> SchedulingState:
        """Join the states of several environments into one."""
        columns = ([getattr(s, field.name) for s in states] for field in fields(SchedulingState))
        return SchedulingState(*(np.concatenate(column) for column in columns))


@runtime_checkable
class HasSchedulingState(Protocol):
    """An environment of this package, single or vector."""

    objective: Objective

    def scheduling_state(self) -> SchedulingState:
        """Return the state of every sub-environment."""


def look_up_state(
    costs: CostTables,
    objective: Objective,
    rows: npt.NDArray[np.intp],
    arrival_s: FloatArray,
    tasks_left: npt.NDArray[np.int64],
    cpus: tuple[FloatArray, npt.NDArray[np.intp]],
    gpus: tuple[FloatArray, npt.NDArray[np.intp]],
) -> SchedulingState:
    """Build the state from the queues.

    Args:
        costs: Tables that `rows` point into.
        objective: Source of the prices.
        rows: (n,) row of the task in the tables.
        arrival_s: (n,) arrival [s].
        tasks_left: (n,) tasks still to be placed.
        cpus: When the CPUs are free, ascending, (n, CPUs) [s], and the kind of the first (n,).
        gpus: The same for the GPU pool.
    """
    (cpu_free_s, cpu_kind), (gpu_free_s, gpu_kind) = cpus, gpus
    cpu_time_s = np.maximum(costs.cpu_time_s[cpu_kind, rows], 0.0)
    gpu_time_s = np.maximum(costs.gpu_time_s[gpu_kind, rows], 0.0)
    cpu_power_w, gpu_power_w = costs.cpu_power_w[cpu_kind, rows], costs.gpu_power_w[gpu_kind, rows]
    return SchedulingState(
        arrival_s=arrival_s,
        tasks_left=tasks_left,
        cpu_free_s=cpu_free_s,
        gpu_free_s=gpu_free_s,
        cpu_start_s=np.maximum(cpu_free_s[:, 0], arrival_s),
        gpu_start_s=np.maximum(gpu_free_s[:, 0], arrival_s),
        cpu_time_s=cpu_time_s,
        gpu_time_s=gpu_time_s,
        energy_j=cpu_time_s * cpu_power_w + gpu_time_s * gpu_power_w,
        cpu_price=np.array(objective.cpu_prices)[cpu_kind],
        gpu_price=np.array(objective.gpu_prices)[gpu_kind],
        action_mask=costs.action_masks(rows),
    )
