"""Paired comparison: every scheduler plays the same held-out episodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cpu_gpu_env.baselines.evaluation.play import SchedulerFactory, play_and_time, play_episodes
from cpu_gpu_env.baselines.oracle.scheduler import Replay
from cpu_gpu_env.baselines.oracle.search import OracleSchedule
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.problem.problem import make_problem
from cpu_gpu_env.results.metrics import GAP
from cpu_gpu_env.results.provenance import ProblemRecord, Provenance, package_versions
from cpu_gpu_env.results.records import ORACLE, Comparison, EpisodeResults, SchedulerResult

NUM_DECISIONS = 400
"""Single decisions that are timed for each scheduler, if the episodes have as many."""


@dataclass(frozen=True)
class SchedulerSpec:
    """A scheduler that takes part: a name, and what builds it."""

    name: str
    """Name in the tables."""
    make: SchedulerFactory
    """Builds it for an environment."""
    observe_queues: bool = False
    """Whether it was made for the observation with queues."""
    learned: bool = False
    """Whether it was trained: reports look closer at its decisions."""


def compare(
    schedulers: Sequence[SchedulerSpec],
    seeds: Sequence[int],
    env_kwargs: Mapping[str, Any],
    command: str = "",
    progress: Callable[[str], None] = lambda name: None,
    oracle: Sequence[OracleSchedule] | None = None,
) -> Comparison:
    """Let every scheduler play the episodes of the seeds; Ctrl-C leaves out those not yet done.

    Args:
        schedulers: Who takes part.
        seeds: One an episode.
        env_kwargs: Arguments of the environment.
        command: What makes this comparison again.
        progress: Called with a name when that scheduler has finished.
        oracle: A schedule with its bound for each episode: the oracle then takes part, and every
            scheduler gets its gap.

    Raises:
        HybridClusterError: If there are no schedulers or seeds, or an argument is not valid.
        RuntimeError: If a scheduler beats a bound, which would be a defect of this package.
    """
    if not schedulers or not seeds:
        raise HybridClusterError("a comparison needs at least one scheduler and one episode")
    results, bounds = [], None
    if oracle is not None:
        bounds = np.array([schedule.bound for schedule in oracle])
        plans = np.stack([schedule.actions for schedule in oracle])
        episodes = play_episodes(lambda env: Replay(env, plans), seeds, **env_kwargs)
        results.append(SchedulerResult(ORACLE, _with_gaps(ORACLE, episodes, bounds), np.empty(0)))
    try:
        for spec in schedulers:
            kwargs = {**env_kwargs, "observe_queues": spec.observe_queues}
            episodes, decision_s = play_and_time(spec.make, seeds, NUM_DECISIONS, **kwargs)
            episodes = _with_gaps(spec.name, episodes, bounds)
            results.append(SchedulerResult(spec.name, episodes, decision_s, spec.learned))
            progress(spec.name)
    except KeyboardInterrupt:
        if not results:
            raise
    results.sort(key=lambda result: float(result.episodes.objective.mean()))
    problem = ProblemRecord.of(make_problem(**env_kwargs))
    provenance = Provenance(problem, tuple(seeds), package_versions(), command)
    return Comparison(tuple(results), provenance, bounds)


def _with_gaps(name: str, episodes: EpisodeResults, bounds: FloatArray | None) -> EpisodeResults:
    """Add the gaps to the bounds, if there are bounds."""
    if bounds is None:
        return episodes
    gap = episodes.objective / bounds - 1.0
    if gap.min() < -1e-9:
        seed = episodes.seeds[int(gap.argmin())]
        raise RuntimeError(f"{name} beats the bound of the episode of seed {seed}: please report")
    return replace(episodes, values={**episodes.values, GAP: gap})
