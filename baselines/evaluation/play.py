"""Playing held-out episodes: every scheduler gets the same ones."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cpu_gpu_env.baselines.schedulers.base import Predictor
from cpu_gpu_env.envs.env import HybridClusterEnv
from cpu_gpu_env.envs.vector_env import HybridClusterVectorEnv
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.results.metrics import ENERGY, MAKESPAN, MEAN_WAIT, OBJECTIVE
from cpu_gpu_env.results.records import EpisodeResults

EVALUATION_SEED = 1_000_000
"""Seeds of evaluation episodes count up from here; training seeds stay below."""

SchedulerFactory = Callable[[Any], Predictor]
"""Builds a scheduler for an environment."""


def evaluation_seeds(num_episodes: int) -> tuple[int, ...]:
    """Seeds of the first held-out episodes."""
    return tuple(range(EVALUATION_SEED, EVALUATION_SEED + num_episodes))


def play_episodes(
    make_scheduler: SchedulerFactory, seeds: Sequence[int], **env_kwargs: Any
) -> EpisodeResults:
    """Play one episode a seed, all at once in a vector environment.

    Args:
        make_scheduler: Called with the vector environment.
        seeds: One a sub-environment.
        **env_kwargs: Arguments of the environment.
    """
    env = HybridClusterVectorEnv(len(seeds), **env_kwargs)
    scheduler = make_scheduler(env)
    observation, _ = env.reset(seed=list(seeds))
    state, episode_start = None, np.ones(len(seeds), dtype=bool)
    actions = np.empty((env.problem.num_tasks, len(seeds)), dtype=np.int64)
    wait_s = np.zeros(len(seeds))
    for step in range(len(actions)):
        action, state = scheduler.predict(observation, state, episode_start, deterministic=True)
        actions[step] = action
        wait_s += env.scheduling_state().wait_s(actions[step])
        observation, _, episode_start, _, info = env.step(actions[step])
    final = info["final_info"]
    values = {
        OBJECTIVE: final["objective"],
        MAKESPAN: final["makespan_s"],
        ENERGY: final["total_energy_j"],
        MEAN_WAIT: wait_s / len(actions),
    }
    return EpisodeResults(tuple(seeds), np.ascontiguousarray(actions.T), values)


def decision_times_s(
    make_scheduler: SchedulerFactory, seed: int, num_decisions: int, **env_kwargs: Any
) -> FloatArray:
    """Wall-clock time of single decisions in a single environment, (num_decisions,) [s]."""
    env = HybridClusterEnv(**env_kwargs)
    scheduler = make_scheduler(env)
    observation, _ = env.reset(seed=seed)
    state, starting = None, np.ones(1, dtype=bool)
    times = np.empty(num_decisions)
    for index in range(num_decisions):
        begin = time.perf_counter()
        action, state = scheduler.predict(observation, state, starting, deterministic=True)
        times[index] = time.perf_counter() - begin
        observation, _, terminated, _, _ = env.step(int(action))
        starting = np.array([terminated])
        if terminated:
            observation, _ = env.reset()
    return times
