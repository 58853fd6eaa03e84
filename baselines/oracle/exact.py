"""The optimum of a small episode, proved by branch and bound.

Tasks are placed in order, so the schedules form a tree: a node is a partial schedule of the first t
tasks, its children place task t. The tree is searched depth first, some hundred nodes at once in
the batched simulator, the most promising first. A node is left out if it is proved that nothing
below it is better than the best schedule known (cost U), or than what is below another node.

Let F be the times when the devices of a node are free, x the larger of their maximum and the last
release, E its energy above idle; P, e the prices of a second of makespan M and of a joule.

**Bound.** Share out P: P_0 to the makespan itself and P_k to pool k, with ``P = P_0 + sum of P_k``,
none negative. Of a pool, let the devices be numbered 0, 1, ... in the order in which they are
dispatched to (by F, then by index). Any completion uses unused devices in this order, since a used
one that is free earlier is no longer unused; the d-th is used for a task t + d at the earliest, so
it starts its first share at ``s_d = max(F_d, r_{t+d})`` or later, and M is at least s_d and the
work that it is still given, for each of the first m = min(devices, tasks left) devices (of one that
stays unused, M >= F_d and M >= r_{t+d} hold all the same). The other devices are not used.
With prices p_d of the devices, equal for devices of a type, whose m largest sum to P_k,

    P_k M >= (sum of p_d s_d) + (P_k - sum of p_d) x + (priced work of the tasks left),

sums over d < m. So with c_j(a) the price of energy and work of placement a of task j, and L_j(a)
the release of j and its longer share, which M cannot fall below, all completions cost at least

    e E + sum over pools of the first two terms
        + min over M >= x of (P_0 M + sum over j of min of c_j(a) over a with L_j(a) <= M).

The minimum lies at x or at one of the L_j(a) and is tabulated for each t. Of several ways to share
out P the largest bound counts.

**Dominance.** Node A dominates node B (of the same t) if every completion costs as little below A
as below B. Then B may be left out, even if B dominates A, too, as long as one of the two is kept.

- *Devices that are idle.* All tasks left start at r_t or later. So of the devices with F <= r_t it
  only matters in which order they are dispatched to, and M is at least r_t.
- *Pools of one type.* Only the sorted F count. The recursion replaces the smallest one by
  ``max(F, release) + time``, which does not decrease in F, nor does sorting again. So if all sorted
  F of A are at most those of B they stay so, whatever is placed. The same operations in floating
  point do not decrease either.
- *Pools of several types.* A device that is free earlier may take a share away from a quicker one
  (one of Graham's anomalies, "Bounds on multiprocessing timing anomalies", SIAM Journal on Applied
  Mathematics 17, 1969), so less is not always better. Equal states are: the F of devices that
  are busy at r_t, and the order of those that are idle. Devices of a type that are neighbours by
  index may be exchanged for one another, also where ties are decided by index.
- The pools do not see each other, energies add up. So A dominates B if it does so in each pool,
  and its energy is at most that of B, or joules are free.

Two actions of a task with the same costs everywhere (fractions that do not fit) are the same.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.baselines.bounds.placements import Placements
from cpu_gpu_env.model.cost_tables import PoolCosts
from cpu_gpu_env.model.tasks import FloatArray, IntArray
from cpu_gpu_env.sim.instance import Instance, PartialSchedules
from cpu_gpu_env.sim.pool import PoolBatch

MAX_TASKS = 20
"""Longer episodes are not tried."""
MAX_PLACEMENTS = 128
"""Nor those with more placements of a task."""
PRICE_STEP = 0.25
"""Prices tried: each pool's part of the price of the makespan in multiples of this."""
NODES_AT_ONCE = 3_000
"""Partial schedules extended from one batch, about."""
MAX_COMPARED = 512
"""So many of the most promising ones of a batch are tried whether they dominate the others."""
ROUNDING = 1e-13
"""By what part of it the optimum is only known to the rounding of sums of floats."""


@dataclass(frozen=True, eq=False)
class ExactSchedule:
    """An optimal schedule."""

    actions: IntArray
    """(num_tasks,)."""
    objective: float
    """Its J; no schedule has one that is smaller by more than `ROUNDING` of it."""
    nodes: int
    """Partial schedules that it took to prove that."""

    @property
    def bound(self) -> float:
        """No schedule has a smaller J, however it is summed."""
        return self.objective * (1.0 - ROUNDING)


def exact_schedule(
    instance: Instance, incumbent: IntArray, node_limit: int
) -> ExactSchedule | None:
    """Find an optimal schedule of a small episode.

    Args:
        instance: All that is to come.
        incumbent: Actions (num_tasks,) of a schedule: the better it is the fewer nodes it takes. If
            it is optimal, it is returned.
        node_limit: Nodes at most, so that the outcome depends on no clock.

    Returns:
        None if the episode has more than `MAX_TASKS` tasks or `MAX_PLACEMENTS` placements of a
        task, or the nodes do not suffice.
    """
    placements = instance.num_actions
    for pool in instance.costs.pools:
        placements *= pool.num_types
    if node_limit <= 0 or instance.num_tasks > MAX_TASKS or placements > MAX_PLACEMENTS:
        return None
    return _Search(instance, incumbent, node_limit).run()


@dataclass(frozen=True, eq=False)
class _Nodes:
    """Partial schedules of the same tasks, the most promising first."""

    partial: PartialSchedules
    actions: IntArray
    """(n, tasks placed)."""
    bound: FloatArray
    """(n,): J of all that is below, at least."""

    def __len__(self) -> int:
        return len(self.bound)

    def take(self, rows: IntArray) -> _Nodes:
        return _Nodes(self.partial.branch(rows), self.actions[rows], self.bound[rows])


class _Search:
    """The search in one episode; see `exact_schedule` for the arguments."""

    def __init__(self, instance: Instance, incumbent: IntArray, node_limit: int) -> None:
        self._instance, self._node_limit = instance, node_limit
        self._best = np.asarray(incumbent, dtype=np.intp)
        self._known = float(instance.simulate(self._best[None])[0])
        self._nodes = 0
        self._actions = [_distinct_actions(instance, t) for t in range(instance.num_tasks)]
        self._bounds = [_CompletionBound(instance, t) for t in range(1, instance.num_tasks)]

    def run(self) -> ExactSchedule | None:
        """Search the tree; None if the nodes do not suffice."""
        root = PartialSchedules(self._instance, 1)
        stack = [_Nodes(root, np.empty((1, 0), dtype=np.intp), np.zeros(1))]
        while stack:
            nodes = stack.pop()
            rows = np.flatnonzero(self._may_be_better(nodes.bound))
            actions = self._actions[nodes.actions.shape[1]]
            width = max(1, NODES_AT_ONCE // len(actions))
            if len(rows) > width:
                stack.append(nodes.take(rows[width:]))
            rows = rows[:width]
            self._nodes += len(rows) * len(actions)
            if self._nodes > self._node_limit:
                return None
            children = self._extend(nodes, rows, actions)
            if children is not None:
                stack.append(children)
        return ExactSchedule(self._best, self._known, self._nodes)

    def _may_be_better(self, bound: FloatArray) -> npt.NDArray[np.bool_]:
        return np.asarray(bound < self._known * (1.0 - ROUNDING))

    def _extend(self, nodes: _Nodes, rows: IntArray, actions: IntArray) -> _Nodes | None:
        """Give some nodes their children and return those worth going on with.

        Whole schedules are compared with the best one instead.
        """
        if not len(rows):
            return None
        parents, chosen = np.repeat(rows, len(actions)), np.tile(actions, len(rows))
        partial = nodes.partial.branch(parents)
        partial.place(chosen[:, None])
        placed = np.concatenate([nodes.actions[parents], chosen[:, None]], axis=1)
        task = placed.shape[1]
        if task == self._instance.num_tasks:
            objective = partial.objective()
            best = int(objective.argmin())
            if objective[best] < self._known:
                self._best, self._known = placed[best], float(objective[best])
            return None
        bound = self._bounds[task - 1](partial) / self._instance.num_tasks
        better = np.flatnonzero(self._may_be_better(bound))
        better = better[bound[better].argsort(kind="stable")]
        kept = better[~_dominated(self._instance, task, partial.branch(better))]
        return _Nodes(partial.branch(kept), placed[kept], bound[kept])


def _distinct_actions(instance: Instance, task: int) -> IntArray:
    """The actions of a task that differ in any cost, ascending."""
    tables = [t[:, task] for pool in instance.costs.pools for t in (pool.time_s, pool.energy_j)]
    _, first = np.unique(np.concatenate(tables), axis=1, return_index=True)
    return np.sort(first)


class _CompletionBound:
    """What the nodes of the first `task` tasks cost at least: see the module.

    Args:
        instance: The episode.
        task: The next task to place.
    """

    def __init__(self, instance: Instance, task: int) -> None:
        self._instance, self._task = instance, task
        total = instance.objective.makespan_price
        left = instance.num_tasks - task
        rest, prices = [], []
        patterns = [
            _price_patterns(pool, of_type, left)
            for pool, of_type in zip(instance.costs.pools, instance.objective.prices, strict=True)
        ]
        parts = np.arange(0.0, 1.0 + PRICE_STEP / 2, PRICE_STEP)
        for cpu_part, gpu_part in itertools.product(parts, parts):
            if cpu_part + gpu_part <= 1.0:
                for cpu_pattern, gpu_pattern in itertools.product(*patterns):
                    pools = total * cpu_part, total * gpu_part
                    rest.append((total * (1.0 - cpu_part - gpu_part), *pools))
                    prices.append([*(pools[0] * cpu_pattern), *(pools[1] * gpu_pattern)])
        share = np.array(rest).T[:, :, None]
        self._makespan_price, self._pool_prices = share[0], share[1:]
        """P_0 (vectors, 1), and P_k (pools, vectors, 1)."""
        self._prices = np.array(prices)
        """p_d (vectors, types), of each type of CPU, then each type of GPU."""
        self._tabulate(task)

    def _tabulate(self, task: int) -> None:
        """Tabulate the minimum over M between and at the steps of the sum."""
        placements = Placements.of(self._instance)
        length_s = placements.length_s[task:]
        least_s = self._instance.release_s[task:, None] + length_s
        self._steps_s = np.unique(least_s)
        cost = self._instance.objective.energy_price * placements.energy_j[task:]
        for workers, price in zip(placements.types, self._prices.T, strict=True):
            cost = cost + price[:, None, None] * workers.work_s[task:]
        total = np.zeros((len(self._prices), len(self._steps_s)))
        for index, own_s in enumerate(least_s):
            order = own_s.argsort(kind="stable")
            cheapest = np.minimum.accumulate(cost[:, index, order], axis=1)
            count = np.searchsorted(own_s[order], self._steps_s, side="right")
            total += np.where(count > 0, cheapest[:, count - 1], np.inf)
        at_step = self._makespan_price * self._steps_s + total
        never = np.full((len(total), 1), np.inf)
        self._between = np.hstack([never, total])
        """(vectors, steps + 1): the sum below the first step, from the first on, ..."""
        self._later = np.hstack([np.minimum.accumulate(at_step[:, ::-1], axis=1)[:, ::-1], never])
        """(vectors, steps + 1): the minimum over M at the first step or later, the second, ..."""

    def __call__(self, partial: PartialSchedules) -> FloatArray:
        """Bound the cost, J times the number of tasks, of each node (n,)."""
        release_s = self._instance.release_s
        makespan_s = partial.makespan_s()
        makespan_s = np.maximum(makespan_s, release_s[-1])
        step = np.searchsorted(self._steps_s, makespan_s, side="right")
        cost = np.minimum(
            self._makespan_price * makespan_s + self._between[:, step], self._later[:, step]
        )
        types = iter(self._prices.T[:, :, None])
        for pool, costs, pool_price in zip(
            partial.pools, self._instance.costs.pools, self._pool_prices, strict=True
        ):
            start_s, device_type = _in_order_of_dispatch(pool, costs)
            until = self._task + min(len(start_s), len(release_s) - self._task)
            start_s = np.maximum(start_s[: until - self._task], release_s[self._task : until, None])
            used = np.zeros_like(cost)
            for index, price in zip(range(costs.num_types), types, strict=False):
                is_type = device_type[: len(start_s)] == index
                cost += price * np.where(is_type, start_s, 0.0).sum(axis=0)
                used += price * is_type.sum(axis=0)
            cost += np.maximum(pool_price - used, 0.0) * makespan_s
        energy_price = self._instance.objective.energy_price
        return np.asarray(cost.max(axis=0) + energy_price * partial.active_energy_j)


def _price_patterns(pool: PoolCosts, prices: tuple[float, ...], left: int) -> list[FloatArray]:
    """Relative prices of the types of a pool; those of the dearest `left` devices sum to 1."""
    patterns = [np.ones(pool.num_types)]
    if pool.num_types > 1 and max(prices) > 0.0:
        patterns.append(np.array(prices) / max(prices))
    of_devices = [np.sort(pattern[list(pool.device_type)]) for pattern in patterns]
    return [p / own[-left:].sum() for p, own in zip(patterns, of_devices, strict=True)]


def _in_order_of_dispatch(pool: PoolBatch, costs: PoolCosts) -> tuple[FloatArray, IntArray]:
    """When the devices are free, ascending [s], and their types, each (devices, n) or (devices, 1).

    Args:
        pool: In all nodes.
        costs: Of the pool.
    """
    if costs.num_types == 1:
        return pool.sorted_free_s(), np.zeros((costs.num_devices, 1), dtype=np.intp)
    free_s = pool.free_s
    order = free_s.argsort(axis=0, kind="stable")
    return np.take_along_axis(free_s, order, axis=0), pool.device_type[order]


def _dominated(instance: Instance, task: int, partial: PartialSchedules) -> npt.NDArray[np.bool_]:
    """Which of the nodes of the first `task` tasks are dominated by others, (n,).

    Only the first `MAX_COMPARED` are tried as the others. Of nodes that dominate each other the
    first is none.
    """
    count = len(partial.active_energy_j)
    tried = min(count, MAX_COMPARED)
    dominates = np.ones((tried, count), dtype=bool)
    for pool, costs in zip(partial.pools, instance.costs.pools, strict=True):
        for row in _key(pool, costs, float(instance.release_s[task])):
            first = row[:tried, None]
            dominates &= first <= row if costs.num_types == 1 else first == row
    if instance.objective.energy_price > 0.0:
        dominates &= partial.active_energy_j[:tried, None] <= partial.active_energy_j
    mutual = dominates[:, :tried] & dominates[:, :tried].T
    dominates[:, :tried] &= ~mutual | np.tri(tried, k=-1, dtype=bool).T
    return np.asarray(dominates.any(axis=0))


def _key(pool: PoolBatch, costs: PoolCosts, release_s: float) -> FloatArray:
    """What matters of a pool in each node if nothing is released before a time, (devices, n).

    Of a pool of one type less is better, of others equal keys are equally good.
    """
    if costs.num_types == 1:
        return np.maximum(pool.sorted_free_s(), release_s)
    free_s = pool.free_s
    rank = free_s.argsort(axis=0, kind="stable").argsort(axis=0)
    key = np.where(free_s <= release_s, rank - float(len(free_s)), free_s)
    first = 0
    for _, run in itertools.groupby(costs.device_type):
        last = first + len(list(run))
        key[first:last] = np.sort(key[first:last], axis=0)
        first = last
    return np.asarray(key)
