"""Playing episodes: every scheduler gets the same ones."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from cpu_gpu_env.baselines.schedulers.base import Predictor, Scheduler
from cpu_gpu_env.envs.vector_env import HybridClusterVectorEnv
from cpu_gpu_env.model.tasks import FloatArray, Tasks
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


class EpisodePlay:
    """Episodes that a scheduler plays, one a sub-environment, task by task.

    On the way single decisions are timed: by a second scheduler, so that neither memory nor random
    numbers of the one that plays are touched. It decides for one episode at a time: at each step
    for the first, and in short episodes for as many more as it takes. Looking up the state of the
    environment is not counted.

    Args:
        make_scheduler: Called with the environment, twice if decisions are timed.
        env: What they are played in; it is reset.
        seeds: One a sub-environment.
        num_decisions: Decisions to time, at most one a task.
        tasks: Given tasks of each sub-environment; None: drawn by the seeds.
    """

    def __init__(
        self,
        make_scheduler: SchedulerFactory,
        env: HybridClusterVectorEnv,
        seeds: Sequence[int],
        num_decisions: int = 0,
        tasks: Sequence[Tasks] | None = None,
    ) -> None:
        self._env, self._seeds = env, tuple(seeds)
        self._scheduler = make_scheduler(env)
        self._timed = make_scheduler(env) if num_decisions else self._scheduler
        options = None if tasks is None else {"tasks": list(tasks)}
        self._observation, _ = env.reset(seed=list(seeds), options=options)
        self.num_tasks = env.problem.num_tasks if tasks is None else len(tasks[0])
        """Tasks of an episode."""
        for scheduler in (self._scheduler, self._timed):
            if isinstance(scheduler, Scheduler):
                scheduler.begin(seeds, self.num_tasks)
        self._memory: Any = None
        self._episode_start = np.ones(len(seeds), dtype=bool)
        self._actions = np.empty((self.num_tasks, len(seeds)), dtype=np.int64)
        self._wait_s = np.zeros(len(seeds))
        self._info: dict[str, Any] = {}
        self._decisions_left = num_decisions
        rows = min(-(-num_decisions // self.num_tasks), len(seeds))
        self._remembered: list[Any] = [None] * rows
        self._decision_s: list[float] = []
        self.placed = 0
        """Tasks placed so far, of each episode."""

    @property
    def decision_s(self) -> FloatArray:
        """Wall-clock times of the decisions timed so far [s]."""
        return np.array(self._decision_s)

    def step(self) -> None:
        """Place the next task of every episode."""
        env = self._env
        state = env.scheduling_state().observed(self._observation)
        self._time_decisions(state)
        decide = _decision(self._scheduler, state, self._memory, self._episode_start)
        actions, self._memory = decide()
        self._actions[self.placed] = actions
        self._wait_s += state.wait_s(self._actions[self.placed])
        self._observation, _, self._episode_start, _, self._info = env.step(
            self._actions[self.placed]
        )
        self.placed += 1

    def _time_decisions(self, state: SchedulingState) -> None:
        for row in range(min(len(self._remembered), self._decisions_left)):
            decide = _decision(self._timed, state.row(row), self._remembered[row], None)
            begin = time.perf_counter()
            _, self._remembered[row] = decide()
            self._decision_s.append(time.perf_counter() - begin)
            self._decisions_left -= 1

    def finish(self) -> EpisodeResults:
        """Place the tasks that are left; return what the episodes came to."""
        while self.placed < self.num_tasks:
            self.step()
        values = {
            OBJECTIVE: self._info["objective"],
            MAKESPAN: self._info["makespan_s"],
            ENERGY: self._info["total_energy_j"],
            MEAN_WAIT: self._wait_s / self.num_tasks,
        }
        return EpisodeResults(self._seeds, np.ascontiguousarray(self._actions.T), values)


def play_and_time(
    make_scheduler: SchedulerFactory, seeds: Sequence[int], num_decisions: int, **env_kwargs: Any
) -> tuple[EpisodeResults, FloatArray]:
    """Play as `play_episodes` does, and time single decisions on the way, as `EpisodePlay` does.

    Args:
        make_scheduler: Called with the vector environment, twice.
        seeds: One a sub-environment.
        num_decisions: Decisions to time, at most one a task.
        **env_kwargs: Arguments of the environment.

    Returns:
        What the episodes came to, and the wall-clock times of the decisions [s].
    """
    env = HybridClusterVectorEnv(len(seeds), **env_kwargs)
    play = EpisodePlay(make_scheduler, env, seeds, num_decisions)
    return play.finish(), play.decision_s


def _decision(
    scheduler: Predictor, state: SchedulingState, memory: Any, episode_start: Any
) -> Callable[[], tuple[Any, Any]]:
    """Prepare a choice of actions and the next memory; a scheduler of ours gets the state."""
    if isinstance(scheduler, Scheduler):
        return partial(scheduler.choose, state, scheduler.recall(memory, episode_start, len(state)))
    observation = state.observation
    return partial(scheduler.predict, observation, memory, episode_start, deterministic=True)
