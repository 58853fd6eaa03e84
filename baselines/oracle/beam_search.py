"""Beam search for a schedule of an episode that is known in advance.

Tasks are placed in order, and of all partial schedules the most promising are kept. Promise is an
estimate of the final cost: under prices for device-seconds whose sum is the price P of a second of
makespan, ``P * makespan`` is at least the priced finish times of the devices, and each task still
to come costs about its cheapest placement at these prices. The maximum over several price vectors
is taken, so that a schedule that overloads one pool is estimated at a price of that pool.

Large tasks late in the stream need foresight: whatever finishes before them delays them, and they
delay the end. A price vector may put a part of P on the finish of such a *critical* task's GPU
share: then GPU time before its dispatch is dearer, and after it cheaper.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cpu_gpu_env.baselines.bounds.placements import Placements
from cpu_gpu_env.model.cost_tables import PoolCosts
from cpu_gpu_env.model.tasks import FloatArray, IntArray
from cpu_gpu_env.sim.instance import Instance
from cpu_gpu_env.sim.pool import PoolBatch


@dataclass(frozen=True)
class PriceVector:
    """How the price of a second of makespan is shared out."""

    cpu_share: float
    """Part of what is not on a critical task that the CPU pool gets; the GPU pool has the rest."""
    critical: int | None = None
    """Position of a critical task."""
    critical_share: float = 0.0
    """Part on the finish of the critical task."""


class BeamSearch:
    """Beam search on one episode.

    Args:
        instance: What is to come.
        vectors: Price vectors; the estimate is the largest of theirs.
        critical_lead_s: By how much a critical task starts before the GPUs are free on average [s].
    """

    def __init__(
        self, instance: Instance, vectors: Sequence[PriceVector], critical_lead_s: float
    ) -> None:
        self._episode = instance
        self._critical = sorted({v.critical for v in vectors if v.critical is not None})
        total = instance.objective.makespan_price
        self._critical_price = np.zeros((len(vectors), len(self._critical)))
        for number, vector in enumerate(vectors):
            if vector.critical is not None:
                column = self._critical.index(vector.critical)
                self._critical_price[number, column] = total * vector.critical_share
        rest = total - self._critical_price.sum(axis=1)
        cpu_share = np.array([v.cpu_share for v in vectors])
        self._cpu_price, self._gpu_price = cpu_share * rest, (1 - cpu_share) * rest
        objective, costs = instance.objective, instance.costs
        self._cpu_weight, self._gpu_weight = (
            _device_weights(prices, pool.device_type)
            for prices, pool in zip(objective.prices, costs.pools, strict=True)
        )
        self._lead_s = critical_lead_s
        self._to_come = self._cost_to_come()

    def _gpu_price_before(self, task: int) -> FloatArray:
        """Price of the GPU pool while a task is still to be placed, (vectors,)."""
        later = [number for number, c in enumerate(self._critical) if c > task]
        return np.asarray(self._gpu_price + self._critical_price[:, later].sum(axis=1))

    def _cost_to_come(self) -> FloatArray:
        """Estimated cost of the tasks from each on, (vectors, num_tasks + 1)."""
        instance, costs = self._episode, self._episode.costs
        placements = Placements.of(instance)
        num_tasks = instance.num_tasks
        gpu_price = np.array([self._gpu_price_before(task) for task in range(num_tasks)]).T
        for number, task in enumerate(self._critical):
            gpu_price[:, task] += self._critical_price[:, number] / self._gpu_weight.max()
        by_pool = zip(costs.pools, (self._cpu_weight, self._gpu_weight), strict=True)
        weights = [
            of_device[pool.device_type.index(number)]
            for pool, of_device in by_pool
            for number in range(pool.num_types)
        ]
        to_come = np.zeros((len(gpu_price), num_tasks + 1))
        for vector, (cpu_price, gpu_prices) in enumerate(
            zip(self._cpu_price, gpu_price, strict=True)
        ):
            cost = instance.objective.energy_price * placements.energy_j
            for number, (workers, weight) in enumerate(zip(placements.types, weights, strict=True)):
                is_cpu = number < costs.cpus.num_types
                price = np.full(num_tasks, cpu_price) if is_cpu else gpu_prices
                cost = cost + (price * weight)[:, None] * workers.work_s
            to_come[vector, :-1] = cost.min(axis=1)[::-1].cumsum()[::-1]
        return to_come

    def run(self, width: int, temperature: float, rng: np.random.Generator) -> IntArray:
        """Search; return the schedules found, the best first, (at most `width`, num_tasks).

        Args:
            width: Partial schedules kept.
            temperature: Mean of a random number added to each estimate, so that the schedules kept
                differ in more than their last tasks.
            rng: Source of these numbers.
        """
        instance = self._episode
        cpus = _BeamPool(instance.costs.cpus, instance.objective.prices[0], self._cpu_weight)
        gpus = _BeamPool(instance.costs.gpus, instance.objective.prices[1], self._gpu_weight)
        energy_j = np.zeros(1)
        finished_s = np.zeros((len(self._critical), 1))
        parents: list[IntArray] = []
        choices: list[IntArray] = []
        for task in range(instance.num_tasks):
            cpus.try_all(task, instance.release_s)
            gpus.try_all(task, instance.release_s)
            active_j = energy_j + (cpus.energy_j + gpus.energy_j)
            cost = self._estimate(task, cpus, gpus, finished_s)
            cost += instance.objective.energy_price * active_j
            kept = _keep(cost.ravel(), width, temperature, rng)
            choice, parent = np.divmod(kept, cost.shape[1])
            choices.append(choice)
            parents.append(parent)
            energy_j = active_j[choice, parent]
            finished_s = finished_s[:, parent]
            if task in self._critical:
                finished_s[self._critical.index(task)] = gpus.finish_s[choice, parent]
            cpus.follow(choice, parent)
            gpus.follow(choice, parent)
        return _trace_back(parents, choices, cost.ravel()[kept])

    def _estimate(
        self, task: int, cpus: _BeamPool, gpus: _BeamPool, finished_s: FloatArray
    ) -> FloatArray:
        """Estimated final cost but for the energy so far, (actions, schedules)."""
        cost = self._episode.objective.makespan_price * np.maximum(cpus.last_s, gpus.last_s)
        gpu_price = self._gpu_price_before(task)
        for vector, to_come in enumerate(self._to_come[:, task + 1]):
            estimate = self._cpu_price[vector] * cpus.mean_free_s
            estimate += gpu_price[vector] * gpus.mean_free_s
            for number, critical in enumerate(self._critical):
                price = self._critical_price[vector, number]
                if price and critical > task:
                    estimate -= price * self._lead_s
                elif price:
                    now = critical == task
                    estimate += price * (gpus.finish_s if now else finished_s[number])
            np.maximum(cost, estimate + to_come, out=cost)
        return np.asarray(cost)


class _BeamPool:
    """A pool in all partial schedules, and the outcome of every action."""

    def __init__(self, costs: PoolCosts, prices: tuple[float, ...], weights: FloatArray) -> None:
        self._costs, self._weights = costs, weights
        self._pool = PoolBatch(costs, prices, 1)

    def try_all(self, task: int, release_s: FloatArray) -> None:
        """Work out what each action (rows) does to each schedule (columns)."""
        free_s = self._pool.free_s
        self._device = self._pool.next_device()
        device_type = self._pool.device_type[self._device]
        first_s = free_s[self._device, np.arange(free_s.shape[1])]
        time_s = self._costs.time_s[device_type, task].T
        self.energy_j = self._costs.energy_j[device_type, task].T
        """(actions, schedules): energy above idle [J]."""
        self.finish_s = self._pool.finish_s(release_s[task], time_s, first_s)
        """(actions, schedules): when the serving device is free again [s]."""
        self.last_s = np.maximum(self.finish_s, self._pool.last_finish_s())
        """(actions, schedules): when all devices are free [s]."""
        # No device can work before the next release: waiting for it is lost already.
        soonest_s = release_s[task + 1] if task + 1 < len(release_s) else 0.0
        weight = self._weights[self._device]
        others_s = self._weights @ np.maximum(free_s, soonest_s)
        others_s -= weight * np.maximum(first_s, soonest_s)
        self.mean_free_s = others_s + weight * np.maximum(self.finish_s, soonest_s)
        """(actions, schedules): weighted mean of when the devices are free [s]."""

    def follow(self, choice: IntArray, parent: IntArray) -> None:
        """Go on from these outcomes."""
        self._pool.take(parent)
        self._pool.occupy(self._device[parent], self.finish_s[choice, parent])


def _device_weights(prices: tuple[float, ...], device_type: tuple[int, ...]) -> FloatArray:
    """Share of each device in the price of its pool, (devices,)."""
    weights = np.array([prices[index] for index in device_type])
    if weights.sum() <= 0.0:
        weights = np.ones(len(device_type))
    return np.asarray(weights / weights.sum())


def _keep(cost: FloatArray, width: int, temperature: float, rng: np.random.Generator) -> IntArray:
    if len(cost) <= width:
        return np.arange(len(cost))
    noisy = cost + temperature * rng.standard_exponential(len(cost))
    return np.argpartition(noisy, width)[:width]


def _trace_back(parents: list[IntArray], choices: list[IntArray], cost: FloatArray) -> IntArray:
    """Follow the schedules from their ends to their beginnings."""
    at = np.argsort(cost)
    actions = np.empty((len(at), len(parents)), dtype=np.intp)
    for task in range(len(parents) - 1, -1, -1):
        actions[:, task] = choices[task][at]
        at = parents[task][at]
    return actions
