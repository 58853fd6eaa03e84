"""Lanes: each scheduler with a copy of the cluster of its own, on which it plays the same tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from cpu_gpu_env.baselines.evaluation.comparison import SchedulerSpec, with_gaps
from cpu_gpu_env.baselines.evaluation.play import EpisodePlay
from cpu_gpu_env.baselines.oracle.scheduler import Replay
from cpu_gpu_env.baselines.oracle.search import OracleSchedule
from cpu_gpu_env.baselines.schedulers.base import Predictor
from cpu_gpu_env.envs.vector_env import HybridClusterVectorEnv
from cpu_gpu_env.model.tasks import FloatArray, IntArray, Tasks
from cpu_gpu_env.results import metrics
from cpu_gpu_env.results.electricity import electricity_cost
from cpu_gpu_env.results.records import ORACLE, EpisodeResults
from cpu_gpu_env.runtime.records import EpisodeBatch, LaneEpisodes
from cpu_gpu_env.sim.instance import Instance
from cpu_gpu_env.sim.placed import place_tasks

TIMED_DECISIONS = 20
"""Single decisions of each lane that are timed in a batch."""


@dataclass(frozen=True, eq=False)
class Arrived:
    """A batch of episodes that has arrived, and what the oracle makes of it."""

    batch: EpisodeBatch
    """The episodes."""
    instances: Sequence[Instance]
    """What an oracle sees of each."""
    tasks: Sequence[Tasks]
    """Tasks of each."""
    oracle: Sequence[OracleSchedule] | None = None
    """Schedule and bound of each; None: nobody asked for them."""
    rows: Sequence[IntArray] | None = None
    """Rows of the workload's pool that the tasks of each are, (num_tasks,); None: of none."""

    @staticmethod
    def of(batch: EpisodeBatch) -> Arrived:
        """Let the tasks of a batch arrive."""
        env = HybridClusterVectorEnv(len(batch), **batch.phase.env_kwargs)
        options = None if batch.tasks is None else {"tasks": list(batch.tasks)}
        env.reset(seed=list(batch.seeds), options=options)
        rows = env.episode_rows() if batch.tasks is None else batch.rows
        return Arrived(batch, env.instances(), env.episode_tasks(), rows=rows)

    @cached_property
    def bounds(self) -> FloatArray | None:
        """(n,): no schedule of an episode has a smaller J; None without the oracle."""
        if self.oracle is None:
            return None
        return np.array([schedule.bound for schedule in self.oracle])


class Lane:
    """One scheduler in the stream.

    Its environment, and what was built for that, serve as long as phase and size of the batches
    stay the same.

    Args:
        spec: The scheduler.
        electricity_price: A kWh, in any currency; None: none.
    """

    model_version = 0
    """Of the model that decides; 0: as the run began."""
    exploration = 0.0
    """Part of the decisions that are drawn at random."""

    def __init__(self, spec: SchedulerSpec, electricity_price: float | None = None) -> None:
        self.spec = spec
        self._electricity_price = electricity_price
        self._env: HybridClusterVectorEnv | None = None
        self._key: Any = None
        self._made: list[Predictor] = []
        self._arrived: Arrived | None = None
        self._play: EpisodePlay | None = None

    @property
    def name(self) -> str:
        """Name in the tables."""
        return self.spec.name

    def begin(self, arrived: Arrived) -> None:
        """Begin a batch of episodes."""
        batch = arrived.batch
        key = batch.phase, len(batch)
        if self._key != key or self._env is None:
            kwargs = {**batch.phase.env_kwargs, "observe_queues": self.spec.observe_queues}
            self._env, self._key = HybridClusterVectorEnv(len(batch), **kwargs), key
            self._made = []
        self._arrived = arrived
        made = iter(self._made)

        def make(env: Any) -> Predictor:
            scheduler = next(made, None)
            if scheduler is None:
                scheduler = self._make(env)
                self._made.append(scheduler)
            return scheduler

        self._play = EpisodePlay(make, self._env, batch.seeds, self._num_timed, batch.tasks)

    _num_timed = TIMED_DECISIONS

    def _make(self, env: Any) -> Predictor:
        """Build the scheduler for an environment."""
        return self.spec.make(env)

    def step(self) -> bool:
        """Place the next task of each episode; return whether there are more."""
        assert self._play is not None
        self._play.step()
        return self._play.placed < self._play.num_tasks

    def waits_s(self) -> dict[str, list[float]]:
        """How long each device is busy still, ascending, in the first episode of a batch [s]."""
        assert self._env is not None
        state = self._env.scheduling_state()
        return {
            name: np.maximum(pool.free_s[0] - state.arrival_s[0], 0.0).tolist()
            for name, pool in (("cpus", state.cpus), ("gpus", state.gpus))
        }

    def finish(self) -> LaneEpisodes:
        """Place what is left of the batch; return what came of it."""
        assert self._play is not None
        assert self._arrived is not None
        results = self._play.finish()
        return self._measure(self._arrived, results, self._play.decision_s)

    def _measure(
        self, arrived: Arrived, results: EpisodeResults, decision_s: FloatArray
    ) -> LaneEpisodes:
        placed = place_tasks(arrived.instances, results.actions)
        results = with_gaps(self.name, results, arrived.bounds)
        wait_s, response_s = placed.wait_s, placed.response_s
        values = {
            **results.values,
            metrics.P99_WAIT: np.percentile(wait_s, 99, axis=1),
            metrics.MEAN_RESPONSE: response_s.mean(axis=1),
            metrics.P99_RESPONSE: np.percentile(response_s, 99, axis=1),
            metrics.MEAN_SLOWDOWN: placed.slowdown.mean(axis=1),
        }
        if arrived.bounds is not None:
            values[metrics.REGRET] = results.objective - arrived.bounds
        if self._electricity_price is not None:
            values[metrics.ELECTRICITY_COST] = electricity_cost(
                results.energy_j, self._electricity_price
            )
        cluster = arrived.batch.phase.problem.cluster
        return LaneEpisodes(
            actions=results.actions,
            values=values,
            placed=placed,
            utilisation=placed.utilisation(len(cluster.cpus), len(cluster.gpus)),
            decision_s=decision_s,
            model_version=self.model_version,
            exploration=self.exploration,
        )


class OracleLane(Lane):
    """The oracle: it plays the schedules that were made as the episodes arrived.

    Args:
        electricity_price: A kWh, in any currency; None: none.
    """

    _num_timed = 0  # it plans ahead

    def __init__(self, electricity_price: float | None = None) -> None:
        super().__init__(SchedulerSpec(ORACLE, self._replay), electricity_price)

    def begin(self, arrived: Arrived) -> None:
        """Begin a batch of episodes, with their plans."""
        self._made = []
        super().begin(arrived)

    def _replay(self, env: Any) -> Replay:
        assert self._arrived is not None
        assert self._arrived.oracle is not None
        return Replay(env, np.stack([schedule.actions for schedule in self._arrived.oracle]))


def play_batch(lane: Lane, arrived: Arrived) -> LaneEpisodes:
    """Let a lane play a whole batch."""
    lane.begin(arrived)
    return lane.finish()
