"""The placements of each task: a GPU fraction, and the kinds of CPU and GPU that serve it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.sim.instance import RealisedEpisode


@dataclass(frozen=True, eq=False)
class Pool:
    """Devices, and what each placement asks of them."""

    num_devices: int
    """How many there are."""
    work_s: FloatArray
    """(num_tasks, placements): length of the share that they serve [s]; 0 if none."""


@dataclass(frozen=True, eq=False)
class Placements:
    """Work and energy of all placements of all tasks of an episode."""

    kinds: tuple[Pool, ...]
    """Each kind of CPU, then each kind of GPU."""
    pools: tuple[Pool, Pool]
    """All CPUs, and all GPUs."""
    energy_j: FloatArray
    """(num_tasks, placements): energy above idle [J]."""
    num_actions: int
    """Actions; the placements of an action are every `num_actions`-th."""

    @staticmethod
    def of(episode: RealisedEpisode) -> Placements:
        """Lay out the placements of an episode: (CPU kind, GPU kind, action), flattened."""
        costs = episode.costs
        cpu_s, gpu_s = (np.maximum(t, 0.0) for t in (episode.cpu_time_s, episode.gpu_time_s))
        cpu_kinds, (gpu_kinds, tasks, actions) = len(cpu_s), gpu_s.shape
        shape = (tasks, cpu_kinds, gpu_kinds, actions)

        def pool(devices: int, work_s: FloatArray) -> Pool:
            return Pool(devices, np.broadcast_to(work_s, shape).reshape(tasks, -1))

        # (tasks, kinds, actions), each on the axis of its kind.
        cpu_all = cpu_s.transpose(1, 0, 2)[:, :, None, :]
        gpu_all = gpu_s.transpose(1, 0, 2)[:, None, :, :]
        cpu_only = [
            pool(costs.cpu_kind.count(k), cpu_all * _indicator(k, cpu_kinds)[:, None, None])
            for k in range(cpu_kinds)
        ]
        gpu_only = [
            pool(costs.gpu_kind.count(k), gpu_all * _indicator(k, gpu_kinds)[:, None])
            for k in range(gpu_kinds)
        ]
        cpu_j, gpu_j = (j.transpose(1, 0, 2) for j in (episode.cpu_energy_j, episode.gpu_energy_j))
        energy_j = cpu_j[:, :, None, :] + gpu_j[:, None, :, :]
        return Placements(
            kinds=(*cpu_only, *gpu_only),
            pools=(pool(len(costs.cpu_kind), cpu_all), pool(len(costs.gpu_kind), gpu_all)),
            energy_j=energy_j.reshape(tasks, -1),
            num_actions=actions,
        )

    def in_units_of(self, unit_s: float, price: float) -> Placements:
        """Measure work in another unit of time, and energy by what it costs."""

        def scaled(pool: Pool) -> Pool:
            return Pool(pool.num_devices, pool.work_s / unit_s)

        cpus, gpus = self.pools
        return Placements(
            kinds=tuple(scaled(kind) for kind in self.kinds),
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


def _indicator(index: int, length: int) -> FloatArray:
    return np.asarray(np.arange(length) == index, dtype=np.float64)
