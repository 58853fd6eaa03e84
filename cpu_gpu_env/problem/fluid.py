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

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.model.costs import CostTables
from cpu_gpu_env.model.tasks import FloatArray

RELATIVE_TOLERANCE = 1e-6
"""The column generation stops when bound and value agree to this."""

LEAST_SHARE = 1e-7
"""Every price is at least this share of an even one; it loosens the bound by no more than that."""

MAX_RATIO = 1e9
"""Columns that take so much longer than the best are left out: HiGHS could not weigh them."""

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
        self._cpu_power_w, self._gpu_power_w = (
            np.ascontiguousarray(power_w.transpose(0, 2, 1)) for power_w in costs.powers_w
        )
        self._one_power_w: FloatArray | None = None
        """(kinds,): power above idle of each kind, if it has one [W]."""
        if not costs.power_varies:
            self._one_power_w = np.r_[self._cpu_power_w[:, 0, 0], self._gpu_power_w[:, 0, 0]]
        self._devices = np.array(
            [costs.cpu_kind.count(k) for k in range(len(self._cpu_time))]
            + [costs.gpu_kind.count(k) for k in range(len(self._gpu_time))],
            dtype=np.float64,
        )
        self._columns: list[FloatArray] = []
        self._column_energy_j: list[float] = []
        cpu_kinds, gpu_kinds = len(self._cpu_time), len(self._gpu_time)
        for gpu_price in (0.0, 1.0):
            self._price_out(np.r_[np.ones(cpu_kinds), np.full(gpu_kinds, gpu_price)], 0.0)

    def solve(self, time_cost: float, energy_cost: float) -> FluidOptimum:
        """Minimise ``time_cost * makespan + energy_cost * active energy``, each per task.

        Raises:
            HybridClusterError: If the devices differ by too many orders of magnitude to solve it.
        """
        for _ in range(MAX_ITERATIONS):
            makespan, energy, prices = self._solve_master(time_cost, energy_cost)
            value = time_cost * makespan + energy_cost * energy
            # The prices satisfy devices @ prices = time_cost, so this is a lower bound.
            bound = self._price_out(prices, energy_cost)
            if value - bound <= RELATIVE_TOLERANCE * abs(value):
                num_cpu = len(self._cpu_time)
                return FluidOptimum(
                    makespan,
                    energy,
                    tuple(prices[:num_cpu].tolist()),
                    tuple(prices[num_cpu:].tolist()),
                )
        raise _unsolvable("no convergence")

    def _price_out(self, prices: FloatArray, energy_cost: float) -> float:
        """Add the column of each row's cheapest placement; return its cost per task.

        Args:
            prices: Of a second of each kind, (kinds,).
            energy_cost: Of a joule above idle.
        """
        num_cpu = len(self._cpu_time)
        rates = prices[:, None, None]
        cpu, cpu_cost = _cheapest_kind(
            self._cpu_time, rates[:num_cpu] + energy_cost * self._cpu_power_w
        )
        gpu, gpu_cost = _cheapest_kind(
            self._gpu_time, rates[num_cpu:] + energy_cost * self._gpu_power_w
        )
        cost = cpu_cost + gpu_cost
        # Flat index of the cheapest action of each row: one gather a quantity.
        rows = cost.shape[1]
        index = cost.argmin(axis=0) * rows + np.arange(rows)
        work = [_mean(time, cpu, k, index) for k, time in enumerate(self._cpu_time)]
        work += [_mean(time, gpu, k, index) for k, time in enumerate(self._gpu_time)]
        self._columns.append(np.array(work))
        if self._one_power_w is None:
            pools = (
                (self._cpu_time, self._cpu_power_w, cpu),
                (self._gpu_time, self._gpu_power_w, gpu),
            )
            self._column_energy_j.append(
                sum(
                    _mean(time[k] * power_w[k], kinds, k, index)
                    for time, power_w, kinds in pools
                    for k in range(len(time))
                )
            )
        return float(cost.take(index).mean())

    def _solve_master(
        self, time_cost: float, energy_cost: float
    ) -> tuple[float, float, FloatArray]:
        """Mix the columns; return makespan, active energy and the price of each kind."""
        from scipy.optimize import linprog  # costs 0.3 s: only a process that needs it pays

        # HiGHS compares with absolute tolerances. So a kind counts its work in seconds of all its
        # devices together, and makespan and cost are those of the best single column, about 1.
        work_s = np.array(self._columns).T / self._devices[:, None]
        makespan_s = work_s.max(axis=0)
        if self._one_power_w is None:
            energy_j = np.array(self._column_energy_j)
        else:
            energy_j = (self._devices * self._one_power_w) @ work_s
        cost = time_cost * makespan_s + energy_cost * energy_j
        best = int(cost.argmin())
        unit_s, unit_cost = makespan_s[best], cost[best] or 1.0  # energy may be free
        usable = makespan_s <= MAX_RATIO * unit_s
        work_s, energy_j = work_s[:, usable], energy_j[usable]
        # Unknowns: the weight of each column, then the makespan.
        solution = linprog(
            np.r_[energy_cost * energy_j, time_cost * unit_s] / unit_cost,
            A_ub=np.c_[work_s / unit_s, -np.ones(len(work_s))],
            b_ub=np.zeros(len(work_s)),
            A_eq=np.r_[np.ones(len(energy_j)), 0.0][None],
            b_eq=[1.0],
            method="highs-ds",
        )
        if solution.status != 0:
            raise _unsolvable(solution.message)
        duals = np.maximum(-solution.ineqlin.marginals, 0.0)
        uniform = np.full(len(duals), 1 / len(duals))
        shares = duals / duals.sum() if duals.any() else uniform
        # The least price keeps work off a pool that is slower by more than the tolerance can tell.
        shares += LEAST_SHARE * (uniform - shares)
        prices = time_cost * shares / self._devices
        return float(solution.x[-1] * unit_s), float(energy_j @ solution.x[:-1]), prices


def _unsolvable(why: str) -> HybridClusterError:
    return HybridClusterError(
        f"the fluid program of this cluster and workload cannot be solved ({why}); allowed: devices"
        " whose times and powers differ by fewer orders of magnitude"
    )


def _cheapest_kind(
    time_s: FloatArray, rate: FloatArray
) -> tuple[npt.NDArray[np.intp] | None, FloatArray]:
    """Which kind does a share at the least cost (None: there is one), and that cost.

    Args:
        time_s: (kinds, actions, rows) [s].
        rate: Cost of a second, its energy included, (kinds, 1 or actions, 1 or rows).
    """
    if len(time_s) == 1:
        return None, rate[0] * time_s[0]
    cost = rate * time_s
    return cost.argmin(axis=0), cost.min(axis=0)


def _mean(
    table: FloatArray, kinds: npt.NDArray[np.intp] | None, kind: int, index: npt.NDArray[np.intp]
) -> float:
    """Mean over the rows of the chosen entries, of those that a kind serves."""
    chosen = table.take(index)
    return float(chosen.mean() if kinds is None else (chosen * (kinds.take(index) == kind)).mean())
