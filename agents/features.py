"""What an agent's net sees: the observation, unscaled and put through the cluster's cost model.

The observation is scaled to the ranges of one workload and the makespan of one episode, and counts
the devices of one cluster. The net sees times in units of T_ref on a logarithmic scale instead, and
of each pool the first, mean and last free device. So what decides between fractions is as plain for
small tasks as for large ones, and an agent fits any cluster, workload and length of episode.
Nothing is used but the observation and what defines the problem.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from cpu_gpu_env.costs import build_cost_tables
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.observation import NUM_FEATURES, observation_space
from cpu_gpu_env.problem import Problem
from cpu_gpu_env.tasks import FloatArray, Tasks
from cpu_gpu_env.workload import Range

Features = npt.NDArray[np.float32]

SHORTEST = 1e-3
"""Times below this, in units of T_ref, look alike: log(0) is no number."""
LOG_TIME = 0
"""Column of half the logarithm of the task's shortest execution time in units of T_ref."""
NUM_CONTEXT = 7
"""Features of the problem itself."""


def num_features(num_actions: int, observe_queues: bool, context: bool) -> int:
    """How many features there are."""
    queues = (9 + 3 * num_actions) * observe_queues
    return 1 + 2 * num_actions + queues + NUM_CONTEXT * context


def feature_space(size: int) -> spaces.Box:
    """Space of `size` features."""
    return spaces.Box(-np.inf, np.inf, (size,), np.float32)


class AgentFeatures:
    """Turns observations of a problem into features.

    Args:
        problem: What the observations are of.
        observe_queues: Whether they show the queues.
        context: Whether the features include the problem's own: energy weight, prices, devices.
    """

    def __init__(self, problem: Problem, observe_queues: bool, context: bool = False) -> None:
        self.problem = problem
        self.observe_queues = observe_queues
        self.size = num_features(len(problem.gpu_fractions), observe_queues, context)
        self._num_cpus = len(problem.cluster.cpus)
        self._num_gpus = len(problem.cluster.gpus)
        (self._num_entries,) = observation_space(problem.cluster, observe_queues).shape or ()
        self._unit_s = problem.objective.reference.makespan_s
        workload, costs = problem.workload, problem.costs
        self._ranges = (workload.size_range, workload.intensity_range, workload.memory_range)
        self._cpu_share = np.bincount(costs.cpu_kind) / self._num_cpus
        self._gpu_share = np.bincount(costs.gpu_kind) / self._num_gpus
        self._context = self._describe_problem() if context else None

    def __call__(self, observation: npt.NDArray[np.floating]) -> Features:
        """Map observations (n, entries) to features (n, size), float32.

        Raises:
            HybridClusterError: If the observations are of another environment.
        """
        seen: FloatArray = np.asarray(observation, dtype=np.float64)
        if seen.shape[1] != self._num_entries:
            raise HybridClusterError(
                f"observations have {seen.shape[1]} entries; allowed: {self._num_entries}, as in "
                f"an environment with observe_queues={self.observe_queues}"
            )
        cpu, gpu = self._times(seen[:, :NUM_FEATURES])
        shortest = np.maximum(cpu, gpu).min(axis=1, keepdims=True)
        columns = [_log(shortest), _log(cpu), _log(gpu)]
        if self.observe_queues:
            columns += self._queues(seen[:, NUM_FEATURES:], cpu, gpu)
        if self._context is not None:
            columns.append(np.broadcast_to(self._context, (len(seen), NUM_CONTEXT)))
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
        waits = observed[:, :-1] * self.problem.num_tasks
        tasks_left = observed[:, -1:] * self.problem.num_tasks
        cpus, gpus = waits[:, : self._num_cpus], waits[:, self._num_cpus :]
        cpu_mean, gpu_mean = cpus.mean(axis=1, keepdims=True), gpus.mean(axis=1, keepdims=True)
        finish = np.maximum(
            np.where(cpu > 0, cpus[:, :1] + cpu, 0.0), np.where(gpu > 0, gpus[:, :1] + gpu, 0.0)
        )
        last = np.maximum(cpus[:, -1:], gpus[:, -1:])
        lead = (cpu_mean + cpu / self._num_cpus) - (gpu_mean + gpu / self._num_gpus)
        pools = [cpus[:, :1], cpu_mean, cpus[:, -1:], gpus[:, :1], gpu_mean, gpus[:, -1:]]
        return [
            *(np.log1p(wait) for wait in pools),
            np.arcsinh(cpu_mean - gpu_mean),
            np.log1p(tasks_left) / 2.0,
            1.0 / (1.0 + tasks_left),
            np.log1p(finish),
            np.arcsinh(lead),
            np.arcsinh(finish - last),
        ]

    def _describe_problem(self) -> FloatArray:
        """Energy weight, costs of a second of each pool in T_ref, and sizes, (NUM_CONTEXT,)."""
        objective, costs = self.problem.objective, self.problem.costs
        # Where powers vary, a typical one.
        cpu_w, gpu_w = (np.median(power_w, axis=(1, 2)) for power_w in costs.powers_w)
        prices = np.array(
            [
                self._cpu_share @ objective.cpu_prices,
                self._gpu_share @ objective.gpu_prices,
                objective.energy_price * (self._cpu_share @ cpu_w),
                objective.energy_price * (self._gpu_share @ gpu_w),
            ]
        )
        return np.array(
            [
                objective.energy_weight,
                *_log(prices * self._unit_s),
                np.log(self._num_cpus),
                np.log(self._num_gpus),
            ]
        )


def _unscale(scaled: FloatArray, declared: Range) -> FloatArray:
    """Undo `Range.scale`."""
    return np.asarray(declared.low * (declared.high / declared.low) ** scaled)


def _log(time: FloatArray) -> FloatArray:
    return np.asarray(np.log(np.maximum(time, SHORTEST)) / 2.0)
