"""The oracle as a scheduler, and schedules played as they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.baselines.oracle.search import FULL_EFFORT, Effort, solve_episode
from cpu_gpu_env.baselines.schedulers.base import Actions, Memory, Scheduler, wrong_number
from cpu_gpu_env.baselines.schedulers.env_view import EnvView
from cpu_gpu_env.model.tasks import IntArray
from cpu_gpu_env.sim.state import SchedulingState


class Replay(Scheduler):
    """Plays given schedules.

    Args:
        env: The environment it will act in, or the problem; see `Scheduler`.
        plans: (num_envs, num_tasks), an action for each task of each environment.
    """

    memory_shape = ()
    """Tasks placed."""
    needs_state = False

    def __init__(self, env: Any, plans: IntArray) -> None:
        super().__init__(env)
        self.plans = plans

    def choose(self, state: SchedulingState, memory: Memory) -> tuple[Actions, Memory]:
        """Follow the plans."""
        assert memory is not None
        return self.plans[np.arange(len(memory)), memory], memory + 1


class Oracle(Scheduler):
    """Plays the schedule that it finds at the start of each episode; it sees all tasks to come.

    A yardstick, not a competitor: nothing that only sees the present can act like this.

    Args:
        env: The environment it will act in, see `Scheduler`; a problem alone does not tell what is
            to come.
        seed: Of the random choices in the search.
        effort: How hard to search.
    """

    memory_shape = (1,)
    """Tasks placed; once there is a plan, its actions follow."""
    needs_state = False

    def __init__(self, env: Any, seed: int | None = None, effort: Effort = FULL_EFFORT) -> None:
        super().__init__(env, seed)
        self.effort = effort
        self.seed = 0 if seed is None else seed
        self._future = EnvView(env)

    def choose(self, state: SchedulingState, memory: Memory) -> tuple[Actions, Memory]:
        """Make plans where an episode starts, and follow them."""
        assert memory is not None
        starting = np.flatnonzero(memory[:, 0] == 0)
        if len(starting):
            memory = self._with_plans(memory, starting)
        placed = memory[:, 0]
        actions = memory[np.arange(len(memory)), 1 + placed]
        # At the end of its plan an environment asks for the next one, told or not.
        memory[:, 0] = (placed + 1) % (memory.shape[1] - 1)
        return actions, memory

    def _with_plans(self, memory: npt.NDArray[np.int64], envs: IntArray) -> npt.NDArray[np.int64]:
        instances = self._future.instances()
        if len(instances) != len(memory):
            raise wrong_number(len(memory), len(instances))
        planned = np.zeros((len(memory), 1 + instances[0].num_tasks), dtype=np.int64)
        if memory.shape == planned.shape:
            planned[:] = memory
        over = self._future.episode_over()
        for env in envs[~over[envs]]:
            planned[env, 1:] = solve_episode(instances[env], self.effort, self.seed).actions
        return planned
