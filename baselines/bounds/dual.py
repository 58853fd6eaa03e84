"""The Lagrangian lower bound for long episodes: prices instead of a large linear program.

For a device type with N devices, the work of the tasks released at r or later is at most
N (M - r). Take non-negative prices for some of these constraints, one for each type k and
threshold r_j, with ``sum of N_k price_kj = P`` (the price of a second of makespan). Then for every
schedule ``P M >= sum of price_kj (N_k r_j + work of the tasks released at r_j or later)``, so its
cost is at least ``sum of price_kj N_k r_j + sum over tasks of the cheapest placement at these
prices``: any prices give a bound. The best ones are found by column generation, as in
`cpu_gpu_env.problem.fluid`: the cheapest placements of all tasks are a column of a small master
program, whose duals are the next prices.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import linprog

from cpu_gpu_env.baselines.bounds.placements import Placements, affordable
from cpu_gpu_env.baselines.bounds.proof import ROUNDING, LowerBound, ThresholdPrices
from cpu_gpu_env.model.tasks import FloatArray, IntArray
from cpu_gpu_env.problem.objective import Objective
from cpu_gpu_env.sim.instance import Instance

NUM_THRESHOLDS = 24
"""Releases whose constraints are priced: the first, and ever denser towards the last."""
MAX_ITERATIONS = 60
RELATIVE_TOLERANCE = 1e-4
"""The iteration stops when bound and master program agree to this."""


def dual_bound(instance: Instance) -> LowerBound:
    """Bound an episode by the best prices.

    The relaxed schedule is the mixture of columns of the last master program that HiGHS could
    solve.
    """
    priced = _PricedTasks(instance)
    release_s, devices = priced.release_s, priced.devices
    tasks = np.arange(instance.num_tasks)
    best, columns, choices = -np.inf, [], []
    reduced_cost = np.zeros(priced.placements.energy_j.shape)
    mix, makespan_s = np.ones(1), float(release_s[-1])
    price = np.zeros((len(devices), len(release_s)))
    price[:, 0] = instance.objective.makespan_price / devices.sum()
    best_price = price
    while True:
        cost = priced.cost(price)
        choice = cost.argmin(axis=1)
        value = priced.bound(cost, price)
        if value > best:
            best, best_price = value, price
            reduced_cost = cost - cost.min(axis=1, keepdims=True)
        columns.append(priced.column(choice))
        choices.append(choice)
        solved = _solve_master(np.array(columns).T, devices, release_s, instance.objective)
        if solved is None:
            break
        master, makespan_s, mix, price = solved
        if len(columns) >= MAX_ITERATIONS or master - best <= RELATIVE_TOLERANCE * abs(master):
            break
    shares = np.zeros(priced.placements.energy_j.shape)
    for weight, choice in zip(mix, choices, strict=False):
        shares[tasks, choice] += weight
    return LowerBound(
        best / len(tasks),
        makespan_s,
        priced.placements.by_action(shares),
        priced.placements.least_by_action(reduced_cost),
        ThresholdPrices(tuple(tuple(row) for row in best_price.tolist())),
    )


def proven_by_prices(instance: Instance, proof: ThresholdPrices) -> float:
    """Work out the bound that prices prove, whatever they are: no J is below it.

    Raises:
        ValueError: If they are of other device types or thresholds.
    """
    priced = _PricedTasks(instance)
    if {len(row) for row in proof.prices} != {len(priced.release_s)} or len(proof.prices) != len(
        priced.devices
    ):
        raise ValueError("prices of other device types or thresholds")
    price = np.array(proof.prices)
    return priced.bound(priced.cost(price), price) / instance.num_tasks


class _PricedTasks:
    """The tasks of an episode, and what they cost at prices (types, thresholds)."""

    def __init__(self, instance: Instance) -> None:
        self.placements, self.objective = Placements.of(instance), instance.objective
        self.first = _thresholds(instance.num_tasks)
        self.release_s = instance.release_s[self.first]
        """(thresholds,) [s]."""
        self.devices = np.array([own.num_devices for own in self.placements.types], dtype=float)
        self._tasks = np.arange(instance.num_tasks)
        self._last_s = float(instance.release_s[-1])
        _, self._longest_s = affordable(instance, self.placements)

    def cost(self, price: FloatArray) -> FloatArray:
        """Cost of each placement, (num_tasks, placements)."""
        # The price of a second depends on how many thresholds the task was released after.
        step = np.searchsorted(self.first, self._tasks, side="right") - 1
        seconds = np.cumsum(price, axis=1)[:, step]
        cost = self.objective.energy_price * self.placements.energy_j
        for workers, second in zip(self.placements.types, seconds, strict=True):
            cost = cost + second[:, None] * workers.work_s
        return cost

    def bound(self, cost: FloatArray, price: FloatArray) -> float:
        """Bound what all tasks cost together, from their costs at these prices.

        What the prices leave of the price of a second of makespan counts at the last release; what
        they exceed it by, at the longest makespan of an optimal schedule.
        """
        seconds = float(self.devices @ price.sum(axis=1))
        left = self.objective.makespan_price - seconds
        end_s = self._last_s if left >= 0.0 else self._longest_s
        paid = float(self.devices @ price @ self.release_s)
        least = float(cost.min(axis=1).sum())
        added = least + paid + abs(left) * end_s
        return max(least + paid + left * end_s - ROUNDING * added, 0.0)

    def column(self, choice: IntArray) -> FloatArray:
        """Work from each threshold on of each type, then energy, of one placement a task."""
        rows = self._tasks, choice
        work = np.array([workers.work_s[rows] for workers in self.placements.types])
        later = np.add.reduceat(work, self.first, axis=1)[:, ::-1].cumsum(axis=1)[:, ::-1]
        return np.append(later.ravel(), self.placements.energy_j[rows].sum())


def _thresholds(num_tasks: int) -> np.ndarray:
    """Positions of the tasks whose releases are thresholds, ascending, the first among them."""
    from_end = np.unique(np.geomspace(1, num_tasks, NUM_THRESHOLDS).astype(np.intp))
    return np.unique(num_tasks - from_end)


def _solve_master(
    columns: FloatArray, devices: FloatArray, release_s: FloatArray, objective: Objective
) -> tuple[float, float, FloatArray, FloatArray] | None:
    """Mix the columns; return cost, makespan, weights and the prices (types, thresholds).

    None if HiGHS fails.
    """
    capacity = np.repeat(devices, len(release_s))
    solution = linprog(
        np.append(objective.energy_price * columns[-1], objective.makespan_price),
        A_ub=np.c_[columns[:-1], -capacity],
        b_ub=-(devices[:, None] * release_s).ravel(),
        A_eq=np.append(np.ones(columns.shape[1]), 0.0)[None],
        b_eq=[1.0],
        method="highs",
    )
    if solution.status != 0:
        return None
    price = np.maximum(-solution.ineqlin.marginals, 0.0).reshape(len(devices), -1)
    # Exactly P in all, whatever the solver rounds: only then does the makespan cancel.
    total = float((devices @ price).sum())
    if total > 0.0:
        price *= objective.makespan_price / total
    else:  # Time is free, or the solver could not tell.
        price[:, 0] = objective.makespan_price / devices.sum()
    return float(solution.fun), float(solution.x[-1]), solution.x[:-1], price
