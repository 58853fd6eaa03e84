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
import numpy.typing as npt

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
        # Planes of (actions, rows) make the arg min over actions run along contiguous memory.
        self._cpu_time, self._gpu_time = (
            np.maximum(time_s.transpose(0, 2, 1), 0.0, order="C")
            for time_s in (costs.cpu_time_s, costs.gpu_time_s)
        )
        self._power_w = np.r_[costs.cpu_power_w, costs.gpu_power_w]
        self._devices = np.array(
            [costs.cpu_kind.count(k) for k in range(len(self._cpu_time))]
            + [costs.gpu_kind.count(k) for k in range(len(self._gpu_time))],
            dtype=np.float64,
        )
        self._columns: list[FloatArray] = []
        cpu_kinds, gpu_kinds = len(self._cpu_time), len(self._gpu_time)
        for gpu_price in (0.0, 1.0):
            self._price_out(np.r_[np.ones(cpu_kinds), np.full(gpu_kinds, gpu_price)])

    def solve(self, time_cost: float, energy_cost: float) -> FluidOptimum:
        """Minimise ``time_cost * makespan + energy_cost * active energy``, each per task.

        Raises:
            RuntimeError: If HiGHS fails or the iteration does not converge.
        """
        for _ in range(MAX_ITERATIONS):
            makespan, energy, prices = self._solve_master(time_cost, energy_cost)
            value = time_cost * makespan + energy_cost * energy
            # Duals of the master satisfy devices @ prices = time_cost, so this is a lower bound.
            bound = self._price_out(prices + energy_cost * self._power_w)
            if value - bound <= RELATIVE_TOLERANCE * abs(value):
                num_cpu = len(self._cpu_time)
                return FluidOptimum(
                    makespan,
                    energy,
                    tuple(prices[:num_cpu].tolist()),
                    tuple(prices[num_cpu:].tolist()),
                )
        raise RuntimeError("the fluid linear program did not converge; please report the cluster")

    def _price_out(self, prices: FloatArray) -> float:
        """Add the column of each row's cheapest placement; return its cost per task.

        Args:
            prices: Of a second of each kind, its energy included, (kinds,).
        """
        num_cpu = len(self._cpu_time)
        cpu, cpu_cost = _cheapest_kind(self._cpu_time, prices[:num_cpu])
        gpu, gpu_cost = _cheapest_kind(self._gpu_time, prices[num_cpu:])
        cost = cpu_cost + gpu_cost
        # Flat index of the cheapest action of each row: one gather a quantity.
        rows = cost.shape[1]
        index = cost.argmin(axis=0) * rows + np.arange(rows)
        work = [_work_s(time, cpu, k, index) for k, time in enumerate(self._cpu_time)]
        work += [_work_s(time, gpu, k, index) for k, time in enumerate(self._gpu_time)]
        self._columns.append(np.array(work))
        return float(cost.take(index).mean())

    def _solve_master(
        self, time_cost: float, energy_cost: float
    ) -> tuple[float, float, FloatArray]:
        """Mix the columns; return makespan, active energy and the price of each kind."""
        from scipy.optimize import linprog  # costs 0.3 s: only a process that needs it pays

        columns = np.array(self._columns).T
        # Unknowns: the weight of each column, then the makespan.
        solution = linprog(
            np.r_[energy_cost * (self._power_w @ columns), time_cost],
            A_ub=np.c_[columns, -self._devices],
            b_ub=np.zeros(len(self._devices)),
            A_eq=np.r_[np.ones(columns.shape[1]), 0.0][None],
            b_eq=[1.0],
            method="highs-ds",
        )
        if solution.status != 0:
            raise RuntimeError(f"HiGHS could not solve the fluid program: {solution.message}")
        energy = float(self._power_w @ columns @ solution.x[:-1])
        return float(solution.x[-1]), energy, np.maximum(-solution.ineqlin.marginals, 0.0)


def _cheapest_kind(
    time_s: FloatArray, prices: FloatArray
) -> tuple[npt.NDArray[np.intp] | None, FloatArray]:
    """Which kind does a share at the least cost (None: there is one), and that cost.

    Args:
        time_s: (kinds, actions, rows) [s].
        prices: Of a second of each kind, (kinds,).
    """
    if len(prices) == 1:
        return None, prices[0] * time_s[0]
    cost = prices[:, None, None] * time_s
    return cost.argmin(axis=0), cost.min(axis=0)


def _work_s(
    time_s: FloatArray, kinds: npt.NDArray[np.intp] | None, kind: int, index: npt.NDArray[np.intp]
) -> float:
    """Mean time of the chosen entries that a kind serves [s]."""
    chosen = time_s.take(index)
    return float(chosen.mean() if kinds is None else (chosen * (kinds.take(index) == kind)).mean())
