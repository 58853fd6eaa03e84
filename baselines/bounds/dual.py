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

from cpu_gpu_env.baselines.bounds.placements import Placements
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.problem.objective import Objective
from cpu_gpu_env.sim.instance import Instance

NUM_THRESHOLDS = 24
"""Releases whose constraints are priced: the first, and ever denser towards the last."""
MAX_ITERATIONS = 60
RELATIVE_TOLERANCE = 1e-4
"""The iteration stops when bound and master program agree to this."""


def dual_bound(instance: Instance) -> tuple[float, float, FloatArray, FloatArray]:
    """Bound an episode; return the fields of `LowerBound`.

    The relaxed schedule is the mixture of columns of the last master program that HiGHS could
    solve.
    """
    placements, objective = Placements.of(instance), instance.objective
    tasks = np.arange(instance.num_tasks)
    first = _thresholds(instance.num_tasks)
    release_s = instance.release_s[first]
    devices = np.array([workers.num_devices for workers in placements.types], dtype=np.float64)
    best, columns, choices = -np.inf, [], []
    reduced_cost = np.zeros(placements.energy_j.shape)
    mix, makespan_s = np.ones(1), float(release_s[-1])
    price = np.zeros((len(devices), len(first)))
    price[:, 0] = objective.makespan_price / devices.sum()
    while True:
        # The price of a second depends on how many thresholds the task was released after.
        step = np.searchsorted(first, tasks, side="right") - 1
        seconds = np.cumsum(price, axis=1)[:, step]
        cost = objective.energy_price * placements.energy_j
        for workers, second in zip(placements.types, seconds, strict=True):
            cost = cost + second[:, None] * workers.work_s
        choice = cost.argmin(axis=1)
        value = float(cost[tasks, choice].sum() + (devices @ price @ release_s))
        if value > best:
            best, reduced_cost = value, cost - cost.min(axis=1, keepdims=True)
        work = np.array([workers.work_s[tasks, choice] for workers in placements.types])
        from_threshold = np.add.reduceat(work, first, axis=1)[:, ::-1].cumsum(axis=1)[:, ::-1]
        columns.append(np.append(from_threshold.ravel(), placements.energy_j[tasks, choice].sum()))
        choices.append(choice)
        solved = _solve_master(np.array(columns).T, devices, release_s, objective)
        if solved is None:
            break
        master, makespan_s, mix, price = solved
        if len(columns) >= MAX_ITERATIONS or master - best <= RELATIVE_TOLERANCE * abs(master):
            break
    shares = np.zeros(placements.energy_j.shape)
    for weight, choice in zip(mix, choices, strict=False):
        shares[tasks, choice] += weight
    return (
        best / len(tasks),
        makespan_s,
        placements.by_action(shares),
        placements.least_by_action(reduced_cost),
    )


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
