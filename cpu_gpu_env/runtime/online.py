"""Schedulers that go on learning while the stream runs, by name, and their lanes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np

from cpu_gpu_env.baselines.evaluation.comparison import SchedulerSpec
from cpu_gpu_env.baselines.schedulers.base import Scheduler
from cpu_gpu_env.model.cluster import Cluster
from cpu_gpu_env.runtime import dqn_learner, forest_learner
from cpu_gpu_env.runtime.background import BackgroundLearner
from cpu_gpu_env.runtime.lanes import Arrived, Lane
from cpu_gpu_env.runtime.records import Experience, LaneEpisodes, LearnedModel, Learner
from cpu_gpu_env.runtime.trained_files import ONLINE_SUFFIX


@dataclass(frozen=True)
class OnlineKind:
    """A scheduler that learns."""

    start: Callable[[], LearnedModel]
    """What its lane begins with."""
    make_learner: Callable[[], Learner]
    """Makes its learner, in another process."""
    make: Callable[[Any, LearnedModel, int | None], Scheduler]
    """Builds the scheduler from an environment, a model and a seed."""
    observe_queues: bool
    """Whether it is shown the queues."""
    needs_oracle: bool
    """Whether it learns from what the oracle did."""


def _dqn(name: str, observe_queues: bool) -> OnlineKind:
    start = partial(dqn_learner.starting_model, name)
    learner = partial(_make_dqn_learner, name)
    return OnlineKind(start, learner, dqn_learner.make_online, observe_queues, needs_oracle=False)


def _make_dqn_learner(name: str) -> Learner:
    return dqn_learner.DQNLearner(dqn_learner.starting_model(name))


ONLINE: dict[str, OnlineKind] = {
    f"random-forest{ONLINE_SUFFIX}": OnlineKind(
        forest_learner.starting_model,
        forest_learner.ForestLearner,
        forest_learner.make_online,
        observe_queues=False,
        needs_oracle=True,
    ),
    f"dqn{ONLINE_SUFFIX}": _dqn("dqn", observe_queues=False),
    f"dqn-queues{ONLINE_SUFFIX}": _dqn("dqn-queues", observe_queues=True),
}
"""Name -> how it learns."""


@dataclass(frozen=True, eq=False)
class Kept:
    """What the store holds of a lane that has learned."""

    model: LearnedModel | None
    """The newest one; None: there is none yet."""
    state: bytes | None
    """What learning goes on from; None: there is nothing."""


class LearnerRunner(Protocol):
    """What runs the learner of a lane, in this process or in another."""

    def offer(self, experience: Experience) -> None:
        """Hand over finished episodes."""

    def take(self) -> LearnedModel | None:
        """The newest model since the last call; None: there is none."""

    def state(self, wait_s: float = ...) -> bytes | None:
        """What learning goes on from; None: it has not told within that time [s]."""

    def close(self) -> None:
        """End it."""


class OnlineLane(Lane):
    """A lane whose scheduler learns from what the lane has finished, in a process of its own.

    A new model takes over whole, between two batches.

    Args:
        name: A key of `ONLINE`.
        seed: Of the scheduler's own choices.
        electricity_price: A kWh, in any currency; None: none.
        kept: What a resumed run goes on from; None: it starts anew.
        tell: Called with a line when something goes wrong with learning.
    """

    def __init__(
        self,
        name: str,
        seed: int | None = None,
        electricity_price: float | None = None,
        kept: Kept | None = None,
        tell: Callable[[str], None] = print,
    ) -> None:
        kind = ONLINE[name]
        spec = SchedulerSpec(name, self._from_model, kind.observe_queues, learned=True)
        super().__init__(spec, electricity_price)
        self._kind, self._seed = kind, seed
        self._model = self._start = kind.start()
        self._models: dict[Cluster | None, LearnedModel] = {}
        """The newest one of each cluster that what it has learned holds for; None: for any."""
        if kept is not None and kept.model is not None:
            self._models[kept.model.cluster] = kept.model
        self._news: list[tuple[LearnedModel, int]] = []
        state = None if kept is None else kept.state
        self.learner = self._start_learner(state, tell)

    def _start_learner(self, state: bytes | None, tell: Callable[[str], None]) -> LearnerRunner:
        """Start what runs the learner, from a state if there is one."""
        return BackgroundLearner(self._kind.make_learner, state, tell=tell)

    def _from_model(self, env: Any) -> Scheduler:
        return self._kind.make(env, self._model, self._seed)

    def begin(self, arrived: Arrived) -> None:
        """Begin a batch of episodes, with the newest model that there is for its cluster."""
        learned = self.learner.take()
        if learned is not None:
            self._models[learned.cluster] = learned
            self._news.append((learned, arrived.batch.first))
        cluster = arrived.batch.phase.problem.cluster
        model = self._models.get(cluster, self._models.get(None, self._start))
        if model is not self._model:
            self._model, self._made = model, []
        self.model_version, self.exploration = self._model.version, self._model.exploration
        super().begin(arrived)

    def finish(self) -> LaneEpisodes:
        """Place what is left of the batch, and hand it to the learner."""
        finished = super().finish()
        arrived = self._arrived
        assert arrived is not None
        labels = np.full_like(finished.actions, -1)
        if arrived.oracle is not None:
            labels = np.stack([schedule.actions for schedule in arrived.oracle])
        self.learner.offer(Experience(arrived.batch, finished.actions, labels))
        return finished

    @property
    def model(self) -> LearnedModel:
        """The one that decides."""
        return self._model

    def take_news(self) -> list[tuple[LearnedModel, int]]:
        """Models that have taken over since the last call, each with its first episode."""
        news, self._news = self._news, []
        return news

    def close(self) -> None:
        """End the process that learns."""
        self.learner.close()
