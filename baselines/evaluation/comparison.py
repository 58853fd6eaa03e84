"""Paired comparison: every scheduler plays the same episodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cpu_gpu_env.baselines.evaluation.play import SchedulerFactory, play_and_time, play_episodes
from cpu_gpu_env.baselines.oracle.scheduler import Replay
from cpu_gpu_env.baselines.oracle.search import OracleSchedule
from cpu_gpu_env.errors import HybridClusterError, unknown_name
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.problem.problem import Problem, make_problem
from cpu_gpu_env.results.gap import gap_to_bound
from cpu_gpu_env.results.held_out import UsedEpisodes, seen_in_training
from cpu_gpu_env.results.metrics import GAP
from cpu_gpu_env.results.provenance import ProblemRecord, Provenance, versions_used
from cpu_gpu_env.results.records import (
    ORACLE,
    Comparison,
    EpisodeResults,
    SchedulerResult,
    choose_reference,
)

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
    trained_on: Sequence[UsedEpisodes] | None = None
    """Episodes that went into it, if it was trained; None: not known."""


def compare(
    schedulers: Sequence[SchedulerSpec],
    seeds: Sequence[int],
    env_kwargs: Mapping[str, Any],
    command: str = "",
    progress: Callable[[str], None] = lambda name: None,
    oracle: Sequence[OracleSchedule] | None = None,
    reference: str | None = None,
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
        reference: Name of the scheduler to which the others are compared, episode by episode;
            None, or one that has not played when Ctrl-C comes: see `choose_reference`.

    Raises:
        HybridClusterError: If there are no schedulers or seeds, the reference is none of them, or
            an argument is not valid.
        RuntimeError: If a scheduler beats a bound, which would be a defect of this package.
    """
    if not schedulers or not seeds:
        raise HybridClusterError("a comparison needs at least one scheduler and one episode")
    names = [spec.name for spec in schedulers] + [ORACLE] * (oracle is not None)
    check_reference(reference, names)
    problem = make_problem(**env_kwargs)
    results, bounds = [], None
    if oracle is not None:
        bounds = np.array([schedule.bound for schedule in oracle])
        plans = np.stack([schedule.actions for schedule in oracle])
        episodes = play_episodes(lambda env: Replay(env, plans), seeds, **env_kwargs)
        results.append(SchedulerResult(ORACLE, with_gaps(ORACLE, episodes, bounds), np.empty(0)))
    try:
        for spec in schedulers:
            kwargs = {**env_kwargs, "observe_queues": spec.observe_queues}
            episodes, decision_s = play_and_time(spec.make, seeds, NUM_DECISIONS, **kwargs)
            episodes = with_gaps(spec.name, episodes, bounds)
            results.append(SchedulerResult(spec.name, episodes, decision_s, spec.learned))
            progress(spec.name)
    except KeyboardInterrupt:
        if not results:
            raise
    results.sort(key=lambda result: float(result.episodes.objective.mean()))
    played = {result.name: result for result in results}
    seen = {
        spec.name: why
        for spec in schedulers
        if spec.learned and spec.name in played
        if (why := seen_in_training(spec.trained_on, seeds, problem))
    }
    record = ProblemRecord.of(problem)
    remarks = *_about_windows(problem, len(seeds)), *_about_bounds(oracle or ())
    provenance = Provenance(record, tuple(seeds), versions_used(), command, seen, remarks)
    compared_to = played.get(reference or "") or choose_reference(results)
    return Comparison(tuple(results), provenance, compared_to, bounds)


def _about_windows(problem: Problem, num_episodes: int) -> list[str]:
    """Say if episodes replay the same tasks of a trace: they tell less than as many others."""
    rows, played = len(problem.workload.pool), num_episodes * problem.num_tasks
    if not problem.workload.in_order or played <= rows:
        return []
    return [
        f"{num_episodes} windows of {problem.num_tasks} tasks overlap in a trace of {rows} tasks: "
        "intervals are too narrow"
    ]


def _about_bounds(oracle: Sequence[OracleSchedule]) -> list[str]:
    """Say what is to be known of the bounds besides that they are bounds."""
    if any(schedule.any_device for schedule in oracle):
        return ["bounds of all schedules, also of those that choose the device of each share"]
    exact = sum(schedule.exact for schedule in oracle)
    found = f"the oracle's schedule is an optimum in {exact} of {len(oracle)} episodes"
    return [found] if exact else []


def check_reference(reference: str | None, names: Sequence[str]) -> None:
    """Check the name of a reference, if there is one.

    Raises:
        HybridClusterError: If it does not take part.
    """
    if reference is not None and reference not in names:
        raise unknown_name("reference", reference, names)


def with_gaps(name: str, episodes: EpisodeResults, bounds: FloatArray | None) -> EpisodeResults:
    """Add the gaps to the bounds, (n,) or None without bounds, to what a scheduler achieved.

    Raises:
        RuntimeError: If a bound is beaten, which would be a defect of this package.
    """
    if bounds is None:
        return episodes
    gap = gap_to_bound(episodes.objective, bounds)
    if not (gap >= -1e-9).all():  # nan is no gap, either
        worst = int(gap.argmin())  # of nan the first
        raise RuntimeError(
            f"{name} beats the bound of the episode of seed {episodes.seeds[worst]} "
            f"(J {episodes.objective[worst]}, bound {bounds[worst]}): please report"
        )
    return replace(episodes, values={**episodes.values, GAP: gap})
