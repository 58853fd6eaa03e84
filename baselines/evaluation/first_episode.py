"""A closer look at the first held-out episode: every scheduler's schedule and its decisions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cpu_gpu_env.baselines.evaluation.audit import Decision, audit_decisions
from cpu_gpu_env.envs.env import HybridClusterEnv
from cpu_gpu_env.results.records import Comparison
from cpu_gpu_env.sim.schedule import Schedule, play_actions

MAX_TASKS = 2_000
"""Longer episodes are not looked at: charts would be a blur, and an audit plays them once for each
of their tasks."""


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
