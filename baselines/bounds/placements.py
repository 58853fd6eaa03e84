"""The placements of each task: a GPU fraction, and the types of CPU and GPU that serve it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cpu_gpu_env.baselines.bounds.proof import ROUNDING
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.problem.objective import Objective
from cpu_gpu_env.sim.instance import Instance


@dataclass(frozen=True, eq=False)
class Workers:
    """Devices that share work, and how much of it each placement gives them."""

    num_devices: int
    """How many there are."""
    work_s: FloatArray
    """(num_tasks, placements): length of the share that they serve [s]; 0 if none."""


@dataclass(frozen=True, eq=False)
class Placements:
    """Work and energy of all placements of all tasks of an episode."""

    types: tuple[Workers, ...]
    """Each type of CPU, then each type of GPU."""
    pools: tuple[Workers, Workers]
    """All CPUs, and all GPUs."""
    energy_j: FloatArray
    """(num_tasks, placements): energy above idle [J]."""
    num_actions: int
    """Actions; the placements of an action are every `num_actions`-th."""

    @staticmethod
    def of(instance: Instance) -> Placements:
        """Lay out the placements of an episode: (CPU type, GPU type, action), flattened."""
        cpus, gpus = instance.costs.pools
        num_tasks, num_actions = instance.num_tasks, instance.num_actions
        shape = (num_tasks, cpus.num_types, gpus.num_types, num_actions)

        def laid_out(table: FloatArray, axis: int) -> FloatArray:
            """Bring (types, tasks, actions) to `shape`, types on their own axis."""
            return np.expand_dims(table.transpose(1, 0, 2), 3 - axis)

        types, pools = [], []
        for axis, pool in enumerate((cpus, gpus), start=1):
            all_s = laid_out(np.maximum(pool.time_s, 0.0), axis)
            pools.append(Workers(pool.num_devices, _flat(all_s, shape)))
            for index, num_devices in enumerate(pool.devices_by_type):
                is_type = np.arange(pool.num_types) == index
                own_s = all_s * is_type.reshape((-1,) + (1,) * (3 - axis))
                types.append(Workers(num_devices, _flat(own_s, shape)))
        energy_j = laid_out(cpus.energy_j, 1) + laid_out(gpus.energy_j, 2)
        return Placements(tuple(types), (pools[0], pools[1]), _flat(energy_j, shape), num_actions)

    @property
    def length_s(self) -> FloatArray:
        """(num_tasks, placements): length of the longer share [s]."""
        return np.asarray(np.maximum(*(pool.work_s for pool in self.pools)))

    def cost_alone(self, objective: Objective) -> FloatArray:
        """(num_tasks, placements): what a task costs that has the cluster to itself, n J of it."""
        return objective.makespan_price * self.length_s + objective.energy_price * self.energy_j

    def in_units_of(self, unit_s: float, price: float) -> Placements:
        """Measure work in another unit of time, and energy by what it costs."""

        def scaled(workers: Workers) -> Workers:
            return Workers(workers.num_devices, workers.work_s / unit_s)

        cpus, gpus = self.pools
        return Placements(
            types=tuple(map(scaled, self.types)),
            pools=(scaled(cpus), scaled(gpus)),
            energy_j=self.energy_j * price,
            num_actions=self.num_actions,
        )

    def by_action(self, weights: FloatArray) -> FloatArray:
        """Sum weights of placements (num_tasks, placements) to (num_tasks, actions)."""
        tasks = len(weights)
        return np.asarray(weights.reshape(tasks, -1, self.num_actions).sum(axis=1))

    def least_by_action(self, cost: FloatArray) -> FloatArray:
        """Least cost of the placements (num_tasks, placements) of each (num_tasks, actions)."""
        return np.asarray(cost.reshape(len(cost), -1, self.num_actions).min(axis=1))


def affordable(instance: Instance, placements: Placements) -> tuple[float, float]:
    """Find a J that some schedule does not exceed, and the longest makespan of any such schedule.

    After the last release some device always works, so no makespan need be longer than the last
    release and the sum of all lengths. With each task's cheapest placement, were it alone, that
    gives the J; and who pays no more than it all told, pays no more for the makespan.

    Returns:
        That J, and that makespan [s].
    """
    objective, num_tasks = instance.objective, instance.num_tasks
    alone = placements.cost_alone(objective).reshape(num_tasks, -1, placements.num_actions)
    # Of the types of an action the dispatch may choose any: each counts as its dearest.
    dearest = alone.max(axis=1)
    last_s = float(instance.release_s[-1])
    cost = objective.makespan_price * last_s + float(dearest.min(axis=1).sum())
    longest_s = last_s + float(placements.length_s.max(axis=1).sum())
    if objective.makespan_price > 0.0:
        longest_s = min(longest_s, cost / objective.makespan_price * (1 + ROUNDING))
    return cost / num_tasks, longest_s


def _flat(table: FloatArray, shape: tuple[int, int, int, int]) -> FloatArray:
    """Broadcast to (tasks, CPU types, GPU types, actions), and flatten to (tasks, placements)."""
    return np.broadcast_to(table, shape).reshape(shape[0], -1)
