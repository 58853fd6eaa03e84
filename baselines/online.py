"""Heuristics that look at the current task and, some of them, at the queues."""

from __future__ import annotations

from typing import Any

import numpy as np

from cpu_gpu_env.baselines.base import StateScheduler
from cpu_gpu_env.state import SchedulingState
from cpu_gpu_env.tasks import FloatArray


class Greedy(StateScheduler):
    """The fraction with the shortest execution of this task, blind to the queues."""

    def scores(self, state: SchedulingState) -> FloatArray:
        """Execution time of the slower share [s]."""
        return np.asarray(np.maximum(state.cpu_time_s, state.gpu_time_s))


class EarliestFinishTime(StateScheduler):
    """The fraction with which this task finishes first.

    What HEFT does for one task (Topcuoglu, Hariri & Wu, IEEE TPDS 13(3), 2002), and StarPU's dmda.
    """

    def scores(self, state: SchedulingState) -> FloatArray:
        """Finish of the later share [s]."""
        return finish_s(state)


class Myopic(StateScheduler):
    """The fraction that increases the objective least, an earlier finish breaking ties.

    While the queues hide a task behind the makespan so far, it costs energy alone.
    """

    def scores(self, state: SchedulingState) -> FloatArray:
        """Increase of the objective, with a tie-breaker that is too small to matter otherwise."""
        finish = finish_s(state)
        growth_s = np.maximum(finish - state.makespan_s[:, None], 0.0)
        objective = self.problem.objective
        increase = objective.makespan_price * growth_s + objective.energy_price * state.energy_j
        return np.asarray(increase + 1e-9 * objective.makespan_price * finish)


class StaticPrice(StateScheduler):
    """The fraction that is cheapest at the fluid optimum's dual prices, blind to the queues.

    In the limit of a long stream nothing that sees only the task can do better: the prices are
    those at which the pools are used in the best proportion.
    """

    def scores(self, state: SchedulingState) -> FloatArray:
        """Price of the devices' time and of the energy [objective of one task]."""
        devices = state.cpu_price[:, None] * state.cpu_time_s
        devices = devices + state.gpu_price[:, None] * state.gpu_time_s
        return np.asarray(devices + self.problem.objective.energy_price * state.energy_j)


class QueuePrice(StateScheduler):
    """The fraction with the least total cost if all that is to come were placed as a fluid.

    The queue-aware form of `StaticPrice`. With any split of the price P of a second of makespan
    over the two pools, ``P * makespan`` is at least the pools' prices times the mean times when
    their devices are free, after the tasks to come have been added; a task to come costs at least
    its cheapest placement at these prices, on average over the workload's pool. The largest of
    these lower bounds over several splits is the fluid program's value from here on: it makes the
    time of the pool that will finish last dear.
    """

    NUM_SPLITS = 9
    WIDEST = 0.2
    """Splits lie this far around that of the fluid optimum at most."""

    def __init__(self, env: Any, seed: int | None = None) -> None:
        super().__init__(env, seed)
        costs, objective = self.problem.costs, self.problem.objective
        total = objective.makespan_price
        fluid = sum(objective.cpu_prices[kind] for kind in costs.cpu_kind) / total
        offsets = np.linspace(-self.WIDEST, self.WIDEST, self.NUM_SPLITS)
        split = np.clip(fluid + offsets, 0.0, 1.0)
        self._cpu_price, self._gpu_price = split * total, (1.0 - split) * total
        prices = zip(self._cpu_price.tolist(), self._gpu_price.tolist(), strict=True)
        self._task_cost = np.array([self._cheapest(cpu, gpu).mean() for cpu, gpu in prices])

    def task_prices(self) -> FloatArray:
        """Price of each task of the pool at the fluid optimum, (rows,) [objective of one task]."""
        middle = self.NUM_SPLITS // 2
        return self._cheapest(float(self._cpu_price[middle]), float(self._gpu_price[middle]))

    def _cheapest(self, cpu_price: float, gpu_price: float) -> FloatArray:
        """Cost of each task's cheapest placement at these prices of a second of a pool, (rows,)."""
        costs, energy_price = self.problem.costs, self.problem.objective.energy_price
        cpu_price, gpu_price = cpu_price / len(costs.cpu_kind), gpu_price / len(costs.gpu_kind)
        return np.asarray(costs.cheapest(cpu_price, gpu_price, energy_price).min(axis=1))

    def scores(self, state: SchedulingState) -> FloatArray:
        """Least cost of the whole episode from here on, as a fluid [objective of one task]."""
        cpu_free_s = _mean_free_s(state.cpu_free_s, state.arrival_s, state.cpu_time_s)
        gpu_free_s = _mean_free_s(state.gpu_free_s, state.arrival_s, state.gpu_time_s)
        cost = np.maximum(finish_s(state), state.makespan_s[:, None])
        cost *= self.problem.objective.makespan_price
        to_come = (state.tasks_left - 1)[:, None]
        for cpu, gpu, task in zip(self._cpu_price, self._gpu_price, self._task_cost, strict=True):
            np.maximum(cost, cpu * cpu_free_s + gpu * gpu_free_s + task * to_come, out=cost)
        return np.asarray(cost + self.problem.objective.energy_price * state.energy_j)


def _mean_free_s(free_s: FloatArray, now_s: FloatArray, time_s: FloatArray) -> FloatArray:
    """Mean time when the devices are free after each action, (n, actions) [s]."""
    mean_s = np.maximum(free_s, now_s[:, None]).mean(axis=1)
    return np.asarray(mean_s[:, None] + time_s / free_s.shape[1])


def finish_s(state: SchedulingState) -> FloatArray:
    """When the last share of each task would finish under each action, (n, actions) [s]."""
    cpu = np.where(state.cpu_time_s > 0, state.cpu_start_s[:, None] + state.cpu_time_s, 0.0)
    gpu = np.where(state.gpu_time_s > 0, state.gpu_start_s[:, None] + state.gpu_time_s, 0.0)
    return np.asarray(np.maximum(cpu, gpu))
