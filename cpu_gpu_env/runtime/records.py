"""What flows through the runtime: phases, batches of episodes, what a lane made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.model.cluster import Cluster
from cpu_gpu_env.model.tasks import FloatArray, IntArray, Tasks
from cpu_gpu_env.problem.problem import Problem, make_problem
from cpu_gpu_env.results.metrics import Metric
from cpu_gpu_env.sim.placed import PlacedTasks


@dataclass(frozen=True, eq=False)
class Phase:
    """A stretch of the stream in which the problem stays the same."""

    env_kwargs: Mapping[str, Any]
    """Arguments of the environment."""
    episodes: int | None = None
    """How many; None: without end."""
    name: str = ""
    """What it is called in a drift: before, drift, back; empty: there is no drift."""

    @cached_property
    def problem(self) -> Problem:
        """What is scheduled.

        Raises:
            HybridClusterError: If an argument is not valid.
        """
        return make_problem(**self.env_kwargs)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the problem, whose tables are large and quickly made again."""
        return {name: value for name, value in vars(self).items() if name != "problem"}


@dataclass(frozen=True, eq=False)
class EpisodeBatch:
    """Episodes of the stream that follow each other, of one phase."""

    first: int
    """Number of the first within the stream."""
    phase: Phase
    """Its problem."""
    seeds: tuple[int, ...]
    """One an episode."""
    tasks: Sequence[Tasks] | None = None
    """Given tasks of each, the windows of a trace; None: drawn by the seeds."""
    rows: Sequence[IntArray] | None = None
    """Rows of the pool that given tasks are, (num_tasks,) each; None: not known."""

    def __len__(self) -> int:
        return len(self.seeds)


@dataclass(frozen=True, eq=False)
class LaneEpisodes:
    """What one scheduler made of a batch of n episodes."""

    actions: npt.NDArray[np.int64]
    """(n, num_tasks)."""
    values: Mapping[Metric, FloatArray]
    """(n,) of each of `STREAM_METRICS`; gap and regret only where there are bounds, the electricity
    only where there is a price."""
    placed: PlacedTasks
    """When each task ran, and where."""
    utilisation: FloatArray
    """(n, devices): busy time over makespan, CPUs first."""
    decision_s: FloatArray
    """Wall-clock times of single decisions [s]."""
    model_version: int = 0
    """Of the model that decided; 0: as the run began."""
    exploration: float = 0.0
    """Part of the decisions that were drawn at random."""


@dataclass(frozen=True, eq=False)
class Experience:
    """Finished episodes as a learner gets them: enough to play them again, and small."""

    batch: EpisodeBatch
    """The episodes."""
    actions: npt.NDArray[np.int64]
    """(n, num_tasks): the lane's own."""
    oracle_actions: npt.NDArray[np.int64]
    """(n, num_tasks): the oracle's, in hindsight; -1 where nobody asked it."""


@dataclass(frozen=True, eq=False)
class LearnedModel:
    """A model to swap in, whole."""

    version: int
    """Counts up from 1."""
    content: bytes
    """The file of a forest or of an agent."""
    score: Mapping[str, float] = field(default_factory=dict)
    """How the version before did on what this one has learned from, before it learned."""
    exploration: float = 0.0
    """Part of the decisions to draw at random."""
    state: bytes | None = None
    """`Learner.state` as this model was made, where one learns in the background."""
    cluster: Cluster | None = None
    """Where what it has learned holds; None: anywhere."""


class Learner(Protocol):
    """Learns from finished episodes; knows neither the stream nor the process that it is in."""

    def learn(self, experience: Experience) -> LearnedModel | None:
        """Score the model on finished episodes, then learn; return a new model if there is one."""

    def state(self) -> bytes:
        """What a learner of the same kind goes on from: plain arrays and JSON, no pickle."""

    def restore(self, state: bytes) -> None:
        """Go on from a state.

        Raises:
            HybridClusterError: If it is damaged, or of another kind of learner.
        """
