"""What a scheduler may know when it places a task, for any number of episodes at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.model.cost_tables import CostTables, PoolCosts
from cpu_gpu_env.model.costs import share_energy_j
from cpu_gpu_env.model.tasks import FloatArray, IntArray
from cpu_gpu_env.problem.objective import Objective
from cpu_gpu_env.problem.observation import Observations
from cpu_gpu_env.sim.instance import Instance
from cpu_gpu_env.sim.pool import Queue

Actions = npt.NDArray[np.integer]
Batch = TypeVar("Batch", "PoolState", "SchedulingState")


@dataclass(frozen=True, eq=False)
class PoolState:
    """One pool of devices in each of n episodes, as it would serve the task to place.

    Its share of the task goes to the *next* device, the one that is free first. Times are without
    noise.
    """

    free_s: FloatArray
    """(n, devices): when the devices are free, ascending, after the first arrival [s]."""
    start_s: FloatArray
    """(n,): when the next device could start the task [s]."""
    time_s: FloatArray
    """(n, actions): execution time on the next device [s]; 0 without a share."""
    energy_j: FloatArray
    """(n, actions): energy above idle on the next device [J]; 0 without a share."""
    price: FloatArray
    """(n,): fluid price of a second of the next device [objective of one task per s]."""

    @property
    def finish_s(self) -> FloatArray:
        """(n, actions): when the share of the task would finish [s]; 0 without a share."""
        return np.where(self.time_s > 0.0, self.start_s[:, None] + self.time_s, 0.0)

    def row(self, index: int) -> PoolState:
        """The same of one episode, n = 1."""
        return PoolState(*(getattr(self, f.name)[index : index + 1] for f in fields(self)))

    def free_after_s(self) -> FloatArray:
        """(n, actions, devices): when the devices would be free, ascending [s]."""
        after_s = np.repeat(self.free_s[:, None], self.time_s.shape[1], axis=1)
        np.copyto(after_s[:, :, 0], self.finish_s, where=self.time_s > 0.0)
        after_s.sort(axis=2)
        return after_s


@dataclass(frozen=True, eq=False)
class SchedulingState:
    """The task to place in each of n episodes, and the devices that would serve it."""

    arrival_s: FloatArray
    """(n,): arrival of the task, after the first arrival of its episode [s]."""
    tasks_left: npt.NDArray[np.int64]
    """(n,): tasks of the episode still to be placed, this one included."""
    cpus: PoolState
    """The CPU pool."""
    gpus: PoolState
    """The GPU pool."""
    action_mask: npt.NDArray[np.int8]
    """(n, actions): 1 where the fraction fits."""
    observation: Observations
    """(n, features): what the environment shows; without features where nobody asked for it."""

    @property
    def energy_j(self) -> FloatArray:
        """(n, actions): energy above idle [J]."""
        return self.cpus.energy_j + self.gpus.energy_j

    @property
    def makespan_s(self) -> FloatArray:
        """(n,): last finish so far [s]."""
        return np.asarray(np.maximum(self.cpus.free_s[:, -1], self.gpus.free_s[:, -1]))

    @property
    def finish_s(self) -> FloatArray:
        """(n, actions): when the last share of the task would finish [s]."""
        return np.asarray(np.maximum(self.cpus.finish_s, self.gpus.finish_s))

    def row(self, index: int) -> SchedulingState:
        """The same of one episode, n = 1."""
        one, pools = slice(index, index + 1), (self.cpus.row(index), self.gpus.row(index))
        task = self.arrival_s[one], self.tasks_left[one]
        return SchedulingState(*task, *pools, self.action_mask[one], self.observation[one])

    def wait_s(self, actions: Actions) -> FloatArray:
        """Time from arrival to the start of the task's first share if these (n,) are chosen [s]."""
        every = np.arange(len(self))
        first_s = np.minimum(
            *(
                np.where(pool.time_s[every, actions] > 0.0, pool.start_s, np.inf)
                for pool in (self.cpus, self.gpus)
            )
        )
        return np.asarray(first_s - self.arrival_s)

    def __len__(self) -> int:
        return len(self.observation)

    @staticmethod
    def of_observation(observation: Observations) -> SchedulingState:
        """A state of which no more is known than the observation (n, features).

        Its tasks have no actions and its pools no devices.
        """
        zeros, nothing = np.zeros(len(observation)), np.empty((len(observation), 0))
        pool = PoolState(nothing, zeros, nothing, nothing, zeros)
        tasks_left = np.zeros(len(observation), dtype=np.int64)
        mask = np.empty((len(observation), 0), dtype=np.int8)
        return SchedulingState(zeros, tasks_left, pool, pool, mask, observation)

    def observed(self, observation: Observations) -> SchedulingState:
        """The same with an observation (n, features)."""
        return replace(self, observation=observation)


def stack_states(states: Sequence[Batch]) -> Batch:
    """Join the states of several environments into one."""
    first = states[0]
    if len(states) == 1:
        return first
    columns = {
        field.name: [getattr(state, field.name) for state in states] for field in fields(first)
    }
    joined: dict[str, Any] = {
        name: stack_states(column) if isinstance(column[0], PoolState) else np.concatenate(column)
        for name, column in columns.items()
    }
    return type(first)(**joined)


@runtime_checkable
class HasSchedulingState(Protocol):
    """An environment of this package, single or vector."""

    objective: Objective

    @property
    def episode_over(self) -> npt.NDArray[np.bool_]:
        """Which sub-environments have no task to place."""

    def scheduling_state(self) -> SchedulingState:
        """Return the state of every sub-environment."""

    def current_observation(self) -> Observations:
        """Return what is observed, (features,) or (num_envs, features)."""

    def instances(self) -> list[Instance]:
        """Return the whole episode of every sub-environment: for oracles only."""


def look_up_state(
    costs: CostTables,
    objective: Objective,
    rows: IntArray,
    arrival_s: FloatArray,
    tasks_left: npt.NDArray[np.int64],
    queues: Sequence[Queue],
) -> SchedulingState:
    """Build the state from the queues.

    Args:
        costs: Tables that `rows` point into.
        objective: Source of the prices.
        rows: (n,) row of the task in the tables.
        arrival_s: (n,) arrival [s].
        tasks_left: (n,) tasks still to be placed.
        queues: Of the CPU pool and of the GPU pool.
    """
    cpus, gpus = (
        _look_up_pool(pool, prices, rows, arrival_s, *queue)
        for pool, prices, queue in zip(costs.pools, objective.prices, queues, strict=True)
    )
    nothing = np.empty((len(rows), 0), dtype=np.float32)
    return SchedulingState(arrival_s, tasks_left, cpus, gpus, costs.action_masks(rows), nothing)


def _look_up_pool(
    costs: PoolCosts,
    prices: Sequence[float],
    rows: IntArray,
    arrival_s: FloatArray,
    free_s: FloatArray,
    next_type: IntArray,
) -> PoolState:
    time_s = np.maximum(costs.time_s[next_type, rows], 0.0)
    return PoolState(
        free_s=free_s,
        start_s=np.maximum(free_s[:, 0], arrival_s),
        time_s=time_s,
        energy_j=share_energy_j(time_s, costs.power_w[next_type, rows]),
        price=np.array(prices)[next_type],
    )
