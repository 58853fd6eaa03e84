"""Decisions are timed in passing: nothing else changes, and each is for one episode alone."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from conftest import MIXED

from cpu_gpu_env import HybridClusterEnv
from cpu_gpu_env.baselines import SCHEDULERS, make_scheduler
from cpu_gpu_env.baselines.evaluation.play import play_and_time, play_episodes
from cpu_gpu_env.baselines.schedulers.base import Actions, Memory, Scheduler
from cpu_gpu_env.sim.state import PoolState, SchedulingState

KWARGS: dict[str, Any] = {"cluster": MIXED, "num_tasks": 10, "noise": 0.2}
SEEDS = (5, 6, 7)
PAUSE_S = 0.002


class Recorder(Scheduler):
    """Round robin that keeps what it was asked for one environment, and takes its time for it."""

    memory_shape = ()

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        self.asked: list[tuple[SchedulingState, int]] = []

    def choose(self, state: SchedulingState, memory: Memory) -> tuple[Actions, Memory]:
        assert memory is not None
        if len(state) == 1:
            self.asked.append((state, int(memory[0])))
            time.sleep(PAUSE_S)
        return memory % 6, memory + 1


@pytest.mark.parametrize("name", SCHEDULERS)
@pytest.mark.parametrize(("wanted", "timed"), [(4, 4), (10, 10), (25, 25), (100, 30)])
def test_timing_changes_nothing(name: str, wanted: int, timed: int) -> None:
    def make(env: Any) -> Any:
        return make_scheduler(name, env, 3)

    plain = play_episodes(make, SEEDS, **KWARGS)
    episodes, decision_s = play_and_time(make, SEEDS, wanted, **KWARGS)
    assert np.array_equal(episodes.actions, plain.actions)
    for metric, values in plain.values.items():
        assert np.array_equal(episodes[metric], values)
    assert len(decision_s) == timed
    assert decision_s.min() > 0


def test_what_is_timed_is_a_decision_for_one_episode() -> None:
    made: list[Recorder] = []

    def make(env: Any) -> Recorder:
        made.append(Recorder(env))
        return made[-1]

    _, decision_s = play_and_time(make, SEEDS, 15, **KWARGS)  # two of three episodes, then one
    playing, timed = made
    assert playing.asked == []
    assert len(timed.asked) == 15
    assert decision_s.min() >= PAUSE_S
    envs = [HybridClusterEnv(**KWARGS) for _ in range(2)]
    observations = [env.reset(seed=seed)[0] for env, seed in zip(envs, SEEDS, strict=False)]
    for index, (state, placed) in enumerate(timed.asked):
        step, row = divmod(index, 2)
        assert placed == step
        expected = envs[row].scheduling_state().observed(observations[row][None])
        assert_equal(state, expected)
        observations[row] = envs[row].step(step % 6)[0]


def assert_equal(found: SchedulingState | PoolState, expected: SchedulingState | PoolState) -> None:
    for name, value in vars(expected).items():
        if isinstance(value, PoolState):
            assert_equal(getattr(found, name), value)
        else:
            assert np.array_equal(getattr(found, name), value), name


def test_whatever_predicts_is_timed() -> None:
    class Constant:
        def predict(self, observation: Any, *_: Any, **__: Any) -> tuple[Any, None]:
            return np.zeros(len(observation), dtype=np.int64), None

    episodes, decision_s = play_and_time(lambda env: Constant(), SEEDS, 7, **KWARGS)
    assert not episodes.actions.any()
    assert len(decision_s) == 7
