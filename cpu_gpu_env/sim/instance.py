"""An episode as only the oracle may see it: all its tasks, with the noise that they will meet."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.model.costs import CostTables
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.problem.objective import Objective
from cpu_gpu_env.sim.pool_batch import make_queue


@dataclass(frozen=True, eq=False)
class RealisedEpisode:
    """Releases, execution times and energies of all tasks of one episode."""

    release_s: FloatArray
    """(num_tasks,): arrivals, the first at 0 [s]."""
    cpu_time_s: FloatArray
    """(CPU kinds, num_tasks, actions), noise included; `costs.NOT_USED` without a share [s]."""
    gpu_time_s: FloatArray
    """(GPU kinds, num_tasks, actions), likewise [s]."""
    cpu_energy_j: FloatArray
    """(CPU kinds, num_tasks, actions): energy above idle of the CPU's share; 0 without [J]."""
    gpu_energy_j: FloatArray
    """(GPU kinds, num_tasks, actions), likewise [J]."""
    costs: CostTables
    """Kinds of the devices."""
    objective: Objective
    """What schedules are judged by."""

    @property
    def num_tasks(self) -> int:
        """Tasks of the episode."""
        return len(self.release_s)

    @property
    def num_actions(self) -> int:
        """Actions for each task."""
        return int(self.cpu_time_s.shape[2])

    def simulate(self, actions: npt.NDArray[np.integer]) -> FloatArray:
        """J of each row of actions (n, num_tasks)."""
        partial = PartialSchedules(self, len(actions))
        partial.place(actions)
        return partial.objective()


class PartialSchedules:
    """Many schedules of one episode, placed in step by the vector environment's own queues."""

    def __init__(self, episode: RealisedEpisode, num_schedules: int) -> None:
        costs, objective = episode.costs, episode.objective
        self._episode = episode
        self._cpus = make_queue(costs.cpu_kind, objective.cpu_prices, num_schedules)
        self._gpus = make_queue(costs.gpu_kind, objective.gpu_prices, num_schedules)
        self._active_energy_j = np.zeros(num_schedules)
        self._reward = np.empty(num_schedules)
        self._next = 0

    def copy(self) -> PartialSchedules:
        """Schedules that go on from here on their own."""
        other = copy.copy(self)
        other._cpus, other._gpus = copy.deepcopy(self._cpus), copy.deepcopy(self._gpus)
        other._active_energy_j = self._active_energy_j.copy()
        return other

    def place(self, actions: npt.NDArray[np.integer]) -> None:
        """Place the next tasks: actions (num_schedules, tasks)."""
        episode = self._episode
        for task, choice in enumerate(np.ascontiguousarray(actions.T), start=self._next):
            release_s = episode.release_s[task : task + 1]
            for queue, time_s, energy_j in (
                (self._cpus, episode.cpu_time_s, episode.cpu_energy_j),
                (self._gpus, episode.gpu_time_s, episode.gpu_energy_j),
            ):
                if len(time_s) == 1:
                    share_s, share_j = time_s[0, task].take(choice), energy_j[0, task].take(choice)
                else:
                    kind = queue.next_kind()
                    share_s, share_j = time_s[kind, task, choice], energy_j[kind, task, choice]
                self._active_energy_j += share_j
                queue.serve(release_s, share_s, out=self._reward)
        self._next += actions.shape[1]

    def objective(self) -> FloatArray:
        """J of each schedule, (num_schedules,), once all tasks are placed."""
        makespan_s = np.maximum(self._cpus.last_finish_s(), self._gpus.last_finish_s())
        episode = self._episode
        return episode.objective.value(makespan_s, self._active_energy_j, episode.num_tasks)


def realise(
    costs: CostTables,
    objective: Objective,
    rows: npt.NDArray[np.intp],
    release_s: FloatArray,
    noise_factors: tuple[FloatArray, FloatArray] | None,
) -> RealisedEpisode:
    """Collect what `RealisedEpisode` holds.

    Args:
        costs: Tables that `rows` point into.
        objective: What schedules are judged by.
        rows: (num_tasks,) row of each task.
        release_s: (num_tasks,) arrivals [s].
        noise_factors: On the times of the CPU shares and of the GPU shares, each (num_tasks,).
    """
    cpu_time_s, gpu_time_s = costs.cpu_time_s[:, rows], costs.gpu_time_s[:, rows]
    if noise_factors is not None:
        cpu_time_s = cpu_time_s * noise_factors[0][:, None]
        gpu_time_s = gpu_time_s * noise_factors[1][:, None]
    cpu_energy_j = np.maximum(cpu_time_s, 0.0) * costs.cpu_power_w[:, rows]
    gpu_energy_j = np.maximum(gpu_time_s, 0.0) * costs.gpu_power_w[:, rows]
    return RealisedEpisode(
        release_s, cpu_time_s, gpu_time_s, cpu_energy_j, gpu_energy_j, costs, objective
    )
