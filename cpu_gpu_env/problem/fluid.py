"""The fluid optimum: how fast and how frugal a cluster can be if tasks were infinitely divisible.

In the limit of a long stream only totals matter. Each task of the pool is given a distribution over
its placements (a GPU fraction, and which types of CPU and of GPU serve it) so that no device type
has more work than time. With makespan T and active energy A a task this is the linear program

    minimise    c_T T + c_A A
    subject to  work of type k  <=  (devices of type k) T,

solved by column generation (Dantzig & Wolfe, "Decomposition principle for linear programs",
Operations Research 8(1), 1960): under prices per device-second the best placement of each row is
an arg min over a table; each such choice for the whole pool is a column of a small master problem
whose duals are the next prices.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.model.cost_tables import CostTables, PoolCosts
from cpu_gpu_env.model.costs import share_energy_j
from cpu_gpu_env.model.tasks import FloatArray, IntArray

PoolPrices = tuple[tuple[float, ...], tuple[float, ...]]
"""A price for each type of CPU, and one for each type of GPU."""

RELATIVE_TOLERANCE = 1e-6
"""The column generation stops when bound and value agree to this."""

LEAST_SHARE = 1e-7
"""Every price is at least this share of an even one; it loosens the bound by no more than that."""

MAX_RATIO = 1e9
"""Columns that take so much longer than the best are left out: HiGHS could not weigh them."""

MAX_ITERATIONS = 200
"""Far more than were ever needed (about ten with two types of device)."""


@dataclass(frozen=True)
class FluidOptimum:
    """A fluid schedule and its prices."""

    makespan_s: float
    """Makespan per task [s]."""
    active_energy_j: float
    """Energy above idle per task [J]."""
    prices: PoolPrices
    """Dual price of a second of each type of CPU and of each type of GPU [objective per s]."""


class _Pool:
    """Costs of a pool as planes of (actions, rows): the arg min over actions runs along memory."""

    def __init__(self, costs: PoolCosts) -> None:
        self.time_s = np.maximum(costs.time_s.transpose(0, 2, 1), 0.0, order="C")
        self.power_w = np.ascontiguousarray(costs.compact_power_w.transpose(0, 2, 1))
        self.devices = costs.devices_by_type

    def cheapest_type(
        self, prices: FloatArray, energy_cost: float
    ) -> tuple[IntArray | None, FloatArray]:
        """Which type does a share at the least cost (None: there is one), and that cost.

        Args:
            prices: Of a second of each type, (types,).
            energy_cost: Of a joule above idle.
        """
        rate = prices[:, None, None] + energy_cost * self.power_w
        if len(self.time_s) == 1:
            return None, rate[0] * self.time_s[0]
        cost = rate * self.time_s
        return cost.argmin(axis=0), cost.min(axis=0)


class FluidProblem:
    """The fluid linear program of one cost table; columns are kept between solutions."""

    def __init__(self, costs: CostTables) -> None:
        self._pools = tuple(_Pool(pool) for pool in costs.pools)
        self._num_cpu_types = costs.cpus.num_types
        self._one_power_w: FloatArray | None = None
        """(types,): power above idle of each type, if it has one [W]."""
        if not costs.power_varies:
            self._one_power_w = np.concatenate([pool.power_w[:, 0, 0] for pool in self._pools])
        self._devices = np.array(
            [count for pool in self._pools for count in pool.devices], dtype=np.float64
        )
        self._columns: list[FloatArray] = []
        self._column_energy_j: list[float] = []
        for gpu_price in (0.0, 1.0):
            prices = np.ones(len(self._devices))
            prices[self._num_cpu_types :] = gpu_price
            self._price_out(prices, 0.0)

    def copy(self) -> FluidProblem:
        """Share the tables, but not the columns that are yet to come."""
        twin = copy.copy(self)
        twin._columns, twin._column_energy_j = self._columns[:], self._column_energy_j[:]
        return twin

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
                of_cpus, of_gpus = np.split(prices, [self._num_cpu_types])
                return FluidOptimum(
                    makespan, energy, (tuple(of_cpus.tolist()), tuple(of_gpus.tolist()))
                )
        raise _unsolvable("no convergence")

    def _price_out(self, prices: FloatArray, energy_cost: float) -> float:
        """Add the column of each row's cheapest placement; return its cost per task.

        Args:
            prices: Of a second of each type, (types,).
            energy_cost: Of a joule above idle.
        """
        by_pool = np.split(prices, [self._num_cpu_types])
        served = [
            pool.cheapest_type(own, energy_cost)
            for pool, own in zip(self._pools, by_pool, strict=True)
        ]
        cost = served[0][1] + served[1][1]
        # Flat index of the cheapest action of each row: one gather a quantity.
        rows = cost.shape[1]
        index = cost.argmin(axis=0) * rows + np.arange(rows)
        chosen = [
            (pool, types, number)
            for pool, (types, _) in zip(self._pools, served, strict=True)
            for number in range(len(pool.time_s))
        ]
        work = [_mean(pool.time_s[number], types, number, index) for pool, types, number in chosen]
        self._columns.append(np.array(work))
        if self._one_power_w is None:
            energies_j = [
                _mean(share_energy_j(pool.time_s[k], pool.power_w[k]), types, k, index)
                for pool, types, k in chosen
            ]
            self._column_energy_j.append(sum(energies_j))
        return float(cost.take(index).mean())

    def _solve_master(
        self, time_cost: float, energy_cost: float
    ) -> tuple[float, float, FloatArray]:
        """Mix the columns; return makespan, active energy and the price of each type."""
        from scipy.optimize import linprog  # costs 0.3 s: only a process that needs it pays

        # HiGHS compares with absolute tolerances. So a type counts its work in seconds of all its
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


def _mean(table: FloatArray, types: IntArray | None, number: int, index: IntArray) -> float:
    """Mean over the rows of the chosen entries, of those that a type serves."""
    chosen = table.take(index)
    return float(
        chosen.mean() if types is None else (chosen * (types.take(index) == number)).mean()
    )
