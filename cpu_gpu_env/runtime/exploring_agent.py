"""An agent that sometimes takes another action, to learn what that is worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cpu_gpu_env.agents.agent import Agent
from cpu_gpu_env.agents.saving import SavedAgent
from cpu_gpu_env.baselines.schedulers.base import Actions, Memory
from cpu_gpu_env.baselines.schedulers.draws import EpisodeDraws
from cpu_gpu_env.checks import check_number
from cpu_gpu_env.sim.state import SchedulingState


class ExploringAgent(Agent):
    """Takes the agent's action, or at random any feasible one with equal probability.

    Args:
        env: The environment that it will act in; see `Scheduler`.
        agent: The agent.
        exploration: Probability of a random action, in [0, 1] (epsilon-greedy; Sutton & Barto,
            Reinforcement Learning, 2nd ed. 2018, section 2.2).
        seed: Of what is random; None: unpredictable.

    Raises:
        HybridClusterError: If the agent does not fit the environment, or the probability is none.
    """

    memory_shape = ()
    """Tasks placed."""

    def __init__(
        self, env: Any, agent: SavedAgent, exploration: float, seed: int | None = None
    ) -> None:
        super().__init__(env, agent.policy, agent.settings)
        self.exploration = check_number("exploration", exploration, 0.0, 1.0)
        self.needs_state = True  # for what is feasible
        self.rng = np.random.default_rng(seed)
        self._draws = EpisodeDraws(seed)

    def begin(self, seeds: Sequence[int], num_tasks: int) -> None:
        """Draw for the episodes, each from a generator of its own."""
        self._draws.begin(seeds, num_tasks)

    def choose(self, state: SchedulingState, memory: Memory) -> tuple[Actions, Memory]:
        """Take the action that the net values most, or explore."""
        assert memory is not None
        actions, _ = super().choose(state, None)
        drawn = self._draws.of_tasks(memory)
        if drawn is None:
            drawn = self.rng.random(len(state))
        exploring = drawn < self.exploration
        if exploring.any():
            # Below the probability, what was drawn is uniform once more.
            again, allowed = drawn[exploring] / self.exploration, state.action_mask[exploring] == 1
            rank = (again * allowed.sum(axis=1)).astype(np.int64)
            actions[exploring] = (allowed.cumsum(axis=1) > rank[:, None]).argmax(axis=1)
        return actions, memory + 1
