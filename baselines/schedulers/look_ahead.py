"""What an episode will cost if all that is to come is placed as a fluid."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from cpu_gpu_env.model.cost_tables import CostTables
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.problem.objective import Objective
from cpu_gpu_env.problem.problem import Problem
from cpu_gpu_env.sim.state import PoolState, SchedulingState

NUM_SPLITS = 9
"""Splits of the price of a second of makespan over the two pools."""
WIDEST = 0.2
"""Splits lie this far around that of the fluid optimum at most."""
FLUID = NUM_SPLITS // 2
"""The split of the fluid optimum."""


class FluidLookAhead:
    """A lower bound on the cost from here on, on average over the tasks to come.

    With any split of the price P of a second of makespan over the two pools, ``P * makespan`` is at
    least the pools' prices times the mean times when their devices are free, after the tasks to
    come have been added; a task to come costs at least its cheapest placement at these prices, on
    average over the workload's pool. The largest of these lower bounds over several splits is the
    fluid program's value from here on: it makes the time of the pool that will finish last dear.

    Args:
        problem: Source of the costs and of the fluid optimum's prices.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.cpu_price, self.gpu_price, self.task_cost = _price_splits(
            problem.costs, problem.objective
        )
        """(NUM_SPLITS,) each: price of a second of all CPUs and of all GPUs [objective of one task
        per s], and cost of a task to come [objective of one task]."""

    def task_prices(self) -> FloatArray:
        """Price of each task of the pool at the fluid optimum, (rows,) [objective of one task]."""
        prices = float(self.cpu_price[FLUID]), float(self.gpu_price[FLUID])
        return _cheapest(self.problem.costs, self.problem.objective, *prices)

    def costs(self, state: SchedulingState) -> FloatArray:
        """Cost of each action and of all that follows, (n, actions) [objective of one task]."""
        cpu_free_s = _mean_free_s(state.cpus, state.arrival_s)
        gpu_free_s = _mean_free_s(state.gpus, state.arrival_s)
        cost = np.maximum(state.finish_s, state.makespan_s[:, None])
        cost *= self.problem.objective.makespan_price
        to_come = (state.tasks_left - 1)[:, None]
        for cpu, gpu, task in zip(self.cpu_price, self.gpu_price, self.task_cost, strict=True):
            np.maximum(cost, cpu * cpu_free_s + gpu * gpu_free_s + task * to_come, out=cost)
        return np.asarray(cost + self.problem.objective.energy_price * state.energy_j)


def _mean_free_s(pool: PoolState, now_s: FloatArray) -> FloatArray:
    """Mean time when the devices are free after each action, (n, actions) [s]."""
    mean_s = np.maximum(pool.free_s, now_s[:, None]).mean(axis=1)
    return np.asarray(mean_s[:, None] + pool.time_s / pool.free_s.shape[1])


@lru_cache(maxsize=8)
def _price_splits(
    costs: CostTables, objective: Objective
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The arrays of a look-ahead: every scheduler and every evaluation needs the same."""
    total = objective.makespan_price
    of_cpus = sum(objective.prices[0][index] for index in costs.cpus.device_type)
    fluid = of_cpus / total if total > 0 else 0.5  # if time costs nothing, all splits are one
    split = np.clip(fluid + np.linspace(-WIDEST, WIDEST, NUM_SPLITS), 0.0, 1.0)
    cpu_price, gpu_price = split * total, (1.0 - split) * total
    prices = zip(cpu_price.tolist(), gpu_price.tolist(), strict=True)
    task_cost = np.array([_cheapest(costs, objective, *pair).mean() for pair in prices])
    for shared in (cpu_price, gpu_price, task_cost):
        shared.setflags(write=False)
    return cpu_price, gpu_price, task_cost


def _cheapest(
    costs: CostTables, objective: Objective, cpu_price: float, gpu_price: float
) -> FloatArray:
    """Cost of each task's cheapest placement at these prices of a second of a pool, (rows,)."""
    prices = cpu_price / costs.cpus.num_devices, gpu_price / costs.gpus.num_devices
    return np.asarray(costs.cheapest(prices, objective.energy_price).min(axis=1))
