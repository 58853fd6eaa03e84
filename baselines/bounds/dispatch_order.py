"""Dispatch-order cuts of the linear program: constraint 4 of `lower`, and what it rests on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from cpu_gpu_env.baselines.bounds.placements import Workers
from cpu_gpu_env.baselines.bounds.proof import Cut
from cpu_gpu_env.baselines.bounds.relaxation import Carried, Relaxation
from cpu_gpu_env.model.tasks import FloatArray, IntArray

LEAST_EXCESS = 1e-4
"""Cuts are added that the solution violates by more than this part of its makespan."""
REST_ROUNDS = 4
"""How often the bounds on the rests of shares are used to improve one another."""
NUM_MULTIPLIERS = 17
"""Multipliers tried in the knapsack bound."""


class DispatchOrder:
    """The cuts of a program.

    Args:
        program: What they are added to.
    """

    def __init__(self, program: Relaxation) -> None:
        self._program = program
        num_tasks = program.instance.num_tasks
        self.rest_s = [
            np.broadcast_to(pool.work_s.max(axis=1), (num_tasks, num_tasks))
            for pool in program.placements.pools
        ]
        """For each pool, (i, t): how much of t's share may be left when i's starts, at most
        [`unit_s`]."""
        self._cut: set[Cut] = set()
        self._rests: dict[tuple[int, int], IntArray] = {}
        """Columns of the rests z of each pool and task i."""

    @cached_property
    def _carried(self) -> list[Carried | None]:
        """What earlier shares leave in each pool of several devices; a proof needs none of it."""
        program = self._program
        return [
            program.carried(pool, program.carry_rows) if pool.num_devices > 1 else None
            for pool in program.placements.pools
        ]

    def tighten(self, slack: float) -> None:
        """Bound the rests of schedules whose reduced costs add up to at most `slack`.

        Earlier cuts stay; new ones rest on the new bounds.
        """
        self.rest_s = [self._bound_rests(pool, slack) for pool in self._program.placements.pools]
        self._cut.clear()
        self._rests.clear()

    def _bound_rests(self, pool: Workers, slack: float) -> FloatArray:
        """Work out an entry of `rest_s`; 0 for t >= i."""
        reduced_cost = self._program.reduced_cost
        longest_s = np.where(reduced_cost <= slack, pool.work_s, 0.0).max(axis=1)
        num_tasks = len(longest_s)
        earlier = np.tri(num_tasks, k=-1, dtype=bool)
        rest_s = np.where(earlier, longest_s, 0.0)
        if pool.num_devices < 2:
            return rest_s
        between_s = _least_work_between(pool.work_s, reduced_cost, slack)
        for _ in range(REST_ROUNDS):
            others_s = _sum_of_largest(rest_s, pool.num_devices - 2)
            passed_s = np.maximum(between_s - others_s[:, None], 0.0) / (pool.num_devices - 1)
            rest_s = np.where(earlier, np.maximum(longest_s - passed_s, 0.0), 0.0)
        return rest_s

    def violated(self, weights: FloatArray, makespan_s: float, most: int) -> list[Cut]:
        """Find the cuts that a solution violates most.

        Args:
            weights: (num_tasks, placements): the solution's distributions.
            makespan_s: Its makespan [`unit_s`].
            most: How many cuts at most.
        """
        found: list[tuple[float, Cut]] = []
        rows, release_s = self._program.carry_rows, self._program.release_s
        for number, (pool, carried) in enumerate(
            zip(self._program.placements.pools, self._carried, strict=True)
        ):
            if carried is None:
                continue
            work_s = (pool.work_s * weights).sum(axis=1)
            before_s = np.cumsum(work_s) - work_s
            row, earlier, placement, rest_s = carried
            carried_s = np.bincount(row, rest_s * weights[earlier, placement], len(rows))
            # Without rests, the share of i starts so long after the work before it at the earliest.
            offset_s = (carried_s - before_s[rows]) / pool.num_devices + release_s[rows]
            since = _index_of_running_max(offset_s)
            since = since[np.searchsorted(rows, np.arange(len(work_s)), side="right") - 1]
            left_s = _sum_of_largest(
                np.minimum(np.tril(self.rest_s[number], -1), work_s), pool.num_devices - 1
            )
            start_s = (before_s - left_s) / pool.num_devices + offset_s[since]
            excess_s = start_s + work_s - makespan_s
            for task in np.argsort(-excess_s)[:most].tolist():
                cut = (number, task, int(rows[since[task]]))
                if excess_s[task] > LEAST_EXCESS * makespan_s and cut not in self._cut:
                    found.append((float(excess_s[task]), cut))
        return [cut for _, cut in sorted(found, reverse=True)[:most]]

    def add(self, cuts: Sequence[Cut]) -> None:
        """Add cuts to the program.

        Raises:
            ValueError: If one is of a pool or tasks that there are not.
        """
        for number, task, since in cuts:
            if number > 1 or not since <= task < self._program.instance.num_tasks:
                raise ValueError(f"no cut {number, task, since}")
            self._cut.add((number, task, since))
            self._add(number, task, since)

    def _add(self, number: int, task: int, since: int) -> None:
        program = self._program
        pool = program.placements.pools[number]
        if (number, task) not in self._rests:
            self._rests[number, task] = self._new_rests(pool, task, self.rest_s[number][task])
        placement, num_devices = program.placement, float(pool.num_devices)
        _, earlier, carried, rest_s = program.carried(pool, np.array([since]))
        program.at_most.add(
            [
                (0, placement[since:task], pool.work_s[since:task]),
                (0, placement[earlier, carried], rest_s),
                (0, self._rests[number, task], -1.0),
                (0, placement[task], num_devices * pool.work_s[task]),
                (0, program.makespan, -num_devices),
            ],
            np.array([-num_devices * program.release_s[since]]),
        )

    def _new_rests(self, pool: Workers, task: int, most_s: FloatArray) -> IntArray:
        """Add columns for the rests of earlier shares when a task's starts, and their limits."""
        program, earlier = self._program, np.arange(task)
        work_s, none = pool.work_s[:task], np.zeros(task)
        longest_s = np.minimum(work_s.max(axis=1), program.longest_s)
        rest = program.new_columns(longest_s)  # z of `lower`
        chosen = program.new_columns(np.ones(task))  # y of `lower`
        at_most = program.at_most
        at_most.add(
            [(earlier, rest, 1.0), (earlier[:, None], program.placement[:task], -work_s)], none
        )
        at_most.add([(earlier, rest, 1.0), (earlier, chosen, -most_s[:task])], none)
        at_most.add([(0, chosen, 1.0)], np.array([pool.num_devices - 1.0]))
        return rest


def _least_work_between(work_s: FloatArray, reduced_cost: FloatArray, slack: float) -> FloatArray:
    """(i, t): the least work of the tasks after t and before i within the slack [`unit_s`]."""
    num_tasks = len(work_s)
    least_s = np.zeros((num_tasks, num_tasks))
    for seconds_per_cost in np.geomspace(0.01, 100.0, NUM_MULTIPLIERS):
        priced = (work_s + seconds_per_cost * reduced_cost).min(axis=1)
        until = np.concatenate([[0.0], np.cumsum(priced)])
        between = until[:num_tasks, None] - until[None, 1:] - seconds_per_cost * slack
        np.maximum(least_s, between, out=least_s)
    return least_s


def _sum_of_largest(table: FloatArray, count: int) -> FloatArray:
    """Sum of the `count` largest entries of each row."""
    first = max(0, table.shape[1] - count)
    return np.asarray(np.sort(table, axis=1)[:, first:].sum(axis=1))


def _index_of_running_max(values: FloatArray) -> IntArray:
    """Where the largest of the values so far stands, for each."""
    is_max = values == np.maximum.accumulate(values)
    return np.maximum.accumulate(np.where(is_max, np.arange(len(values)), 0))
