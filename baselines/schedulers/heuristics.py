"""Heuristics that look at the current task and, some of them, at the queues."""

from __future__ import annotations

from typing import Any

import numpy as np

from cpu_gpu_env.baselines.schedulers.base import StateScheduler
from cpu_gpu_env.baselines.schedulers.look_ahead import FluidLookAhead
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.sim.state import SchedulingState


class Greedy(StateScheduler):
    """The fraction with the shortest execution of this task, blind to the queues."""

    def scores(self, state: SchedulingState) -> FloatArray:
        """Execution time of the slower share [s]."""
        return np.asarray(np.maximum(state.cpus.time_s, state.gpus.time_s))


class EarliestFinishTime(StateScheduler):
    """The fraction with which this task finishes first.

    What HEFT does for one task (Topcuoglu, Hariri & Wu, IEEE TPDS 13(3), 2002), and StarPU's dmda.
    """

    def scores(self, state: SchedulingState) -> FloatArray:
        """Finish of the later share [s]."""
        return state.finish_s


class Myopic(StateScheduler):
    """The fraction that increases the objective least, an earlier finish breaking ties.

    While the queues hide a task behind the makespan so far, it costs energy alone.
    """

    def scores(self, state: SchedulingState) -> FloatArray:
        """Increase of the objective, with a tie-breaker that is too small to matter otherwise."""
        finish = state.finish_s
        growth_s = np.maximum(finish - state.makespan_s[:, None], 0.0)
        objective = self.problem.objective
        increase = objective.makespan_price * growth_s + objective.energy_price * state.energy_j
        return np.asarray(increase + 1e-9 * objective.makespan_price * finish)


class StaticPrice(StateScheduler):
    """The fraction that is cheapest at the fluid optimum's dual prices, blind to the queues.

    In the limit of a long stream nothing that sees only the task can do better: the prices are
    those at which the pools are used in the best proportion.
    """

    def scores(self, state: SchedulingState) -> FloatArray:
        """Price of the devices' time and of the energy [objective of one task]."""
        devices = state.cpus.price[:, None] * state.cpus.time_s
        devices = devices + state.gpus.price[:, None] * state.gpus.time_s
        return np.asarray(devices + self.problem.objective.energy_price * state.energy_j)


class QueuePrice(StateScheduler):
    """The fraction with the least total cost if all that is to come were placed as a fluid.

    The queue-aware form of `StaticPrice`, see `FluidLookAhead`.
    """

    def __init__(self, env: Any, seed: int | None = None) -> None:
        super().__init__(env, seed)
        self._look_ahead = FluidLookAhead(self.problem)

    def scores(self, state: SchedulingState) -> FloatArray:
        """Least cost of the whole episode from here on, as a fluid [objective of one task]."""
        return self._look_ahead.costs(state)
