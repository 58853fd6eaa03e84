"""Playing episodes: every scheduler gets the same ones."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from cpu_gpu_env.baselines.schedulers.base import Predictor, Scheduler
from cpu_gpu_env.envs.vector_env import HybridClusterVectorEnv
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.results.metrics import ENERGY, MAKESPAN, MEAN_WAIT, OBJECTIVE
from cpu_gpu_env.results.records import EpisodeResults
from cpu_gpu_env.results.seeds import Purpose, episode_seeds
from cpu_gpu_env.sim.state import SchedulingState

EVALUATION_SEED = 1_000_000
"""Seed of the first evaluation episode unless told; see `cpu_gpu_env.results.seeds`."""

SchedulerFactory = Callable[[Any], Predictor]
"""Builds a scheduler for an environment."""


def evaluation_seeds(num_episodes: int) -> tuple[int, ...]:
    """Seeds of the episodes that comparisons play unless told."""
    return tuple(episode_seeds(Purpose.EVALUATION, num_episodes, first=EVALUATION_SEED))


def play_episodes(
    make_scheduler: SchedulerFactory, seeds: Sequence[int], **env_kwargs: Any
) -> EpisodeResults:
    """Play one episode a seed, all at once in a vector environment.

    Args:
        make_scheduler: Called with the vector environment.
        seeds: One a sub-environment.
        **env_kwargs: Arguments of the environment.
    """
    return play_and_time(make_scheduler, seeds, 0, **env_kwargs)[0]


def play_and_time(
    make_scheduler: SchedulerFactory, seeds: Sequence[int], num_decisions: int, **env_kwargs: Any
) -> tuple[EpisodeResults, FloatArray]:
    """Play as `play_episodes` does, and time single decisions on the way.

    A second scheduler is timed, so that neither memory nor random numbers of the one that plays are
    touched. It decides for one episode at a time: at each step for the first, and in short episodes
    for as many more as it takes. Looking up the state of the environment is not counted.

    Args:
        make_scheduler: Called with the vector environment, twice.
        seeds: One a sub-environment.
        num_decisions: Decisions to time, at most one a task.
        **env_kwargs: Arguments of the environment.

    Returns:
        What the episodes came to, and the wall-clock times of the decisions [s].
    """
    env = HybridClusterVectorEnv(len(seeds), **env_kwargs)
    scheduler = make_scheduler(env)
    timed = make_scheduler(env) if num_decisions else scheduler
    observation, _ = env.reset(seed=list(seeds))
    memory, episode_start = None, np.ones(len(seeds), dtype=bool)
    actions = np.empty((env.problem.num_tasks, len(seeds)), dtype=np.int64)
    wait_s = np.zeros(len(seeds))
    rows = min(-(-num_decisions // len(actions)), len(seeds))
    times_s: list[float] = []
    remembered: list[Any] = [None] * rows
    for step in range(len(actions)):
        state = env.scheduling_state().observed(observation)
        for row in range(min(rows, num_decisions - len(times_s))):
            decide = _decision(timed, state.row(row), remembered[row], None)
            begin = time.perf_counter()
            _, remembered[row] = decide()
            times_s.append(time.perf_counter() - begin)
        actions[step], memory = _decision(scheduler, state, memory, episode_start)()
        wait_s += state.wait_s(actions[step])
        observation, _, episode_start, _, info = env.step(actions[step])
    values = {
        OBJECTIVE: info["objective"],
        MAKESPAN: info["makespan_s"],
        ENERGY: info["total_energy_j"],
        MEAN_WAIT: wait_s / len(actions),
    }
    episodes = EpisodeResults(tuple(seeds), np.ascontiguousarray(actions.T), values)
    return episodes, np.array(times_s)


def _decision(
    scheduler: Predictor, state: SchedulingState, memory: Any, episode_start: Any
) -> Callable[[], tuple[Any, Any]]:
    """Prepare a choice of actions and the next memory; a scheduler of ours gets the state."""
    if isinstance(scheduler, Scheduler):
        return partial(scheduler.choose, state, scheduler.recall(memory, episode_start, len(state)))
    observation = state.observation
    return partial(scheduler.predict, observation, memory, episode_start, deterministic=True)
