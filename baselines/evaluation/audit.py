"""The decision audit: where a scheduler left the oracle's schedule, and what that cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.model.tasks import FloatArray, Tasks
from cpu_gpu_env.sim.instance import Instance


@dataclass(frozen=True)
class Decision:
    """A decision that differs from the oracle's."""

    task: int
    """Index of the task in the episode."""
    arrival_s: float
    """Its arrival [s]."""
    size_flop: float
    """Its size [FLOP]."""
    intensity_flop_per_byte: float
    """Its arithmetic intensity [FLOP/B]."""
    memory_bytes: float
    """Its working set [B]."""
    gpu_fraction: float
    """What the scheduler chose."""
    oracle_gpu_fraction: float
    """What the oracle chose."""
    cost: float
    """By what part of the oracle's J the decision raises J, see `decision_costs`."""


def decision_costs(
    episode: Instance,
    actions: npt.NDArray[np.integer],
    oracle_actions: npt.NDArray[np.integer],
) -> FloatArray:
    """By how much each decision raises J when the oracle's actions follow, (num_tasks,).

    With S_k the schedule that takes the first k actions from the scheduler and the others from the
    oracle, decision k costs J(S_k+1) - J(S_k), found by playing them all. So the costs sum to the
    difference between the two schedules. A cost below 0 says that after the decisions before it
    the oracle's action was no longer the better one.

    Args:
        episode: The episode, noise included.
        actions: (num_tasks,) of the scheduler.
        oracle_actions: (num_tasks,) of the oracle.
    """
    tasks = np.arange(episode.num_tasks)
    # Equal decisions cost nothing: only where the two differ is there a schedule to play.
    differing = np.flatnonzero(actions != oracle_actions)
    first_kept = np.append(differing, episode.num_tasks)
    schedules = np.where(tasks < first_kept[:, None], actions, oracle_actions)
    costs = np.zeros(episode.num_tasks)
    costs[differing] = np.diff(episode.simulate(schedules))
    return costs


def audit_decisions(
    episode: Instance,
    tasks: Tasks,
    actions: npt.NDArray[np.integer],
    oracle_actions: npt.NDArray[np.integer],
) -> tuple[Decision, ...]:
    """List the decisions that differ from the oracle's, the dearest first.

    Args:
        episode: The episode, noise included.
        tasks: Its tasks.
        actions: (num_tasks,) of the scheduler.
        oracle_actions: (num_tasks,) of the oracle.
    """
    costs = decision_costs(episode, actions, oracle_actions)
    costs /= episode.simulate(oracle_actions[None])
    fractions = episode.costs.gpu_fractions
    differing = np.flatnonzero(actions != oracle_actions)
    return tuple(
        Decision(
            task=int(task),
            arrival_s=float(episode.release_s[task]),
            size_flop=float(tasks.size_flop[task]),
            intensity_flop_per_byte=float(tasks.intensity_flop_per_byte[task]),
            memory_bytes=float(tasks.memory_bytes[task]),
            gpu_fraction=fractions[int(actions[task])],
            oracle_gpu_fraction=fractions[int(oracle_actions[task])],
            cost=float(costs[task]),
        )
        for task in differing[np.argsort(-costs[differing], kind="stable")]
    )
