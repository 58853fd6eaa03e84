"""A closer look at the first episode: schedules, and where they left the oracle's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.envs.env import HybridClusterEnv
from cpu_gpu_env.model.precision import PRECISIONS
from cpu_gpu_env.model.tasks import FloatArray, Tasks
from cpu_gpu_env.results.records import Comparison
from cpu_gpu_env.sim.instance import Instance
from cpu_gpu_env.sim.schedule import Schedule, play_actions

MAX_TASKS = 2_000
"""Longer episodes are not looked at: charts would be a blur, and an audit plays them once for each
of their tasks."""


@dataclass(frozen=True)
class Decision:
    """A decision that differs from the oracle's."""

    task: int
    """Index of the task in the episode."""
    arrival_s: float
    """Its arrival [s]."""
    size_flop: float
    """Its size [FLOP]; nan where its times were measured."""
    intensity_flop_per_byte: float
    """Its arithmetic intensity [FLOP/B]; nan where its times were measured."""
    memory_bytes: float
    """Its working set [B]."""
    precision: str
    """Its number format."""
    measured_s: Mapping[str, float]
    """Its measured times, by where: a kind or a name of a device [s]; none if they are modelled."""
    gpu_fraction: float
    """What the scheduler chose."""
    oracle_gpu_fraction: float
    """What the oracle chose."""
    cost: float
    """By what part of the oracle's J (of 1 if that is 0) the decision raises J, see
    `decision_costs`."""


@dataclass(frozen=True, eq=False)
class EpisodeView:
    """How one scheduler played the episode."""

    schedule: Schedule
    """Its schedule."""
    audit: tuple[Decision, ...] | None
    """Decisions other than the oracle's, the dearest first; None without an oracle to judge by."""


def view_first_episode(
    comparison: Comparison,
    env_kwargs: Mapping[str, Any],
    progress: Callable[[str], None] = lambda name: None,
) -> dict[str, EpisodeView]:
    """Work out the schedules that the recorded actions of the first episode make.

    Args:
        comparison: The results.
        env_kwargs: Arguments of the environment, as `compare` had them.
        progress: Called with a name when that scheduler's episode has been looked at.

    Returns:
        A view for each name; none at all if the episode has more than `MAX_TASKS` tasks.
    """
    views: dict[str, EpisodeView] = {}
    if comparison.provenance.problem.num_tasks > MAX_TASKS:
        return views
    env = HybridClusterEnv(**env_kwargs)
    env.reset(seed=comparison.provenance.seeds[0])
    (instance,), tasks, oracle = env.instances(), env.episode_tasks(), comparison.oracle
    for result in comparison.results:
        actions, audit = result.episodes.actions[0], None
        if oracle is not None and result is not oracle:
            audit = audit_decisions(instance, tasks, actions, oracle.episodes.actions[0])
        schedule = play_actions(env.problem.cluster, instance, tasks, actions, title=result.name)
        views[result.name] = EpisodeView(schedule, audit)
        progress(result.name)
    return views


def decision_costs(
    instance: Instance, actions: npt.NDArray[np.integer], oracle_actions: npt.NDArray[np.integer]
) -> FloatArray:
    """By how much each decision raises J when the oracle's actions follow, (num_tasks,).

    With S_k the schedule that takes the first k actions from the scheduler and the others from the
    oracle, decision k costs J(S_k+1) - J(S_k), found by playing them all. So the costs sum to the
    difference between the two schedules. A cost below 0 says that after the decisions before it
    the oracle's action was no longer the better one.

    Args:
        instance: The episode, noise included.
        actions: (num_tasks,) of the scheduler.
        oracle_actions: (num_tasks,) of the oracle.
    """
    # Equal decisions cost nothing: only where the two differ is there a schedule to play.
    differing = np.flatnonzero(actions != oracle_actions)
    first_kept = np.append(differing, instance.num_tasks)
    kept = np.arange(instance.num_tasks) < first_kept[:, None]
    costs = np.zeros(instance.num_tasks)
    costs[differing] = np.diff(instance.simulate(np.where(kept, actions, oracle_actions)))
    return costs


def cost_of_decision(
    instance: Instance,
    actions: npt.NDArray[np.integer],
    oracle_actions: npt.NDArray[np.integer],
    task: int,
) -> float:
    """What `decision_costs` finds for one task, by playing two schedules alone."""
    kept = np.arange(instance.num_tasks) < np.array([[task], [task + 1]])
    before, after = instance.simulate(np.where(kept, actions, oracle_actions))
    return float(after - before)


def audit_decisions(
    instance: Instance,
    tasks: Tasks,
    actions: npt.NDArray[np.integer],
    oracle_actions: npt.NDArray[np.integer],
) -> tuple[Decision, ...]:
    """List the decisions that differ from the oracle's, the dearest first.

    Args:
        instance: The episode, noise included.
        tasks: Its tasks.
        actions: (num_tasks,) of the scheduler.
        oracle_actions: (num_tasks,) of the oracle.
    """
    costs = decision_costs(instance, actions, oracle_actions)
    costs /= instance.simulate(oracle_actions[None])[0] or 1.0  # may be 0 if only energy counts
    fractions = instance.costs.gpu_fractions
    times_s = {} if tasks.measured is None else tasks.measured.time_s
    differing = np.flatnonzero(actions != oracle_actions)
    return tuple(
        Decision(
            task=int(task),
            arrival_s=float(instance.release_s[task]),
            size_flop=float(tasks.size_flop[task]),
            intensity_flop_per_byte=float(tasks.intensity_flop_per_byte[task]),
            memory_bytes=float(tasks.memory_bytes[task]),
            precision=PRECISIONS[tasks.precision[task]],
            measured_s={where: float(column[task]) for where, column in times_s.items()},
            gpu_fraction=fractions[int(actions[task])],
            oracle_gpu_fraction=fractions[int(oracle_actions[task])],
            cost=float(costs[task]),
        )
        for task in differing[np.argsort(-costs[differing], kind="stable")]
    )
