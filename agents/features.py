"""What an agent's net sees: each action, put through the cluster's cost model.

The observation is scaled to the ranges of one workload and the makespan of one episode, and counts
the devices of one cluster. The net sees what an action does instead, the same for every action: the
queues as the action leaves them, or without queues the task's times, in units of T_ref on
logarithmic scales. Beside them stands what the action loses against the best one by a plain
look-ahead, which the net need not learn: the dual prices, and with queues `FluidLookAhead`. So what
is left to learn is small and smooth, one net serves all actions, and an agent fits any cluster,
workload and length of episode. Nothing is used but the observation and what defines the problem.

The observation has its limits: it does not tell device types, so a pool of several is taken for one
of their mean; and a wait of more than the reference makespan of the episode looks like that, which
happens in short episodes and with dozens of devices.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from cpu_gpu_env.baselines.schedulers.look_ahead import FLUID, FluidLookAhead
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.model.cost_tables import build_cost_tables
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.problem.observation import check_raw, observation_space
from cpu_gpu_env.problem.problem import Problem
from cpu_gpu_env.problem.task_features import NUM_FEATURES
from cpu_gpu_env.sim.state import PoolState, SchedulingState

SHORTEST = 1e-3
"""Times below this, in units of T_ref, look alike: log(0) is no number."""
COST_UNIT = 10.0
"""Costs are in units of the objective of so many tasks: seldom over 1, where DQN's loss is no
longer the square."""
NUM_QUANTILES = 4
"""Devices of a pool that are shown, from the first to the last that is free."""
NUM_CONTEXT = 7
"""Features of the problem itself."""
MEMORY_SLACK = 1e-5
"""A share that just fits must do so still after its memory went through float32."""


def action_size(num_actions: int, observe_queues: bool, context: bool) -> int:
    """Features that describe an action."""
    own = 2 * NUM_QUANTILES + 6 if observe_queues else 2 + 1 + 2 * num_actions
    return own + NUM_CONTEXT * context


def num_features(num_actions: int, observe_queues: bool, context: bool) -> int:
    """How many features there are: the loss of each action, then what describes each."""
    return num_actions * (1 + action_size(num_actions, observe_queues, context))


def feature_space(size: int) -> spaces.Box:
    """Space of `size` features."""
    return spaces.Box(-np.inf, np.inf, (size,), np.float32)


class MeanCosts(NamedTuple):
    """What each action takes on the mean device of a pool, (n, actions) each."""

    time_s: FloatArray
    """Execution time [s]; 0 without a share."""
    energy_j: FloatArray
    """Energy above idle [J]."""


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
        self._look_ahead = FluidLookAhead(problem)
        (self._num_entries,) = observation_space(problem.cluster, observe_queues).shape or ()
        self._task_features = problem.task_features
        self._unit_s = problem.objective.reference.makespan_s
        self._shares = [np.array(p.devices_by_type) / p.num_devices for p in problem.costs.pools]
        """Of each pool, the share of each device type in its devices."""
        self._context = self._describe_problem() if context else np.empty(0)

    def __call__(self, observation: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Map observations (n, entries) to features (n, size), float32.

        Raises:
            HybridClusterError: If the observations are of another environment, or normalised.
        """
        seen: FloatArray = np.asarray(observation, dtype=np.float64)
        check_raw(seen)
        if seen.shape[1] != self._num_entries:
            raise HybridClusterError(
                f"observations have {seen.shape[1]} entries; allowed: {self._num_entries}, as in "
                f"an environment with observe_queues={self.observe_queues}"
            )
        taken = self._action_costs(seen[:, :NUM_FEATURES])
        if self.observe_queues:
            state = self._state(seen, taken)
            costs, described = self._look_ahead.costs(state), self._queues_after(state)
        else:
            costs, described = self._priced(*taken), self._times(*taken)
        losses = (costs - costs.min(axis=1, keepdims=True)) / COST_UNIT
        context = np.broadcast_to(self._context, (*losses.shape, len(self._context)))
        described = np.concatenate([described, context], axis=2)
        joined = np.concatenate([losses, described.reshape(len(seen), -1)], axis=1)
        return joined.astype(np.float32)

    def _action_costs(self, scaled: FloatArray) -> list[MeanCosts]:
        """Costs of each action in each pool, from the task's scaled features (n, 3)."""
        tasks = self._task_features.tasks_like(scaled, 1.0 - MEMORY_SLACK)
        costs = build_cost_tables(self.problem.cluster, tasks, self.problem.gpu_fractions)
        return [
            MeanCosts(
                np.tensordot(share, np.maximum(pool.time_s, 0.0), 1),
                np.tensordot(share, pool.energy_j, 1),
            )
            for pool, share in zip(costs.pools, self._shares, strict=True)
        ]

    def _mean_prices(self) -> list[float]:
        """Fluid price of a second of the mean device of each pool [objective of one task per s]."""
        prices = self.problem.objective.prices
        return [float(share @ own) for share, own in zip(self._shares, prices, strict=True)]

    def _priced(self, cpu: MeanCosts, gpu: MeanCosts) -> FloatArray:
        """Cost of each action at the fluid optimum's prices, (n, actions)."""
        cpu_price, gpu_price = self._mean_prices()
        energy_j = cpu.energy_j + gpu.energy_j
        devices = cpu_price * cpu.time_s + gpu_price * gpu.time_s
        return np.asarray(devices + self.problem.objective.energy_price * energy_j)

    def _times(self, cpu: MeanCosts, gpu: MeanCosts) -> FloatArray:
        """Each action's own times beside those of all, (n, actions, features)."""
        cpu_time, gpu_time = cpu.time_s / self._unit_s, gpu.time_s / self._unit_s
        shortest = np.maximum(cpu_time, gpu_time).min(axis=1, keepdims=True)
        of_all = _log(np.concatenate([shortest, cpu_time, gpu_time], axis=1))[:, None]
        of_all = np.broadcast_to(of_all, (*cpu_time.shape, of_all.shape[2]))
        own = [_log(cpu_time)[..., None], _log(gpu_time)[..., None]]
        return np.concatenate([*own, of_all], axis=2)

    def _state(self, observation: FloatArray, taken: list[MeanCosts]) -> SchedulingState:
        """The state as an observation with queues tells it, the arrival at time 0."""
        shown, num_tasks = observation[:, NUM_FEATURES:], self.problem.num_tasks
        wait_s = shown[:, :-1] * (num_tasks * self._unit_s)
        # What ends an episode shows none left.
        left = np.maximum(np.rint(shown[:, -1] * num_tasks).astype(np.int64), 1)
        free_s = np.split(wait_s, [len(self.problem.cluster.cpus)], axis=1)
        none = np.zeros(len(shown))
        cpus, gpus = (
            PoolState(free, free[:, 0], costs.time_s, costs.energy_j, price=none)
            for free, costs in zip(free_s, taken, strict=True)
        )
        allowed = np.ones(cpus.time_s.shape, dtype=np.int8)
        return SchedulingState(none, left, cpus, gpus, allowed, observation.astype(np.float32))

    def _queues_after(self, state: SchedulingState) -> FloatArray:
        """The queues as each action leaves them, (n, actions, features)."""
        cpus, gpus = (pool.free_after_s() / self._unit_s for pool in (state.cpus, state.gpus))
        to_come = np.broadcast_to((state.tasks_left - 1.0)[:, None], cpus.shape[:2])
        cpu_mean, gpu_mean = cpus.mean(axis=2), gpus.mean(axis=2)
        last = np.maximum(cpus[..., -1], gpus[..., -1])
        columns = [
            np.log1p(cpu_mean),
            np.log1p(gpu_mean),
            np.arcsinh(cpu_mean - gpu_mean),
            np.arcsinh(last - self._fluid_end(cpu_mean, gpu_mean, to_come)),
            np.log1p(to_come) / 2.0,
            1.0 / (1.0 + to_come),
        ]
        pools = [np.log1p(_quantiles(cpus)), np.log1p(_quantiles(gpus))]
        return np.concatenate([*pools, np.stack(columns, axis=2)], axis=2)

    def _fluid_end(self, cpu: FloatArray, gpu: FloatArray, to_come: FloatArray) -> FloatArray:
        """When both pools would finish as a fluid if they are free at these times [T_ref]."""
        ahead, price = self._look_ahead, self.problem.objective.makespan_price
        if price == 0.0:  # time costs nothing, and there is no end to speak of
            return np.zeros_like(cpu)
        free = (ahead.cpu_price[FLUID] * cpu + ahead.gpu_price[FLUID] * gpu) / price
        end: FloatArray = free + ahead.task_cost[FLUID] * to_come / (price * self._unit_s)
        return end

    def _describe_problem(self) -> FloatArray:
        """Energy weight, costs of a second of each pool in T_ref, and sizes, (NUM_CONTEXT,)."""
        objective, costs = self.problem.objective, self.problem.costs
        # Where powers vary, a typical one.
        typical_w = [
            share @ np.median(pool.compact_power_w, axis=(1, 2))
            for share, pool in zip(self._shares, costs.pools, strict=True)
        ]
        energy_prices = [objective.energy_price * power_w for power_w in typical_w]
        prices = np.array([*self._mean_prices(), *energy_prices])
        sizes = np.log([pool.num_devices for pool in costs.pools])
        return np.array([objective.energy_weight, *_log(prices * self._unit_s), *sizes])


def _quantiles(ascending: FloatArray) -> FloatArray:
    """`NUM_QUANTILES` values evenly spaced in the last axis, whatever its length."""
    last = ascending.shape[-1] - 1
    place = np.linspace(0.0, last, NUM_QUANTILES)
    below = np.floor(place).astype(np.intp)
    weight = place - below
    above = np.minimum(below + 1, last)
    return np.asarray(ascending[..., below] * (1.0 - weight) + ascending[..., above] * weight)


def _log(time: FloatArray) -> FloatArray:
    return np.asarray(np.log(np.maximum(time, SHORTEST)) / 2.0)
