"""The linear relaxation of an episode, valid whichever device a scheduler gives a share to.

Let M be the makespan, r_1 <= r_2 <= ... the releases, and for each task t a distribution x_t over
its *placements* (a GPU fraction, and the types of the CPU and the GPU that serve it). Any schedule
gives an integral point (each x_t one placement) that satisfies all the constraints below, and its
objective is ``(P * M + e * sum of energy_t x_t) / num_tasks``, linear in (x, M). So the minimum of
this linear program is a lower bound. For a device type with N devices and work w_t (the length of
task t's share on that type, linear in x_t):

1. *Start*: for each i, ``sum of w_t over t >= i <= sum over d < N of (M - r_{i+d})``. Each device
   works on such tasks from the release of its first one to M at most, and the first ones differ.
2. *Carry-over*: for each j, ``sum of w_t over t >= j + sum of max(w_t - (r_j - r_t), 0) over t < j
   <= N (M - r_j)``. A share is served by one device from r_t at the earliest, so by r_j at most
   ``r_j - r_t`` of it is done, and the rest of it lies in [r_j, M]. The maximum is taken of each
   placement, so it is linear in x_t.
3. *Length*: ``M >= r_t + length of the longer share``.

None of them asks which device of a type serves a share, or in which order shares are served: they
hold for every schedule without pre-emption. Noise is part of the lengths.

The bound does not rest on the solver's tolerances. HiGHS solves to absolute ones, so its optimum
may lie above the true one; but for any prices ``y >= 0`` of the rows ``A x <= b``, any x that
satisfies them costs at least ``(cost + y @ A) @ x - y @ b`` (weak duality; Neumaier & Shcherbina,
"Safe bounds in linear and mixed-integer linear programming", Mathematical Programming 99, 2004).
That is bounded from below without a solver: each task takes one of its placements, the work of the
tasks from i on is what these make it, and every other column lies between 0 and a bound that is
known, M by `placements.affordable` in schedules that are no worse than one that there is. So what
follows holds for these, and the optimum is one of them.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from cpu_gpu_env.baselines.bounds.linear_program import Entries, Rows, Solution, solve
from cpu_gpu_env.baselines.bounds.placements import Placements, Workers, affordable
from cpu_gpu_env.baselines.bounds.proof import ROUNDING
from cpu_gpu_env.model.tasks import FloatArray, IntArray
from cpu_gpu_env.sim.instance import Instance

MAX_CARRY_ROWS = 300
"""Carry-over constraints at most; leaving some out loosens the bound and keeps it valid."""
MAX_CARRY_LAG = 200
"""A carry-over looks back on this many tasks at most, which loosens it and keeps it valid."""
Carried: TypeAlias = tuple[IntArray, IntArray, IntArray, FloatArray]
"""What `Relaxation.carried` finds."""


class Relaxation:
    """The program: placements, then the work of each device type from each task on, then M.

    Args:
        instance: What is to be bounded; the program grows with its number of tasks.
    """

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        placements, objective = Placements.of(instance), instance.objective
        # The solver's tolerances are absolute, so time and cost are measured in those of a typical
        # task that has the cluster to itself.
        self.unit_s = float(placements.length_s.min(axis=1).mean()) or 1.0
        self.unit_cost = float(placements.cost_alone(objective).min(axis=1).mean()) or 1.0
        self.placements = placements.in_units_of(
            self.unit_s, objective.energy_price / self.unit_cost
        )
        self.release_s = instance.release_s / self.unit_s
        num_tasks = instance.num_tasks
        self._upper = np.empty(0)
        self.placement = self.new_columns(np.ones(self.placements.energy_j.size))
        self.placement = self.placement.reshape(num_tasks, -1)
        self.work = [
            self.new_columns(workers.work_s.max(axis=1)[::-1].cumsum()[::-1])
            for workers in self.placements.types
        ]
        self.known, longest_s = affordable(instance, placements)
        """J that some schedule does not exceed; what is proved holds for those that do not."""
        self.longest_s = longest_s / self.unit_s
        """The longest makespan that these can have [`unit_s`]."""
        self.makespan = int(self.new_columns(np.array([self.longest_s]))[0])
        self.equal, self.at_most = Rows(), Rows()
        self.reduced_cost = np.zeros(self.placements.energy_j.shape)
        """(num_tasks, placements): a schedule costs at least `proven_cost` and the sum of what its
        placements have here [`unit_cost`]."""
        self.proven_cost = 0.0
        """What the last prices prove [`unit_cost`]."""
        self.carry_rows = np.unique(
            np.linspace(0, num_tasks - 1, min(num_tasks, MAX_CARRY_ROWS)).astype(np.intp)
        )
        """Tasks whose releases have a carry-over constraint, ascending, the first among them."""
        task = np.arange(num_tasks)
        self.equal.add([(task[:, None], self.placement, 1.0)], np.ones(num_tasks))
        for workers, columns in zip(self.placements.types, self.work, strict=True):
            self._define_work(workers, columns)
            self._add_start(workers, columns)
            self._add_carry_over(workers, columns)
        length_s = self.placements.length_s
        self.at_most.add(
            [(task[:, None], self.placement, length_s), (task, self.makespan, -1.0)],
            -self.release_s,
        )

    def new_columns(self, upper: FloatArray) -> IntArray:
        """Add columns, each with the most that it can be in any schedule."""
        first = len(self._upper)
        self._upper = np.concatenate([self._upper, upper])
        return np.arange(first, len(self._upper))

    def _define_work(self, workers: Workers, columns: IntArray) -> None:
        """Column i is the work of the tasks from i on."""
        task = np.arange(len(columns))
        entries: Entries = [(task, columns, 1.0), (task[:-1], columns[1:], -1.0)]
        self.equal.add(
            [*entries, (task[:, None], self.placement, -workers.work_s)], np.zeros(len(columns))
        )

    def _add_start(self, workers: Workers, columns: IntArray) -> None:
        task = np.arange(len(columns))
        devices = np.minimum(workers.num_devices, len(columns) - task)
        total_s = np.concatenate([[0.0], np.cumsum(self.release_s)])
        self.at_most.add(
            [(task, columns, 1.0), (task, self.makespan, -devices)],
            total_s[task] - total_s[task + devices],
        )

    def _add_carry_over(self, workers: Workers, columns: IntArray) -> None:
        rows = self.carry_rows
        index = np.arange(len(rows))
        row, earlier, placement, rest_s = self.carried(workers, rows)
        self.at_most.add(
            [
                (index, columns[rows], 1.0),
                (index, self.makespan, -float(workers.num_devices)),
                (row, self.placement[earlier, placement], rest_s),
            ],
            -workers.num_devices * self.release_s[rows],
        )

    def carried(self, workers: Workers, later: IntArray) -> Carried:
        """Find what earlier shares must leave for after the releases of later tasks.

        Args:
            workers: Who serves the shares.
            later: (n,): those tasks.

        Returns:
            Position in `later`, earlier task, its placement and what it leaves then at least
            [`unit_s`], (entries,) each; those that leave nothing are left out.
        """
        to, lag = np.meshgrid(later, np.arange(1, MAX_CARRY_LAG + 1), indexing="ij")
        row, earlier = np.nonzero(to >= lag)[0], (to - lag)[to >= lag]
        waited_s = self.release_s[later[row]] - self.release_s[earlier]
        longest_s = workers.work_s.max(axis=1)
        row, earlier, waited_s = (
            array[longest_s[earlier] > waited_s] for array in (row, earlier, waited_s)
        )
        rest_s = np.maximum(workers.work_s[earlier] - waited_s[:, None], 0.0)
        pair, placement = np.nonzero(rest_s)
        return row[pair], earlier[pair], placement, rest_s[pair, placement]

    @property
    def num_columns(self) -> int:
        """Columns so far."""
        return len(self._upper)

    def cost(self) -> FloatArray:
        """Cost of each column [`unit_cost`]."""
        cost = np.zeros(self.num_columns)
        cost[self.placement] = self.placements.energy_j
        makespan_price = self.instance.objective.makespan_price
        cost[self.makespan] = makespan_price * self.unit_s / self.unit_cost
        return cost

    def solve_and_prove(self) -> Solution:
        """Solve the program as it stands, and prove what its prices prove.

        Raises:
            SolverError: If HiGHS fails.
        """
        solution = solve(self.cost(), self.at_most, self.equal)
        self.prove(solution.price)
        return solution

    def prove(self, price: FloatArray) -> None:
        """Work out what prices of the rows `at_most` prove: `proven_cost` and `reduced_cost`.

        Args:
            price: (rows,), at least 0; rows that it is too short for have no price.
        """
        rows = np.flatnonzero(price)
        price, sides = price[rows], np.concatenate(self.at_most.sides)[rows]
        matrix = self.at_most.matrix(self.num_columns)[rows]
        reduced = self.cost() + price @ matrix
        # Sums of floats are wrong by some part of what is added up, however small the sum.
        summed = self.cost() + price @ abs(matrix)
        own = self._by_placement(reduced)
        sure = own - ROUNDING * self._by_placement(summed)
        least = sure.min(axis=1)
        other = np.ones(self.num_columns, dtype=bool)
        other[np.concatenate([self.placement.ravel(), *self.work])] = False
        slipped = np.minimum(reduced[other] - ROUNDING * summed[other], 0.0) @ self._upper[other]
        paid = price @ sides + ROUNDING * (price @ abs(sides))
        self.proven_cost = float(least.sum() + slipped - paid)
        self.reduced_cost = own - own.min(axis=1, keepdims=True)

    def _by_placement(self, reduced: FloatArray) -> FloatArray:
        """What each placement (num_tasks, placements) costs, the work that it makes included."""
        own = reduced[self.placement]
        for workers, columns in zip(self.placements.types, self.work, strict=True):
            # A task's work is part of the work from each earlier task on.
            own += np.cumsum(reduced[columns])[:, None] * workers.work_s
        return own
