"""What an agent's net sees: the observation, unscaled and put through the cluster's cost model.

The observation is scaled to the ranges of one workload and the makespan of one episode, and counts
the devices of one cluster. The net sees times in units of T_ref on a logarithmic scale instead, and
of each pool the first, mean and last free device. So differences that decide between fractions are
as plain for small tasks as for large ones, and an agent fits any cluster, workload and episode.
Nothing is used but the observation and what defines the problem.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.costs import build_cost_tables
from cpu_gpu_env.observation import NUM_FEATURES
from cpu_gpu_env.problem import Problem
from cpu_gpu_env.tasks import FloatArray, Tasks
from cpu_gpu_env.workload import Range

Features = npt.NDArray[np.float32]

SHORTEST = 1e-3
"""Times below this, in units of T_ref, look alike: log(0) is no number."""
SHORTEST_TIME = 0
"""Column of the logarithm of the task's shortest execution time."""


class AgentFeatures:
    """Turns observations of a problem into features.

    Args:
        problem: What the observations are of.
        observe_queues: Whether they show the queues.
    """

    def __init__(self, problem: Problem, observe_queues: bool) -> None:
        self.problem = problem
        self.observe_queues = observe_queues
        self._num_cpus = len(problem.cluster.cpus)
        self._num_gpus = len(problem.cluster.gpus)
        self._unit_s = problem.objective.reference.makespan_s
        workload = problem.workload
        self._ranges = (workload.size_range, workload.intensity_range, workload.memory_range)
        costs = problem.costs
        self._cpu_share = np.bincount(costs.cpu_kind) / len(costs.cpu_kind)
        self._gpu_share = np.bincount(costs.gpu_kind) / len(costs.gpu_kind)

    @property
    def observation_size(self) -> int:
        """Entries of an observation."""
        return NUM_FEATURES + (self._num_cpus + self._num_gpus + 1) * self.observe_queues

    @property
    def size(self) -> int:
        """Number of features."""
        num_actions = len(self.problem.gpu_fractions)
        return 1 + 2 * num_actions + (9 + 3 * num_actions) * self.observe_queues

    def __call__(self, observation: npt.NDArray[np.floating]) -> Features:
        """Map observations (n, observation_size) to features (n, size), float32."""
        observation = np.asarray(observation, dtype=np.float64)
        cpu, gpu = self._times(observation[:, :NUM_FEATURES])
        shortest = np.maximum(cpu, gpu).min(axis=1, keepdims=True)
        columns = [_log(shortest), _log(cpu), _log(gpu)]
        if self.observe_queues:
            columns += self._queues(observation[:, NUM_FEATURES:], cpu, gpu)
        return np.concatenate(columns, axis=1).astype(np.float32)

    def _times(self, scaled: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean time of each fraction on CPU and GPU, (n, actions), 0 without a share [T_ref]."""
        raw = (_unscale(column, r) for column, r in zip(scaled.T, self._ranges, strict=True))
        tasks = Tasks(np.zeros(len(scaled)), *raw)
        costs = build_cost_tables(self.problem.cluster, tasks, self.problem.gpu_fractions)
        return (
            np.tensordot(self._cpu_share, np.maximum(costs.cpu_time_s, 0.0), 1) / self._unit_s,
            np.tensordot(self._gpu_share, np.maximum(costs.gpu_time_s, 0.0), 1) / self._unit_s,
        )

    def _queues(self, observed: FloatArray, cpu: FloatArray, gpu: FloatArray) -> list[FloatArray]:
        """Features of the queues, and of what each fraction does to them."""
        num_tasks = self.problem.num_tasks
        waits = observed[:, :-1] * num_tasks
        tasks_left = observed[:, -1:] * num_tasks
        cpus, gpus = waits[:, : self._num_cpus], waits[:, self._num_cpus :]
        cpu_mean, gpu_mean = cpus.mean(axis=1, keepdims=True), gpus.mean(axis=1, keepdims=True)
        summary = np.concatenate(
            [cpus[:, :1], cpu_mean, cpus[:, -1:], gpus[:, :1], gpu_mean, gpus[:, -1:]], axis=1
        )
        finish = np.maximum(
            np.where(cpu > 0, cpus[:, :1] + cpu, 0.0), np.where(gpu > 0, gpus[:, :1] + gpu, 0.0)
        )
        last = waits[:, [self._num_cpus - 1, -1]].max(axis=1, keepdims=True)
        lead = (cpu_mean + cpu / self._num_cpus) - (gpu_mean + gpu / self._num_gpus)
        return [
            np.log1p(summary),
            np.arcsinh(cpu_mean - gpu_mean),
            np.log1p(tasks_left) / 2.0,
            1.0 / (1.0 + tasks_left),
            np.log1p(finish),
            np.arcsinh(lead),
            np.arcsinh(finish - last),
        ]


def _unscale(scaled: FloatArray, declared: Range) -> FloatArray:
    """Undo `Range.scale`."""
    return np.asarray(declared.low * (declared.high / declared.low) ** scaled)


def _log(time: FloatArray) -> FloatArray:
    return np.asarray(np.log(np.maximum(time, SHORTEST)) / 2.0)
