"""The devices of a cluster in many environments, in step, and the rewards that they earn."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.envs.step_table import FEATURES, POWERS, TIMES, StepTable
from cpu_gpu_env.model.costs import share_energy_j
from cpu_gpu_env.model.tasks import FloatArray, IntArray
from cpu_gpu_env.problem.observation import Observations, with_queues_batch
from cpu_gpu_env.problem.problem import Problem
from cpu_gpu_env.problem.task_features import NUM_FEATURES, Features
from cpu_gpu_env.sim.pool import Where, make_pool_batch
from cpu_gpu_env.sim.task_stream import TaskStream


class ClusterBatch:
    """Both pools in every environment.

    A step looks up the times of all shares in one go, hands them to the pools and adds up what
    these return; all arrays are made once.

    Args:
        problem: Source of the costs and of the objective.
        num_envs: Number of environments.
        table: What is looked up about the tasks, until it is replaced.
    """

    def __init__(self, problem: Problem, num_envs: int, table: StepTable) -> None:
        self.table = table
        self._objective, costs = problem.objective, problem.costs
        self.cpus, self.gpus = (
            make_pool_batch(pool, [-price for price in prices], num_envs)
            for pool, prices in zip(costs.pools, problem.objective.prices, strict=True)
        )
        self.active_energy_j = np.zeros(num_envs)
        """(num_envs,): energy above idle of the episodes so far [J]."""
        self._mixed = costs.cpus.num_types * costs.gpus.num_types > 1
        # Of each type, where it has one power: a product is cheaper than another look-up.
        self._type_power_w = [pool.power_w[:, 0, 0].copy() for pool in costs.pools]
        self._power_w = np.array([power_w[:1] for power_w in self._type_power_w])
        if self._mixed:
            self._power_w = np.empty((2, num_envs))
        self._index = np.empty(num_envs, dtype=np.intp)
        self._packed_features = np.empty((num_envs, FEATURES.itemsize // 4), dtype=np.float32)
        self._packed_times = np.empty(num_envs, dtype=TIMES)
        self._packed_powers = np.empty(num_envs if costs.power_varies else 0, dtype=POWERS)
        self._time_s = np.empty((2, num_envs))
        self._energy_j = np.empty((2, num_envs))
        self._reward = np.empty(num_envs)

    def clear(self, envs: Where) -> None:
        """Make all devices of some environments idle at time 0."""
        self.cpus.clear(envs)
        self.gpus.clear(envs)
        self.active_energy_j[envs] = 0.0

    def features(self, row: IntArray) -> Features:
        """Features (num_envs, 3) of tasks; the memory is the caller's."""
        np.multiply(row, self.table.features_stride, out=self._index)
        padded = self._packed_features
        self.table.features.take(self._index, out=padded.view(FEATURES)[:, 0], mode="clip")
        # Without the padding, since JAX takes contiguous memory alone. By column: rows are short.
        features = np.empty((len(row), NUM_FEATURES), dtype=np.float32)
        for column in range(NUM_FEATURES):
            features[:, column] = padded[:, column]
        return features

    def observations(self, stream: TaskStream, observe_queues: bool) -> Observations:
        """Observations (num_envs, features) of the current tasks; the memory is the caller's."""
        features = self.features(stream.row)
        if not observe_queues:
            return features
        return with_queues_batch(
            features,
            np.concatenate([self.cpus.sorted_free_s(), self.gpus.sorted_free_s()]),
            stream.arrival_s,
            self._objective.reference.makespan_s * stream.num_tasks,
            stream.steps_left() / stream.num_tasks,
        )

    def place(self, stream: TaskStream, actions: npt.NDArray[np.int64]) -> FloatArray:
        """Serve the shares of all current tasks; return the rewards, in memory of their own."""
        table, index = self.table, self._index
        np.multiply(stream.row, table.times_stride, out=index)
        np.add(index, actions, out=index)
        power_w = self._power_w
        rows_before: IntArray | int = 0
        if self._mixed:
            cpu_type, gpu_type = self.cpus.next_type(), self.gpus.next_type()
            cpu_power_w, gpu_power_w = self._type_power_w
            rows_before = (cpu_type * len(gpu_power_w) + gpu_type) * table.num_tasks
            index += rows_before * table.times_stride
            cpu_power_w.take(cpu_type, out=power_w[0], mode="clip")
            gpu_power_w.take(gpu_type, out=power_w[1], mode="clip")
        table.times.take(index, out=self._packed_times, mode="clip")
        np.copyto(self._time_s, self._packed_times.view(np.float32).reshape(-1, 2).T)
        if table.powers is not None:
            # Entries of powers are as wide as those of features, so they are at another index.
            np.multiply(stream.row + rows_before, table.features_stride, out=index)
            np.add(index, actions, out=index)
            table.powers.take(index, out=self._packed_powers, mode="clip")
            power_w = self._packed_powers.view(np.float64).reshape(-1, 2).T
        noise = stream.noise()
        if noise is not None:
            self._time_s *= noise
        cpu_time_s, gpu_time_s = self._time_s
        cpu_energy_j, gpu_energy_j = share_energy_j(self._time_s, power_w, out=self._energy_j)
        rewards, reward = np.empty(len(index)), self._reward
        self.cpus.serve(stream.arrival_s, cpu_time_s, out=rewards)
        self.gpus.serve(stream.arrival_s, gpu_time_s, out=reward)
        np.add(rewards, reward, out=rewards)
        energy_j = np.add(cpu_energy_j, gpu_energy_j, out=cpu_energy_j)
        np.multiply(energy_j, -self._objective.energy_price, out=reward)
        np.add(rewards, reward, out=rewards)
        np.add(self.active_energy_j, energy_j, out=self.active_energy_j)
        return rewards

    def makespan_s(self) -> FloatArray:
        """When all work so far is done, (num_envs,) [s]."""
        return np.maximum(self.cpus.last_finish_s(), self.gpus.last_finish_s())

    def potential(self) -> FloatArray:
        """What an episode that ends now still has to pay, (num_envs,)."""
        rewarded = self.cpus.paid() + self.gpus.paid()
        return np.asarray(self._objective.makespan_price * self.makespan_s() + rewarded)

    def results(self, num_tasks: int) -> dict[str, FloatArray]:
        """What the episodes have come to, (num_envs,) each, keyed as in ``info``."""
        return self._objective.results(self.makespan_s(), self.active_energy_j, num_tasks)
