"""A certified lower bound on the objective of one episode: no scheduler can beat it.

Let M be the makespan, r_1 <= r_2 <= ... the releases, and for each task t a distribution x_t over
its *placements* (a GPU fraction, and the types of the CPU and the GPU that serve it). Any schedule
of the environment gives an integral point (each x_t one placement) that satisfies all the
constraints below, and its objective is ``(P * M + e * sum of energy_t x_t) / num_tasks``, linear in
(x, M). So the minimum of this linear program is a lower bound. For a device type with N devices
and work w_t (the length of task t's share on that type, linear in x_t):

1. *Start*: for each i, ``sum of w_t over t >= i <= sum over d < N of (M - r_{i+d})``. Each device
   works on such tasks from the release of its first one to M at most, and the first ones differ.
2. *Carry-over*: for each j, ``sum of w_t over t >= j + sum of max(w_t - (r_j - r_t), 0) over t < j
   <= N (M - r_j)``. A share is served by one device from r_t at the earliest, so by r_j at most
   ``r_j - r_t`` of it is done, and the rest of it lies in [r_j, M]. The maximum is taken of each
   placement, so it is linear in x_t.
3. *Length*: ``M >= r_t + length of the longer share``.
4. *Dispatch order*, for a whole pool of N devices of any types, work w_t, and a task i: shares are
   dispatched in order to the device that is free first, so their starts never decrease. When task
   i's share starts, at s, every other device is busy with at most the rest of one share that
   started at s or before. So the work of the tasks before i is at most ``N s`` plus the lengths of
   N - 1 of their shares, and ``M >= s + w_i``: with z_t the lengths of those N - 1 shares,
   ``sum of w_t over t < i - sum of z_t <= N (M - w_i)``, ``z_t <= w_t``,
   ``z_t <= y_t * rest_t``, ``sum of y_t <= N - 1``, where rest_t is the longest placement of t.
   These are added for the tasks where the solution violates them: large tasks late in the stream.

Once a schedule is known, of cost U, let L be the program's value. A better schedule uses only
placements whose reduced costs add up to at most U - L, which bounds its work between any two tasks
from below (Lagrangian bound of a multiple-choice knapsack). If t's share is still running at s,
the other N - 1 devices have served all work between t and i since it started, but for the rests
R of N - 2 shares, so ``rest_t = (longest placement of t) - (that work - R) / (N - 1)`` will do in
constraint 4. With these `LowerBoundProgram.tighten` finds a bound that holds for every schedule
better than the known one; the smaller of it and U holds for all.

Noise is part of the lengths: the bound holds for the episode as it was realised.

Neither the bound nor the reduced costs rest on the solver's tolerances: they are what its duals
prove by weak duality (`linear_program`), with each task's placements adding up to 1, works and
rests at most what the longest placements make them, and M at most the last release and the sum of
all lengths (after the last release the device that finishes last is never idle).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cpu_gpu_env.baselines.bounds.dual import dual_bound
from cpu_gpu_env.baselines.bounds.linear_program import Rows, SolverError, solve
from cpu_gpu_env.baselines.bounds.placements import Placements, Workers
from cpu_gpu_env.model.tasks import FloatArray, IntArray
from cpu_gpu_env.sim.instance import Instance

MAX_LP_TASKS = 3_000
"""Longer episodes get the Lagrangian bound instead of the linear program."""
MAX_CARRY_ROWS = 300
"""Carry-over constraints at most; leaving some out loosens the bound and keeps it valid."""
MAX_CARRY_LAG = 200
"""A carry-over looks back on this many tasks, likewise."""
MAX_ROUNDS, CUTS_A_ROUND = 4, 6
"""Dispatch-order cuts: rounds of adding the most violated ones."""
REST_ROUNDS = 4
"""How often the bounds on the rests of shares are used to improve one another."""
NUM_MULTIPLIERS = 17
"""Multipliers tried in the knapsack bound."""
ROUNDING = 1e-9
"""Taken off the bound, relative to it: far more than the rounding of sums of floats."""


@dataclass(frozen=True, eq=False)
class LowerBound:
    """The bound, and the relaxed schedule that attains it."""

    objective: float
    """No schedule of this episode has a smaller J."""
    makespan_s: float
    """Makespan of the relaxed schedule [s]."""
    shares: FloatArray
    """(num_tasks, actions): how much of each action the relaxed schedule takes."""
    reduced_cost: FloatArray
    """(num_tasks, actions): what each action costs more than the task's best, at the prices that
    prove the bound [objective of one task]."""


def lower_bound(instance: Instance) -> LowerBound:
    """Solve the relaxation of an episode; see the module for why it is a bound."""
    if instance.num_tasks > MAX_LP_TASKS:
        return LowerBound(*dual_bound(instance))
    return LowerBoundProgram(instance).solve()


class LowerBoundProgram:
    """The linear program: placements, then the work of each device type from each task on, then M.

    Args:
        instance: What is to be bounded; at most `MAX_LP_TASKS` tasks are sensible.
    """

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        placements, objective = Placements.of(instance), instance.objective
        length_s = np.maximum(*(pool.work_s for pool in placements.pools))
        alone = objective.makespan_price * length_s + objective.energy_price * placements.energy_j
        # The solver's tolerances are absolute, so time and cost are measured in those of a typical
        # task that has the cluster to itself.
        self.unit_s = float(length_s.min(axis=1).mean()) or 1.0
        self.unit_cost = float(alone.min(axis=1).mean()) or 1.0
        self.placements = placements.in_units_of(
            self.unit_s, objective.energy_price / self.unit_cost
        )
        self.release_s = instance.release_s / self.unit_s
        num_tasks = instance.num_tasks
        self._upper = np.empty(0)
        self.placement = self._new_columns(np.ones(self.placements.energy_j.size))
        self.placement = self.placement.reshape(num_tasks, -1)
        self.work = [
            self._new_columns(workers.work_s.max(axis=1)[::-1].cumsum()[::-1])
            for workers in self.placements.types
        ]
        length_s = np.maximum(*(pool.work_s for pool in self.placements.pools))
        # After the last release, the device that finishes last is never idle.
        latest_s = self.release_s[-1] + length_s.max(axis=1).sum()
        self.makespan = int(self._new_columns(np.array([latest_s]))[0])
        self.equal, self.at_most = Rows(), Rows()
        self.solved: LowerBound | None = None
        """What `solve` found."""
        self._cost, self._known = 0.0, np.inf
        self.reduced_cost = np.zeros(self.placements.energy_j.shape)
        """(num_tasks, placements): a schedule costs at least `_cost` and the sum of what its
        placements have here [`unit_cost`]."""
        self._cut: set[tuple[int, int]] = set()
        self._rest_s = [
            np.broadcast_to(pool.work_s.max(axis=1), (num_tasks, num_tasks))
            for pool in self.placements.pools
        ]
        """For each pool, (i, t): how much of t's share may be left when i's starts, at most [s]."""
        task = np.arange(num_tasks)
        self.equal.add([(task[:, None], self.placement, 1.0)], np.ones(num_tasks))
        for workers, columns in zip(self.placements.types, self.work, strict=True):
            self._define_work(workers, columns)
            self._add_start(workers, columns)
            self._add_carry_over(workers, columns)
        self.at_most.add(
            [(task[:, None], self.placement, length_s), (task, self.makespan, -1.0)],
            -self.release_s,
        )

    def _new_columns(self, upper: FloatArray) -> IntArray:
        """Add columns, each with the most that it can be in any schedule."""
        first = len(self._upper)
        self._upper = np.concatenate([self._upper, upper])
        return np.arange(first, len(self._upper))

    def _define_work(self, workers: Workers, columns: IntArray) -> None:
        """Column i is the work of the tasks from i on."""
        task = np.arange(len(columns))
        entries = [(task, columns, 1.0), (task[:-1], columns[1:], -1.0)]
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
        count = len(columns)
        rows = np.unique(np.linspace(0, count - 1, min(count, MAX_CARRY_ROWS)).astype(np.intp))
        later, lag = np.meshgrid(rows, np.arange(1, MAX_CARRY_LAG + 1), indexing="ij")
        row, earlier = np.nonzero(later >= lag)[0], (later - lag)[later >= lag]
        waited_s = self.release_s[rows[row]] - self.release_s[earlier]
        longest_s = workers.work_s.max(axis=1)
        row, earlier, waited_s = (
            array[longest_s[earlier] > waited_s] for array in (row, earlier, waited_s)
        )
        rest_s = np.maximum(workers.work_s[earlier] - waited_s[:, None], 0.0)
        pair, placement = np.nonzero(rest_s)
        index = np.arange(len(rows))
        self.at_most.add(
            [
                (index, columns[rows], 1.0),
                (index, self.makespan, -float(workers.num_devices)),
                (row[pair], self.placement[earlier[pair], placement], rest_s[pair, placement]),
            ],
            -workers.num_devices * self.release_s[rows],
        )

    def solve(self) -> LowerBound:
        """Solve the program, adding dispatch-order cuts as they are violated.

        If HiGHS fails, the bound is that of the program as it was solved last, or else of prices.
        """
        try:
            self._solve()
            for _ in range(MAX_ROUNDS):
                if not self._add_violated_cuts():
                    break
                self._solve()
        except SolverError:
            pass  # What was solved before is a bound, too.
        if self.solved is None:
            self.solved = LowerBound(*dual_bound(self.instance))
        return self.solved

    def tighten(self, known: float) -> LowerBound:
        """Bound all schedules with the help of one that is known, after `solve`.

        If HiGHS fails, the bound is what was solved before.

        Args:
            known: J of a schedule.
        """
        # Earlier cuts hold for schedules better than the one that was known then.
        self._known = min(known, self._known)
        known_cost = self._known * self.instance.num_tasks / self.unit_cost
        slack = max(known_cost - self._cost, 0.0) * (1 + 1e-6) + 1e-6
        self._rest_s = [self._rests(pool, slack) for pool in self.placements.pools]
        self._cut.clear()
        solution = self.solve()
        return replace(solution, objective=min(solution.objective, self._known))

    def _rests(self, pool: Workers, slack: float) -> FloatArray:
        """Bound what is left of earlier shares, if a schedule's reduced costs are at most `slack`.

        Returns:
            As an entry of `_rest_s`; 0 for t >= i.
        """
        affordable = self.reduced_cost <= slack
        longest_s = np.where(affordable, pool.work_s, 0.0).max(axis=1)
        num_tasks = len(longest_s)
        earlier = np.tri(num_tasks, k=-1, dtype=bool)
        rest_s = np.where(earlier, longest_s, 0.0)
        if pool.num_devices < 2:
            return rest_s
        between_s = self._least_work_between(pool, slack)
        for _ in range(REST_ROUNDS):
            count = min(pool.num_devices - 2, num_tasks)
            others_s = np.sort(rest_s, axis=1)[:, num_tasks - count :].sum(axis=1)
            passed_s = np.maximum(between_s - others_s[:, None], 0.0) / (pool.num_devices - 1)
            rest_s = np.where(earlier, np.maximum(longest_s - passed_s, 0.0), 0.0)
        return rest_s

    def _least_work_between(self, pool: Workers, slack: float) -> FloatArray:
        """(i, t): the least work of the tasks after t and before i within the slack [s]."""
        num_tasks = len(pool.work_s)
        least_s = np.zeros((num_tasks, num_tasks))
        for seconds_per_cost in np.geomspace(0.01, 100.0, NUM_MULTIPLIERS):
            priced = (pool.work_s + seconds_per_cost * self.reduced_cost).min(axis=1)
            until = np.concatenate([[0.0], np.cumsum(priced)])
            between = until[:num_tasks, None] - until[None, 1:] - seconds_per_cost * slack
            np.maximum(least_s, between, out=least_s)
        return least_s

    def _add_violated_cuts(self) -> bool:
        """Add dispatch-order cuts that the solution violates; return whether there are any."""
        found = []
        for number, pool in enumerate(self.placements.pools):
            others = pool.num_devices - 1
            work_s = (pool.work_s * self._weights).sum(axis=1)
            before_s = np.cumsum(work_s) - work_s
            left_s = np.sort(np.minimum(np.tril(self._rest_s[number], -1), work_s), axis=1)
            left_s = left_s[:, max(0, len(work_s) - others) :].sum(axis=1)
            excess_s = (before_s - left_s) / pool.num_devices + work_s - self._makespan
            for task in np.argsort(-excess_s)[:CUTS_A_ROUND].tolist():
                new = (number, task) not in self._cut
                if others and new and excess_s[task] > 1e-4 * self._makespan:
                    found.append((float(excess_s[task]), number, task))
        for _, number, task in sorted(found, reverse=True)[:CUTS_A_ROUND]:
            self._cut.add((number, task))
            self._add_dispatch_order(
                self.placements.pools[number], task, self._rest_s[number][task, :task]
            )
        return bool(found)

    def _add_dispatch_order(self, pool: Workers, task: int, rest_s: FloatArray) -> None:
        earlier = np.arange(task)
        work_s, placement = pool.work_s[:task], self.placement[:task]
        rest = self._new_columns(work_s.max(axis=1))  # z of the module
        chosen = self._new_columns(np.ones(task))  # y of the module
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
        self.at_most.add([(earlier, rest, 1.0), (earlier, chosen, -rest_s)], zeros)
        self.at_most.add([(0, chosen, 1.0)], np.array([pool.num_devices - 1.0]))

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

    def _solve(self) -> None:
        """Solve the program as it stands.

        Raises:
            SolverError: If HiGHS fails.
        """
        solution = solve(self.cost(), self.at_most, self.equal)
        self._weights = solution.values[self.placement]
        self._makespan = float(solution.values[self.makespan])
        # Each task takes one of its placements; the other columns are between 0 and their bounds.
        least = solution.reduced_cost[self.placement].min(axis=1)
        self.reduced_cost = solution.reduced_cost[self.placement] - least[:, None]
        other = solution.reduced_cost[self.placement.size :]
        slipped = np.minimum(other, 0.0) @ self._upper[self.placement.size :]
        value = solution.base + float(least.sum() + slipped)
        self._cost = value - ROUNDING * abs(value)
        self.solved = LowerBound(
            self._cost * self.unit_cost / self.instance.num_tasks,
            self._makespan * self.unit_s,
            self.placements.by_action(self._weights),
            self.placements.least_by_action(self.reduced_cost) * self.unit_cost,
        )
