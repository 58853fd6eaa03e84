"""The stream: an endless sequence of episodes of one continuing workload, in phases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cpu_gpu_env.model.tasks import FloatArray, IntArray, Tasks
from cpu_gpu_env.problem.problem import Problem
from cpu_gpu_env.results.seeds import RUN_SEEDS, Purpose, episode_seeds
from cpu_gpu_env.runtime.records import EpisodeBatch, Phase

END_WITH_STDIN = "--end-with-stdin"
"""Tells stream.py to end when the pipe that is its standard input is closed: when whoever has
started it is gone."""
STREAM_SEED = 2_000_000
"""Seed of a stream's first episode unless told: apart from those that comparisons play unless
told, so that what was learned on a stream is held out from these."""


@dataclass(frozen=True, eq=False)
class EpisodeStream:
    """Episodes, numbered from 0.

    Those of a synthetic workload are drawn by the seeds that `compare.py` has from the same first
    seed on. Those of a trace are its windows in order, and round again; what is left of the trace
    after the last whole window is not played.
    """

    phases: tuple[Phase, ...]
    """One after another; the last may be without end."""
    seed: int = STREAM_SEED
    """Of the first episode."""
    episodes: int | None = None
    """How many there are at most; None: as many as the phases have."""

    def batch(self, first: int, count: int) -> EpisodeBatch | None:
        """At most so many episodes from one on, of one phase; None if the stream has ended.

        Raises:
            HybridClusterError: If there are no more seeds.
        """
        phase, left = self._phase_at(first)
        ends = [number for number in (left, self._left(first)) if number is not None]
        count = min([count, *ends])
        if phase is None or count <= 0:
            return None
        # Seeds go round after four thousand million episodes.
        start = (self.seed + first) % RUN_SEEDS
        count = min(count, RUN_SEEDS - start)
        seeds = tuple(episode_seeds(Purpose.EVALUATION, count, first=start))
        if not phase.problem.workload.in_order:
            return EpisodeBatch(first, phase, seeds)
        return EpisodeBatch(first, phase, seeds, *_windows(phase.problem, first, count))

    def _left(self, first: int) -> int | None:
        return None if self.episodes is None else self.episodes - first

    def _phase_at(self, episode: int) -> tuple[Phase | None, int | None]:
        """The phase of an episode, and how many it has from there on (None: without end)."""
        end = 0
        for phase in self.phases:
            if phase.episodes is None:
                return phase, None
            end += phase.episodes
            if episode < end:
                return phase, end - episode
        return None, 0

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What is to be known of the episodes, a line each."""
        found = []
        for phase in self.phases:
            problem = phase.problem
            if problem.workload.in_order:
                windows = num_windows(problem)
                left = len(problem.workload.pool) - windows * problem.num_tasks
                found.append(
                    f"{problem.workload.name}: {windows} windows of {problem.num_tasks} tasks in "
                    f"order, then round again; the last {left} tasks are in none"
                )
        return tuple(dict.fromkeys(found))


def _windows(problem: Problem, first: int, count: int) -> tuple[list[Tasks], list[IntArray]]:
    """Cut windows out of a trace, and tell the rows of the pool that they are."""
    windows = num_windows(problem)
    sampler, pool = problem.make_sampler(), problem.workload.pool
    tasks, rows = [], []
    for number in range(first, first + count):
        start = number % windows * problem.num_tasks
        words = np.arange(start, start + problem.num_tasks, dtype=np.uint32)
        rows.append(sampler.rows(words))
        tasks.append(pool.take(rows[-1], sampler.arrivals_s(words)))
    return tasks, rows


def num_windows(problem: Problem) -> int:
    """Windows of a trace that do not overlap."""
    return len(problem.workload.pool) // problem.num_tasks


def spans_s(batch: EpisodeBatch, arrivals_s: Sequence[FloatArray]) -> FloatArray:
    """Simulated time from the first arrival of each episode to that of the next one, (n,) [s].

    Args:
        batch: The episodes.
        arrivals_s: Of their tasks, (num_tasks,) each.
    """
    mean_s = batch.phase.problem.mean_interarrival_s
    return np.array([float(arrival_s[-1]) + mean_s for arrival_s in arrivals_s])
