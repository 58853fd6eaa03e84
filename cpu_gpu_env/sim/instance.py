"""An episode as a scheduling instance: all that an oracle may see, the noise to come included."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.model.cost_tables import CostTables
from cpu_gpu_env.model.tasks import FloatArray, IntArray
from cpu_gpu_env.problem.objective import Objective
from cpu_gpu_env.sim.pool import PoolBatch, make_pool_batch


@dataclass(frozen=True, eq=False)
class Instance:
    """Releases and costs of all tasks of one episode."""

    release_s: FloatArray
    """(num_tasks,): arrivals, the first at 0 [s]."""
    costs: CostTables
    """Of the tasks in order of arrival; their execution times include the noise."""
    objective: Objective
    """What schedules are judged by."""

    @property
    def num_tasks(self) -> int:
        """Tasks of the episode."""
        return len(self.release_s)

    @property
    def num_actions(self) -> int:
        """Actions for each task."""
        return self.costs.num_actions

    def simulate(self, actions: npt.NDArray[np.integer]) -> FloatArray:
        """J of each row of actions (n, num_tasks)."""
        partial = PartialSchedules(self, len(actions))
        partial.place(actions)
        return partial.objective()


class PartialSchedules:
    """Many schedules of one instance, placed in step.

    Args:
        instance: What is scheduled.
        num_schedules: How many schedules.
    """

    def __init__(self, instance: Instance, num_schedules: int) -> None:
        self._instance = instance
        cpus, gpus = (
            make_pool_batch(costs, prices, num_schedules)
            for costs, prices in zip(instance.costs.pools, instance.objective.prices, strict=True)
        )
        self._pools = cpus, gpus
        self._active_energy_j = np.zeros(num_schedules)
        self._next = 0

    @property
    def pools(self) -> tuple[PoolBatch, PoolBatch]:
        """The CPU pool and the GPU pool as the tasks placed leave them; not to be written."""
        return self._pools

    @property
    def active_energy_j(self) -> FloatArray:
        """(num_schedules,): energy above idle of the tasks placed [J]; not to be written."""
        return self._active_energy_j

    def branch(self, rows: IntArray) -> PartialSchedules:
        """Some of the schedules, any of them any number of times, that go on on their own."""
        other = copy.copy(self)
        cpus, gpus = (copy.copy(pool) for pool in self._pools)
        cpus.take(rows)
        gpus.take(rows)
        other._pools = cpus, gpus
        other._active_energy_j = self._active_energy_j[rows]
        return other

    def copy(self) -> PartialSchedules:
        """Schedules that go on from here on their own."""
        other = copy.copy(self)
        other._pools = copy.deepcopy(self._pools)
        other._active_energy_j = self._active_energy_j.copy()
        return other

    def place(self, actions: npt.NDArray[np.integer]) -> None:
        """Place the next tasks: actions (num_schedules, tasks)."""
        release_s, costs = self._instance.release_s, self._instance.costs
        price = np.empty_like(self._active_energy_j)  # in J it is counted all at once, at the end
        for task, choice in enumerate(np.ascontiguousarray(actions.T), start=self._next):
            for pool, own in zip(self._pools, costs.pools, strict=True):
                if own.num_types == 1:
                    time_s, share_j = (t[0, task].take(choice) for t in (own.time_s, own.energy_j))
                else:
                    where = pool.next_type(), task, choice
                    time_s, share_j = own.time_s[where], own.energy_j[where]
                self._active_energy_j += share_j
                pool.serve(release_s[task : task + 1], time_s, out=price)
        self._next += actions.shape[1]

    def makespan_s(self) -> FloatArray:
        """When all work placed so far is done, (num_schedules,) [s]."""
        return np.asarray(np.maximum(*(pool.last_finish_s() for pool in self._pools)))

    def objective(self) -> FloatArray:
        """J of each schedule, (num_schedules,), once all tasks are placed."""
        instance = self._instance
        return instance.objective.value(
            self.makespan_s(), self._active_energy_j, instance.num_tasks
        )
