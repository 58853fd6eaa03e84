"""A scheduler that learns online and its frozen twin, on the same episodes and in step.

In a stream learning goes on in a process of its own, and when a new model takes over depends on how
fast that is. Here the stream waits for it after every batch, so that results can be made again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.baselines.evaluation.comparison import SchedulerSpec
from cpu_gpu_env.baselines.schedulers.base import Scheduler
from cpu_gpu_env.errors import unknown_name
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.results.metrics import GAP
from cpu_gpu_env.runtime.lanes import Arrived, Lane, play_batch
from cpu_gpu_env.runtime.online import ONLINE, OnlineLane
from cpu_gpu_env.runtime.records import Experience, LearnedModel, Learner
from cpu_gpu_env.runtime.trained_files import ONLINE_SUFFIX


@dataclass(frozen=True, eq=False)
class TwinEpisodes:
    """What twins made of n episodes."""

    online: FloatArray
    """(n,): gap of the one that learns, exploration included."""
    frozen: FloatArray
    """(n,): gap of the other."""
    versions: npt.NDArray[np.int64]
    """(n,): version of the model that played online."""


class InStep:
    """Runs a learner in this process: who hands over episodes waits until it has learned."""

    def __init__(self, learner: Learner) -> None:
        self._learner = learner
        self._model: LearnedModel | None = None

    def offer(self, experience: Experience) -> None:
        """Learn from finished episodes."""
        self._model = self._learner.learn(experience) or self._model

    def take(self) -> LearnedModel | None:
        """The newest model since the last call; None: there is none."""
        model, self._model = self._model, None
        return model

    def state(self, wait_s: float = 0.0) -> bytes | None:
        """What learning goes on from."""
        return self._learner.state()

    def close(self) -> None:
        """There is nothing to end."""


class _Untimed(Lane):
    """A lane whose decisions are not timed: that takes time itself."""

    _num_timed = 0


class _InStepLane(OnlineLane, _Untimed):
    """A lane that waits until its learner has learned."""

    def _start_learner(self, state: bytes | None, tell: Callable[[str], None]) -> InStep:
        return InStep(self._kind.make_learner())


def check_twin(name: str) -> None:
    """Check that a scheduler has a twin that learns.

    Raises:
        HybridClusterError: If not.
    """
    if f"{name}{ONLINE_SUFFIX}" not in ONLINE:
        known = [other.removesuffix(ONLINE_SUFFIX) for other in ONLINE]
        raise unknown_name("scheduler that learns online", name, known)


def play_twins(name: str, episodes: Iterable[Arrived], seed: int) -> TwinEpisodes:
    """Let a scheduler and its twin that learns play the same episodes.

    Args:
        name: Of the scheduler.
        episodes: In batches, solved; learning goes on after each.
        seed: Of their own choices, such as the exploration.

    Raises:
        HybridClusterError: If there is no such scheduler, or it does not fit a problem.
    """
    check_twin(name)
    online, frozen = _InStepLane(f"{name}{ONLINE_SUFFIX}", seed), _frozen_lane(name, seed)
    learned, kept, versions = [], [], []
    for arrived in episodes:
        learned.append(play_batch(online, arrived).values[GAP])
        kept.append(play_batch(frozen, arrived).values[GAP])
        versions.append(np.full(len(arrived.batch), online.model_version))
    return TwinEpisodes(np.concatenate(learned), np.concatenate(kept), np.concatenate(versions))


def _frozen_lane(name: str, seed: int) -> Lane:
    """A lane that keeps the model with which the other begins, and draws nothing at random."""
    kind = ONLINE[f"{name}{ONLINE_SUFFIX}"]
    model = replace(kind.start(), exploration=0.0)

    def make(env: Any) -> Scheduler:
        return kind.make(env, model, seed)

    return _Untimed(SchedulerSpec(name, make, kind.observe_queues, learned=True))
