"""A scheduling problem: cluster, workload and settings, checked, with what is computed from them.

Single and vector environments, schedulers and reports share it, so that each table is made once.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cpu_gpu_env.checks import check_count, check_number, is_list, is_number
from cpu_gpu_env.errors import HybridClusterError, shown
from cpu_gpu_env.model.cluster import Cluster
from cpu_gpu_env.model.cost_tables import CostTables, build_cost_tables
from cpu_gpu_env.model.profile import DEFAULT_CLUSTER, resolve_cluster
from cpu_gpu_env.model.sampling import EpisodeSampler, PoolSampler, TraceSampler
from cpu_gpu_env.model.traces.loading import resolve_workload
from cpu_gpu_env.model.workload import DEFAULT_WORKLOAD, Workload
from cpu_gpu_env.problem.fluid import FluidProblem
from cpu_gpu_env.problem.objective import Objective, Reference, solve_objective, solve_reference
from cpu_gpu_env.problem.task_features import Features, TaskFeatures, pool_features, task_features

DEFAULT_GPU_FRACTIONS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
DEFAULT_LOAD = 1.5
LOAD_OF_TRACE = "trace"
"""A load that keeps the times of a trace as they are."""
DEFAULT_NUM_TASKS = 200
MAX_ACTIONS = 255
MAX_NUM_TASKS = 1_000_000
"""An episode of this many takes a gigabyte."""
MAX_CELLS = 2**24
"""Of the tables of a problem, a cell a task of the pool, action and device type: tested up to here,
where a problem is built in seconds and takes a gigabyte."""
MAX_NOISE = 5.0
"""At this sigma execution times already differ by nine orders of magnitude from their median."""
MIN_LOAD, MAX_LOAD = 1e-6, 1e6
"""Far beyond either, the queue is always empty or all tasks come at once."""


@dataclass(frozen=True, eq=False)
class Problem:
    """A checked scheduling problem; `make_problem` builds it from the arguments of an env."""

    cluster: Cluster
    """The devices."""
    workload: Workload
    """The pool of tasks."""
    costs: CostTables
    """Time and energy of every (row of the pool, action)."""
    objective: Objective
    """What schedules are judged by."""
    num_tasks: int
    """Tasks of an episode."""
    load: float | str | None
    """Rate of arrivals in units of the reference throughput; None: all at time 0;
    `LOAD_OF_TRACE`: as in the trace."""
    noise: float
    """Sigma of the lognormal factor on each execution time."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Problem:
        """Share what never changes: copies of an environment stay small."""
        return self

    @property
    def gpu_fractions(self) -> tuple[float, ...]:
        """GPU fraction of each action."""
        return self.costs.gpu_fractions

    @property
    def task_features(self) -> TaskFeatures:
        """What observations show of tasks."""
        return task_features(self.cluster, self.workload)

    @property
    def pool_features(self) -> Features:
        """What they show of those of the pool, (tasks, 3)."""
        return pool_features(self.cluster, self.workload)

    @property
    def mean_interarrival_s(self) -> float:
        """Mean time between arrivals [s]."""
        if self.load is None:
            return 0.0
        if isinstance(self.load, str):  # LOAD_OF_TRACE
            return self.workload.mean_interarrival_s
        return self.objective.reference.makespan_s / self.load

    @property
    def notes(self) -> tuple[str, ...]:
        """What the workload assumes, and what stands in for rates that a device has not."""
        pool = self.workload.pool
        stand_ins = [
            f"{device.name} has no rate of {precision}: such tasks take that of {used}"
            for precision in (pool.precisions if pool.measured is None else ())
            for device in dict.fromkeys(self.cluster.devices)
            if (used := device.rate_precision(precision)) != precision
        ]
        return (*self.workload.notes, *stand_ins)

    def make_sampler(self) -> EpisodeSampler:
        """Build the sampler of this problem's episodes."""
        gap_s = self.mean_interarrival_s
        if self.workload.in_order:
            return TraceSampler(self.num_tasks, self.workload.interarrivals_s(gap_s), self.noise)
        return PoolSampler(self.num_tasks, gap_s, self.noise)


def make_problem(
    cluster: str | os.PathLike[str] | Cluster = DEFAULT_CLUSTER,
    workload: str | os.PathLike[str] | Workload = DEFAULT_WORKLOAD,
    num_tasks: int = DEFAULT_NUM_TASKS,
    energy_weight: float = 0.5,
    gpu_fractions: Sequence[float] = DEFAULT_GPU_FRACTIONS,
    load: float | str | None = DEFAULT_LOAD,
    noise: float = 0.0,
) -> Problem:
    """Check the arguments of an environment and build (or fetch) its tables.

    Raises:
        HybridClusterError: If an argument is of the wrong type or out of range.
    """
    tasks = check_count("num_tasks", num_tasks, MAX_NUM_TASKS)
    weight = check_number("energy_weight", energy_weight, 0.0, 1.0)
    sigma = check_number("noise", noise, 0.0, MAX_NOISE)
    if load is not None and not (isinstance(load, str) and load == LOAD_OF_TRACE):
        hint = " or None (all tasks at time 0) or 'trace' (the times of a trace as they are)"
        load = check_number("load", load, MIN_LOAD, MAX_LOAD, hint=hint)
    fractions = _check_fractions(gpu_fractions)
    resolved_cluster, resolved_workload = resolve_cluster(cluster), resolve_workload(workload)
    _check_arrivals(resolved_workload, tasks, load)
    _check_cells(resolved_cluster, resolved_workload, fractions)
    costs = _cost_tables(resolved_cluster, resolved_workload, fractions)
    objective = _objective(resolved_cluster, resolved_workload, fractions, weight)
    return Problem(resolved_cluster, resolved_workload, costs, objective, tasks, load, sigma)


def _check_arrivals(workload: Workload, num_tasks: int, load: float | str | None) -> None:
    """Check that the workload has episodes of so many tasks, arriving at such a load."""
    if not workload.in_order:
        if load == LOAD_OF_TRACE:
            raise HybridClusterError(
                f"load is {load!r}, but workload {workload.name!r} is no trace; allowed: a number "
                "> 0, or None: all tasks at time 0"
            )
    elif num_tasks > len(workload.pool):
        raise HybridClusterError(
            f"num_tasks is {num_tasks}, but workload {workload.name!r} has {len(workload.pool)} "
            f"tasks; allowed: at most {len(workload.pool)}"
        )
    elif isinstance(load, float) and workload.mean_interarrival_s == 0.0 and len(workload.pool) > 1:
        raise HybridClusterError(
            f"load is {load}, but all tasks of workload {workload.name!r} arrive at once; allowed: "
            "None: all tasks at time 0"
        )


def _check_cells(cluster: Cluster, workload: Workload, fractions: tuple[float, ...]) -> None:
    """Check that the tables fit into memory."""
    num_types, num_tasks = len(set(cluster.devices)), len(workload.pool)
    if num_types * num_tasks * len(fractions) > MAX_CELLS:
        raise HybridClusterError(
            f"cluster {cluster.name!r} has {num_types} types of devices, workload "
            f"{workload.name!r} {num_tasks} tasks, and gpu_fractions {len(fractions)} entries; "
            f"allowed: a product of at most {MAX_CELLS}"
        )


def _check_fractions(gpu_fractions: Sequence[float]) -> tuple[float, ...]:
    allowed = f"1 to {MAX_ACTIONS} different numbers in [0, 1], ascending"
    error = HybridClusterError(f"gpu_fractions is {shown(gpu_fractions)}; allowed: {allowed}")
    if not is_list(gpu_fractions) or not 1 <= len(gpu_fractions) <= MAX_ACTIONS:
        raise error
    fractions = tuple(float(f) for f in gpu_fractions if is_number(f) and 0 <= f <= 1)
    ascending = all(a < b for a, b in itertools.pairwise(fractions))
    if len(fractions) != len(gpu_fractions) or not ascending:
        raise error
    return fractions


# The caches make every environment after the first like it cheap; they are small because a
# table takes 12 MB for each pair of a CPU type and a GPU type.


@lru_cache(maxsize=8)
def _cost_tables(cluster: Cluster, workload: Workload, fractions: tuple[float, ...]) -> CostTables:
    return build_cost_tables(cluster, workload.pool, fractions)


@lru_cache(maxsize=8)
def _fluid(
    cluster: Cluster, workload: Workload, fractions: tuple[float, ...]
) -> tuple[FluidProblem, Reference]:
    fluid = FluidProblem(_cost_tables(cluster, workload, fractions))
    return fluid, solve_reference(fluid, cluster)


@lru_cache(maxsize=256)
def _objective(
    cluster: Cluster, workload: Workload, fractions: tuple[float, ...], energy_weight: float
) -> Objective:
    fluid, reference = _fluid(cluster, workload, fractions)
    return solve_objective(fluid, cluster, reference, energy_weight)
