"""Dispatch patterns: which long shares are still running when another one starts.

How evenly the devices finish is decided by the long shares late in the stream, and nearly all the
rest of a schedule can be shifted at little cost to make them fit. So a known schedule is taken for
its pattern only, and the best schedule of that pattern is found anew. The *critical* tasks of a
pool of N devices are those of the longest shares among the last tasks. When critical task i starts,
at s_i, the pool has been given the work of the tasks before i, and all of it is done but the rests
of the shares that are running, so with the idle time I_i of the pool until then

    N s_i = (work of the tasks before i) + I_i - sum of (s_t + w_t - s_i) over those running,

which is linear in the placements once it is known which critical shares t are running; the rests of
other shares are small and taken as they were. Added to the program of `bound`, with I_i not
falling, ``M >= s_i + w_i`` and ``N M >= all work + idle``, this gives a linear program whose
solution, rounded, is close to a schedule. It is a heuristic: it bounds nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.baselines.bounds.linear_program import SolverError, solve
from cpu_gpu_env.baselines.bounds.lower import LowerBoundProgram
from cpu_gpu_env.baselines.bounds.placements import Workers
from cpu_gpu_env.model.tasks import FloatArray, IntArray
from cpu_gpu_env.sim.instance import Instance
from cpu_gpu_env.sim.pool import Pool

NUM_CRITICAL = 16
"""Critical tasks of a pool."""
WINDOW = 80
"""They are among this many last tasks."""


@dataclass(frozen=True, eq=False)
class PoolPattern:
    """The pattern of a pool in one schedule."""

    critical: IntArray
    """(critical,): positions of the critical tasks, ascending."""
    running: npt.NDArray[np.bool_]
    """(critical, critical): whether the share of the second is running when the first starts."""
    rest_s: FloatArray
    """(critical,): what is left of other shares then [s]."""
    idle_s: float
    """Idle time of the pool when the first of them starts [s]."""

    @property
    def key(self) -> bytes:
        """What makes two patterns the same."""
        return self.critical.tobytes() + self.running.tobytes()


def pool_patterns(instance: Instance, actions: IntArray) -> list[PoolPattern | None]:
    """Find the patterns of the CPUs and of the GPUs in a schedule; None for a single device."""
    pools = zip(instance.costs.pools, instance.objective.prices, strict=True)
    return [
        _pattern(instance.release_s, Pool(costs, prices), actions)
        if costs.num_devices > 1
        else None
        for costs, prices in pools
    ]


def _pattern(release_s: FloatArray, pool: Pool, actions: IntArray) -> PoolPattern:
    """Play a schedule on one pool; a task without a share starts and finishes at once."""
    num_tasks, costs = len(actions), pool.costs
    entries = np.arange(num_tasks) * costs.time_s.shape[2] + actions
    start_s, length_s = np.empty(num_tasks), np.zeros(num_tasks)
    placed = zip(release_s.tolist(), entries.tolist(), strict=True)
    for task, (released_s, entry) in enumerate(placed):
        start_s[task] = pool.next_start_s(released_s)
        device_type = pool.next_type()
        if pool.serve(released_s, entry) is not None:
            length_s[task] = costs.time_s[device_type, task, actions[task]]
    late = np.arange(max(0, num_tasks - WINDOW), num_tasks)
    critical = np.sort(late[np.argsort(-length_s[late], kind="stable")[:NUM_CRITICAL]])
    finish_s = start_s + length_s
    left_s = np.maximum(finish_s - start_s[critical, None], 0.0)
    left_s *= np.arange(num_tasks) < critical[:, None]
    first = critical[0]
    done_s = length_s[:first].sum() - left_s[0].sum()
    return PoolPattern(
        critical,
        left_s[:, critical] > 0.0,
        left_s.sum(axis=1) - left_s[:, critical].sum(axis=1),
        float(costs.num_devices * start_s[first] - done_s),
    )


def relax_pattern(
    program: LowerBoundProgram, patterns: list[PoolPattern | None]
) -> tuple[float, FloatArray] | None:
    """Solve the program of a pattern.

    Args:
        program: The episode's program, solved.
        patterns: Of each pool.

    Returns:
        The cost of the relaxed schedule [`program.unit_cost`] and the part that it takes of each
        action (num_tasks, actions); None if HiGHS finds none.
    """
    rows = _PatternRows(program)
    cpu_types = program.instance.costs.cpus.num_types
    by_pool = program.work[:cpu_types], program.work[cpu_types:]
    for pool, work, pattern in zip(program.placements.pools, by_pool, patterns, strict=True):
        if pattern is not None:
            rows.add(pool, work, pattern)
    cost = np.zeros(rows.num_columns)
    cost[: program.num_columns] = program.cost()
    try:
        solution = solve(cost, rows.at_most, rows.equal)
    except SolverError:
        return None
    shares = np.maximum(program.placements.by_action(solution.values[program.placement]), 0.0)
    return float(cost @ solution.values), shares / shares.sum(axis=1, keepdims=True)


class _PatternRows:
    """The rows of the program of the bound, and those of a pattern."""

    def __init__(self, program: LowerBoundProgram) -> None:
        self.program = program
        self.at_most, self.equal = program.at_most.copy(), program.equal.copy()
        self.num_columns = program.num_columns

    def add(self, pool: Workers, work: list[IntArray], pattern: PoolPattern) -> None:
        """Add the rows of one pool, whose device types have these columns of work."""
        program, critical, at_most = self.program, pattern.critical, self.at_most
        num_devices, placement = float(pool.num_devices), program.placement
        count = len(critical)
        start = self.num_columns + np.arange(count)
        idle = self.num_columns + count + np.arange(count)
        self.num_columns += 2 * count
        one, length_s = np.arange(count), pool.work_s[critical]
        at_most.add([(0, idle[0], -1.0)], -pattern.idle_s / program.unit_s)
        for column in (start, idle):
            at_most.add(
                [(one[1:] - 1, column[:-1], 1.0), (one[1:] - 1, column[1:], -1.0)],
                np.zeros(count - 1),
            )
        at_most.add(
            [
                (one, start, 1.0),
                (one[:, None], placement[critical], length_s),
                (one, program.makespan, -1.0),
            ],
            np.zeros(count),
        )
        at_most.add(
            [
                *((0, columns[0], 1.0) for columns in work),
                (0, idle[-1], 1.0),
                (0, program.makespan, -num_devices),
            ],
            0.0,
        )
        first, second = np.nonzero(pattern.running)
        self.equal.add(
            [
                (one, start, num_devices - pattern.running.sum(axis=1)),
                (one, idle, -1.0),
                *((one, columns[0], -1.0) for columns in work),
                *((one, columns[critical], 1.0) for columns in work),
                (first, start[second], 1.0),
                (first[:, None], placement[critical[second]], length_s[second]),
            ],
            -pattern.rest_s / program.unit_s,
        )
        # The pattern itself: running shares finish later than i starts, the others before it.
        first, second = np.nonzero(np.tri(count, k=-1, dtype=bool))
        sign = np.where(pattern.running[first, second], -1.0, 1.0)
        pair = np.arange(len(first))
        at_most.add(
            [
                (pair, start[second], sign),
                (pair, start[first], -sign),
                (pair[:, None], placement[critical[second]], sign[:, None] * length_s[second]),
            ],
            np.zeros(len(first)),
        )
