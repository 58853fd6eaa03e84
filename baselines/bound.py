"""A certified lower bound on the objective of one episode: no scheduler can beat it.

Let M be the makespan, r_1 <= r_2 <= ... the releases, and for each task t a distribution x_t over
its *placements* (a GPU fraction, and the kinds of the CPU and the GPU that serve it). Any schedule
of the environment gives an integral point (each x_t one placement) that satisfies all the
constraints below, and its objective is ``(P * M + e * sum of energy_t x_t) / num_tasks``, linear in
(x, M). So the minimum of this linear program is a lower bound. For a kind of device with N devices
and work w_t (the length of task t's share on that kind, linear in x_t):

1. *Start*: for each i, ``sum of w_t over t >= i <= sum over d < N of (M - r_{i+d})``. Each device
   works on such tasks from the release of its first one to M at most, and the first ones differ.
2. *Carry-over*: for each j, ``sum of w_t over t >= j + sum of max(w_t - (r_j - r_t), 0) over t < j
   <= N (M - r_j)``. A share is served by one device from r_t at the earliest, so by r_j at most
   ``r_j - r_t`` of it is done, and the rest of it lies in [r_j, M]. The maximum is taken of each
   placement, so it is linear in x_t.
3. *Length*: ``M >= r_t + length of the longer share``.
4. *Dispatch order*, for a whole pool of N devices of any kinds, work w_t, and a task i: shares are
   dispatched in order to the device that is free first, so their starts never decrease. When task
   i's share starts, at s, every other device is busy with at most the rest of one share that
   started at s or before. So the work of the tasks before i is at most ``N s`` plus the lengths of
   N - 1 of their shares, and ``M >= s + w_i``: with z_t the lengths of those N - 1 shares,
   ``sum of w_t over t < i - sum of z_t <= N (M - w_i)``, ``z_t <= w_t``,
   ``z_t <= y_t * (longest placement of t)``, ``sum of y_t <= N - 1``. These are added for the tasks
   where the solution violates them: large tasks late in the stream.

Noise is part of the lengths: the bound holds for the episode as it was realised.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.optimize import linprog

from cpu_gpu_env.baselines.dual_bound import dual_bound
from cpu_gpu_env.baselines.placements import Placements, Pool
from cpu_gpu_env.realised import RealisedEpisode
from cpu_gpu_env.tasks import FloatArray

MAX_LP_TASKS = 3_000
"""Longer episodes get the Lagrangian bound instead of the linear program."""
MAX_CARRY_ROWS = 300
"""Carry-over constraints at most; leaving some out loosens the bound and keeps it valid."""
MAX_CARRY_LAG = 200
"""A carry-over looks back on this many tasks, likewise."""
MAX_ROUNDS, CUTS_A_ROUND = 4, 6
"""Dispatch-order cuts: rounds of adding the most violated ones."""
SOLVER_TOLERANCE = 1e-6
"""Taken off the optimum: HiGHS solves to a relative 1e-7."""

IntArray = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class LowerBound:
    """The bound, and the relaxed schedule that attains it."""

    objective: float
    """No schedule of this episode has a smaller J."""
    makespan_s: float
    """Makespan of the relaxed schedule [s]."""
    shares: FloatArray
    """(num_tasks, actions): how much of each action the relaxed schedule takes."""


@dataclass
class _Rows:
    """Rows of a sparse constraint matrix, as they are added."""

    rows: list[IntArray] = field(default_factory=list)
    columns: list[IntArray] = field(default_factory=list)
    values: list[FloatArray] = field(default_factory=list)
    sides: list[FloatArray] = field(default_factory=list)
    count: int = 0

    def add(
        self, entries: list[tuple[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike]], side: FloatArray
    ) -> None:
        """Add a block of rows: entries (row in the block, column, value), and right-hand sides."""
        for row, column, value in entries:
            row, column, value = np.broadcast_arrays(row, column, np.asarray(value, dtype=float))
            self.rows.append(self.count + row.ravel())
            self.columns.append(column.ravel())
            self.values.append(value.ravel())
        self.sides.append(side)
        self.count += len(side)

    def matrix(self, columns: int) -> sparse.csr_array:
        """All rows so far."""
        index = np.concatenate(self.rows), np.concatenate(self.columns)
        return sparse.csr_array((np.concatenate(self.values), index), shape=(self.count, columns))


def lower_bound(episode: RealisedEpisode) -> LowerBound:
    """Solve the relaxation of an episode; see the module for why it is a bound.

    Raises:
        RuntimeError: If HiGHS fails.
    """
    if episode.num_tasks > MAX_LP_TASKS:
        return LowerBound(*dual_bound(episode))
    program = _Program(episode)
    solution = program.solve()
    for _ in range(MAX_ROUNDS):
        if not program.add_violated_cuts(solution):
            break
        solution = program.solve()
    return solution


class _Program:
    """The linear program: placements, then the work of each kind from each task on, then M."""

    def __init__(self, episode: RealisedEpisode) -> None:
        self.episode = episode
        self.placements = Placements.of(episode)
        self.release_s = episode.release_s
        num_tasks, num_placements = self.placements.energy_j.shape
        self.placement = np.arange(num_tasks * num_placements).reshape(num_tasks, -1)
        self.work = [
            self.placement.size + kind * num_tasks + np.arange(num_tasks)
            for kind in range(len(self.placements.kinds))
        ]
        self.makespan = self.placement.size + len(self.work) * num_tasks
        self.num_columns = self.makespan + 1
        self.equal, self.at_most = _Rows(), _Rows()
        self._cut: set[tuple[int, int]] = set()
        task = np.arange(num_tasks)
        self.equal.add([(task[:, None], self.placement, 1.0)], np.ones(num_tasks))
        for kind, columns in zip(self.placements.kinds, self.work, strict=True):
            self._define_work(kind, columns)
            self._add_start(kind, columns)
            self._add_carry_over(kind, columns)
        length_s = np.maximum(*(pool.work_s for pool in self.placements.pools))
        self.at_most.add(
            [(task[:, None], self.placement, length_s), (task, self.makespan, -1.0)],
            -self.release_s,
        )

    def _define_work(self, kind: Pool, columns: IntArray) -> None:
        """Column i is the work of the tasks from i on."""
        task = np.arange(len(columns))
        entries = [(task, columns, 1.0), (task[:-1], columns[1:], -1.0)]
        self.equal.add(
            [*entries, (task[:, None], self.placement, -kind.work_s)], np.zeros(len(columns))
        )

    def _add_start(self, kind: Pool, columns: IntArray) -> None:
        task = np.arange(len(columns))
        devices = np.minimum(kind.num_devices, len(columns) - task)
        total_s = np.concatenate([[0.0], np.cumsum(self.release_s)])
        self.at_most.add(
            [(task, columns, 1.0), (task, self.makespan, -devices)],
            total_s[task] - total_s[task + devices],
        )

    def _add_carry_over(self, kind: Pool, columns: IntArray) -> None:
        count = len(columns)
        rows = np.unique(np.linspace(0, count - 1, min(count, MAX_CARRY_ROWS)).astype(np.intp))
        later, lag = np.meshgrid(rows, np.arange(1, MAX_CARRY_LAG + 1), indexing="ij")
        row, earlier = np.nonzero(later >= lag)[0], (later - lag)[later >= lag]
        waited_s = self.release_s[rows[row]] - self.release_s[earlier]
        longest_s = kind.work_s.max(axis=1)
        row, earlier, waited_s = (
            array[longest_s[earlier] > waited_s] for array in (row, earlier, waited_s)
        )
        rest_s = np.maximum(kind.work_s[earlier] - waited_s[:, None], 0.0)
        pair, placement = np.nonzero(rest_s)
        index = np.arange(len(rows))
        self.at_most.add(
            [
                (index, columns[rows], 1.0),
                (index, self.makespan, -float(kind.num_devices)),
                (row[pair], self.placement[earlier[pair], placement], rest_s[pair, placement]),
            ],
            -kind.num_devices * self.release_s[rows],
        )

    def add_violated_cuts(self, solution: LowerBound) -> bool:
        """Add dispatch-order cuts that the solution violates; return whether there are any."""
        found = []
        for number, pool in enumerate(self.placements.pools):
            others = pool.num_devices - 1
            work_s = (pool.work_s * self._weights).sum(axis=1)
            before_s = np.cumsum(work_s) - work_s
            rest_s = _largest_before(work_s, others)
            excess_s = (before_s - rest_s) / pool.num_devices + work_s - solution.makespan_s
            for task in np.argsort(-excess_s)[:CUTS_A_ROUND].tolist():
                new = (number, task) not in self._cut
                if others and new and excess_s[task] > 1e-4 * solution.makespan_s:
                    found.append((float(excess_s[task]), number, task))
        for _, number, task in sorted(found, reverse=True)[:CUTS_A_ROUND]:
            self._cut.add((number, task))
            self._add_dispatch_order(self.placements.pools[number], task)
        return bool(found)

    def _add_dispatch_order(self, pool: Pool, task: int) -> None:
        earlier = np.arange(task)
        rest = self.num_columns + earlier  # z of the module
        chosen = rest + task  # y of the module
        self.num_columns += 2 * task
        work_s, placement = pool.work_s[:task], self.placement[:task]
        self.at_most.add(
            [
                (0, placement, work_s),
                (0, rest, -1.0),
                (0, self.placement[task], pool.num_devices * pool.work_s[task]),
                (0, self.makespan, -float(pool.num_devices)),
            ],
            np.zeros(1),
        )
        zeros = np.zeros(task)
        self.at_most.add([(earlier, rest, 1.0), (earlier[:, None], placement, -work_s)], zeros)
        longest_s = work_s.max(axis=1)
        self.at_most.add([(earlier, rest, 1.0), (earlier, chosen, -longest_s)], zeros)
        self.at_most.add([(0, chosen, 1.0)], np.array([pool.num_devices - 1.0]))

    def solve(self) -> LowerBound:
        """Solve the program as it stands."""
        objective, placements = self.episode.objective, self.placements
        cost = np.zeros(self.num_columns)
        cost[self.placement] = objective.energy_price * placements.energy_j
        cost[self.makespan] = objective.makespan_price
        solution = linprog(
            cost,
            A_ub=self.at_most.matrix(self.num_columns),
            b_ub=np.concatenate(self.at_most.sides),
            A_eq=self.equal.matrix(self.num_columns),
            b_eq=np.concatenate(self.equal.sides),
            method="highs",
        )
        if solution.status != 0:
            raise RuntimeError(f"HiGHS could not bound the episode: {solution.message}")
        self._weights: FloatArray = solution.x[self.placement]
        value = float(solution.fun) / self.episode.num_tasks
        return LowerBound(
            value - SOLVER_TOLERANCE * abs(value),
            float(solution.x[self.makespan]),
            placements.by_action(self._weights),
        )


def _largest_before(values: FloatArray, count: int) -> FloatArray:
    """Sum of the `count` largest values before each position."""
    largest = np.zeros(count)
    total = np.empty(len(values))
    for position, value in enumerate(values):
        total[position] = largest.sum()
        if count and value > largest[0]:
            largest[0] = value
            largest.sort()
    return total
