"""The fluid optimum: how fast and how frugal a cluster can be if tasks were infinitely divisible.

In the limit of a long stream only totals matter. Each task of the pool is given a distribution over
its placements (a GPU fraction, and which kind of CPU and of GPU serve it) so that no kind of device
has more work than time. With makespan T and active energy A a task this is the linear program

    minimise    c_T T + c_A A
    subject to  work of kind k  <=  (devices of kind k) T,

solved by column generation (Dantzig & Wolfe, "Decomposition principle for linear programs",
Operations Research 8(1), 1960): under prices per device-second the best placement of each row is
an arg min over a table; each such choice for the whole pool is a column of a small master problem
whose duals are the next prices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cpu_gpu_env.costs import CostTables
from cpu_gpu_env.tasks import FloatArray

RELATIVE_TOLERANCE = 1e-6
"""The column generation stops when bound and value agree to this."""

MAX_ITERATIONS = 200
"""Far more than were ever needed (about ten with two kinds of device)."""


@dataclass(frozen=True)
class FluidOptimum:
    """A fluid schedule and its prices."""

    makespan_s: float
    """Makespan per task [s]."""
    active_energy_j: float
    """Energy above idle per task [J]."""
    cpu_prices: tuple[float, ...]
    """Dual price of a second of each kind of CPU [objective per s]."""
    gpu_prices: tuple[float, ...]
    """Dual price of a second of each kind of GPU [objective per s]."""


class FluidProblem:
    """The fluid linear program of one cost table; columns are kept between solutions."""

    def __init__(self, costs: CostTables) -> None:
        cpu_kinds, gpu_kinds, rows, _, _ = costs.records.shape
        # Planes of (actions, rows) make the arg min over actions run along contiguous memory.
        planes = costs.records.transpose(4, 0, 1, 3, 2)
        self._cpu_time = np.ascontiguousarray(np.maximum(planes[0][:, 0], 0.0))
        self._gpu_time = np.ascontiguousarray(np.maximum(planes[1][0], 0.0))
        self._energy = np.ascontiguousarray(planes[2])
        self._devices = np.array(
            [costs.cpu_kind.count(k) for k in range(cpu_kinds)]
            + [costs.gpu_kind.count(k) for k in range(gpu_kinds)],
            dtype=np.float64,
        )
        self._rows = rows
        self._columns: list[FloatArray] = []
        for prices in (np.r_[np.ones(cpu_kinds), np.zeros(gpu_kinds)], np.ones_like(self._devices)):
            self._price_out(prices, 0.0)

    def solve(self, time_cost: float, energy_cost: float) -> FluidOptimum:
        """Minimise ``time_cost * makespan + energy_cost * active energy``, each per task.

        Raises:
            RuntimeError: If HiGHS fails or the iteration does not converge.
        """
        for _ in range(MAX_ITERATIONS):
            makespan, energy, prices = self._solve_master(time_cost, energy_cost)
            value = time_cost * makespan + energy_cost * energy
            # Duals of the master satisfy devices @ prices = time_cost, so this is a lower bound.
            bound = self._price_out(prices, energy_cost)
            if value - bound <= RELATIVE_TOLERANCE * abs(value):
                num_cpu = len(self._cpu_time)
                return FluidOptimum(
                    makespan,
                    energy,
                    tuple(prices[:num_cpu].tolist()),
                    tuple(prices[num_cpu:].tolist()),
                )
        raise RuntimeError("the fluid linear program did not converge; please report the cluster")

    def _price_out(self, prices: FloatArray, energy_cost: float) -> float:
        """Add the column of each row's cheapest placement; return its cost per task."""
        num_cpu = len(self._cpu_time)
        cells = np.arange(self._rows)
        best = np.full(self._rows, np.inf)
        totals = np.zeros((len(prices) + 1, self._rows))
        for c, cpu_time in enumerate(self._cpu_time):
            for g, gpu_time in enumerate(self._gpu_time):
                energy = self._energy[c, g]
                cost = prices[c] * cpu_time
                cost += prices[num_cpu + g] * gpu_time
                cost += energy_cost * energy
                # Flat indices of the cheapest action of each row: one gather a quantity.
                index = cost.argmin(axis=0) * self._rows + cells
                chosen = cost.take(index)
                better = np.flatnonzero(chosen < best)
                index = index[better]
                best[better] = chosen[better]
                totals[:, better] = 0.0
                totals[c, better] = cpu_time.take(index)
                totals[num_cpu + g, better] = gpu_time.take(index)
                totals[-1, better] = energy.take(index)
        self._columns.append(totals.mean(axis=1))
        return float(best.mean())

    def _solve_master(
        self, time_cost: float, energy_cost: float
    ) -> tuple[float, float, FloatArray]:
        """Mix the columns; return makespan, active energy and the price of each kind."""
        from scipy.optimize import linprog  # costs 0.3 s: only a process that needs it pays

        columns = np.array(self._columns).T
        # Unknowns: the weight of each column, then the makespan.
        solution = linprog(
            np.r_[energy_cost * columns[-1], time_cost],
            A_ub=np.c_[columns[:-1], -self._devices],
            b_ub=np.zeros(len(self._devices)),
            A_eq=np.r_[np.ones(columns.shape[1]), 0.0][None],
            b_eq=[1.0],
            method="highs-ds",
        )
        if solution.status != 0:
            raise RuntimeError(f"HiGHS could not solve the fluid program: {solution.message}")
        energy = float(columns[-1] @ solution.x[:-1])
        return float(solution.x[-1]), energy, np.maximum(-solution.ineqlin.marginals, 0.0)
