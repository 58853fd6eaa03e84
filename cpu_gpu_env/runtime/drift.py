"""Drifts: the problem of a stream changes midway, and goes back.

Each phase is a problem of its own, with its own units of J and its own certified bounds. So what is
compared between phases is the gap or the regret to the bound, never J itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from cpu_gpu_env.checks import check_count
from cpu_gpu_env.errors import HybridClusterError, unknown_name
from cpu_gpu_env.model.cluster import Cluster
from cpu_gpu_env.model.costs import attained_rates
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.model.workload import POOL_ROWS, Workload
from cpu_gpu_env.problem.problem import MAX_LOAD, Problem, make_problem
from cpu_gpu_env.results.drifts import PHASES
from cpu_gpu_env.runtime.records import Phase

MEMORY_BOUND_SHARE = 0.9
"""Share of the memory-bound tasks after the mix has changed."""
SPEED_UP = 4.0
"""How much faster tasks arrive after arrivals have sped up."""


def drift_phases(
    kind: str, env_kwargs: Mapping[str, Any], episodes_each: int
) -> tuple[Phase, Phase, Phase]:
    """Phases of a stream whose problem changes midway and goes back.

    The kinds are those of `DRIFTS`:

    - ``"mix"``: memory-bound tasks, those below the ridge of every device (Williams et al. 2009),
      make `MEMORY_BOUND_SHARE` of the pool. The tasks and the declared ranges are those of before;
      only how often each is drawn changes.
    - ``"arrivals"``: tasks arrive `SPEED_UP` times as fast.
    - ``"gpu"``: the last GPU leaves between two episodes, and comes back.

    Only ``"arrivals"`` changes the mean time between arrivals: with another mix or a GPU less, the
    load, which is in units of what the cluster can do, is another. Observations and actions stay
    what they are, but that those with queues have a queue less where a GPU has left.

    Args:
        kind: One of `DRIFTS`.
        env_kwargs: Arguments of the environment before and after.
        episodes_each: Episodes of each phase.

    Returns:
        The phases `PHASES`. The problem of each has its own reference, the units of J, and its
        episodes have their own bounds, so that gaps and regrets compare and objectives do not.

    Raises:
        HybridClusterError: If the kind is unknown, an argument is not valid, or the problem leaves
            no room for such a drift.
    """
    if kind not in DRIFTS:
        raise unknown_name("drift", kind, DRIFTS)
    episodes = check_count("episodes of a phase", episodes_each)
    before, drift, back = PHASES
    first = Phase(dict(env_kwargs), episodes, before)
    changed = {**env_kwargs, **_CHANGES[kind](first.problem)}
    return first, Phase(changed, episodes, drift), Phase(first.env_kwargs, episodes, back)


def _change_mix(problem: Problem) -> dict[str, Any]:
    """Let memory-bound tasks be drawn more often."""
    workload = problem.workload
    if workload.in_order:
        raise HybridClusterError(
            f"drift 'mix': workload {workload.name!r} replays a trace, whose mix is what it is; "
            "allowed: a workload whose tasks are drawn, or another drift"
        )
    if workload.pool.measured is not None:
        raise HybridClusterError(
            f"drift 'mix': the tasks of workload {workload.name!r} have measured times and tell no "
            "intensity; allowed: tasks that tell it, or another drift"
        )
    ridges = [
        attained_rates(device, workload.pool) / device.memory_bandwidth
        for device in dict.fromkeys(problem.cluster.devices)
    ]
    ridge = np.min(np.broadcast_arrays(*ridges), axis=0)
    memory_bound = workload.pool.intensity_flop_per_byte < ridge
    share = float(memory_bound.mean())
    if not 0.0 < share < MEMORY_BOUND_SHARE:
        raise HybridClusterError(
            f"drift 'mix': {100 * share:.3g} % of the tasks of workload {workload.name!r} are "
            f"below the ridge of {_span(ridge)} FLOP/B; allowed: more than 0 % and less than "
            f"{100 * MEMORY_BOUND_SHARE:g} %"
        )
    count = round(MEMORY_BOUND_SHARE * POOL_ROWS)
    rows = np.concatenate([_spread(memory_bound, count), _spread(~memory_bound, POOL_ROWS - count)])
    mixed = replace(
        workload,
        name=f"{workload.name} ({100 * MEMORY_BOUND_SHARE:g} % memory-bound)",
        pool=workload.pool.take(rows, np.zeros(POOL_ROWS)),
        whole=workload.scaled_to,
    )
    return {"workload": mixed, **_same_arrivals(problem, workload=mixed)}


def _span(values: FloatArray) -> str:
    """Write the least and the greatest value, or the one that both are."""
    return " to ".join(dict.fromkeys(f"{end:.3g}" for end in (values.min(), values.max())))


def _speed_up(problem: Problem) -> dict[str, Any]:
    """Let tasks arrive faster."""
    if problem.mean_interarrival_s == 0.0:
        raise HybridClusterError(
            "drift 'arrivals': all tasks arrive at once, and cannot arrive faster; allowed: a "
            "load that is a number, or 'trace' for a trace whose tasks arrive one after another"
        )
    load = SPEED_UP * problem.objective.reference.makespan_s / problem.mean_interarrival_s
    if load > MAX_LOAD:
        raise HybridClusterError(
            f"drift 'arrivals': a load of {load / SPEED_UP:g} becomes {load:g}; allowed: at most "
            f"{MAX_LOAD:g}"
        )
    return {"load": load}


def _lose_gpu(problem: Problem) -> dict[str, Any]:
    """Take the last GPU away."""
    cluster = problem.cluster
    if len(cluster.gpus) < 2:
        raise HybridClusterError(
            f"drift 'gpu': cluster {cluster.name!r} has one GPU, and none would be left; allowed: "
            "a cluster of at least two GPUs"
        )
    less = replace(
        cluster,
        name=f"{cluster.name} without {cluster.device_names[-1]}",
        devices=cluster.devices[:-1],
    )
    return {"cluster": less, **_same_arrivals(problem, cluster=less)}


def _same_arrivals(
    problem: Problem, cluster: Cluster | None = None, workload: Workload | None = None
) -> dict[str, Any]:
    """Load at which the tasks of a changed problem arrive as fast as those of the one before."""
    if not isinstance(problem.load, float):
        return {}
    changed = make_problem(
        cluster or problem.cluster,
        workload or problem.workload,
        problem.num_tasks,
        problem.objective.energy_weight,
        problem.gpu_fractions,
    )
    return {"load": changed.objective.reference.makespan_s / problem.mean_interarrival_s}


def _spread(among: np.ndarray[Any, np.dtype[np.bool_]], count: int) -> np.ndarray[Any, Any]:
    """Choose so many rows, each equally often but for one, in order."""
    rows = np.flatnonzero(among)
    return rows[np.arange(count) * len(rows) // count]


_CHANGES: dict[str, Callable[[Problem], dict[str, Any]]] = {
    "mix": _change_mix,
    "arrivals": _speed_up,
    "gpu": _lose_gpu,
}
DRIFTS = tuple(_CHANGES)
"""Kinds of drift: the mix of intensities, faster arrivals, a GPU that leaves."""
