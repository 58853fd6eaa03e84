"""An agent that sometimes takes another action, to learn what that is worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from stable_baselines3.dqn.policies import DQNPolicy

from cpu_gpu_env.agents.agent import Agent
from cpu_gpu_env.agents.saving import SavedAgent
from cpu_gpu_env.baselines.schedulers.base import Actions, Memory
from cpu_gpu_env.baselines.schedulers.draws import EpisodeDraws
from cpu_gpu_env.checks import check_number
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.model.tasks import FloatArray, IntArray
from cpu_gpu_env.sim.state import SchedulingState

MAX_LOSS = 0.003
"""A fourth to a half of the decisions have a next best action that loses no more."""


class ExploringAgent(Agent):
    """Takes the agent's action, or at times the next best, where that is nearly as good by its net.

    Not any at random: one task of a heavy tail on the wrong devices may double the makespan of its
    episode, and what is to be learned is whether the net has the best two in the right order. Of
    200 episodes of the default problem (tuning seeds) an exploration of 0.2 took another action in
    8 % of the decisions of dqn-queues and raised J by 0.0011 ± 0.0004, at most by 0.012; any action
    at random, in 0.1 %, by 0.0005 ± 0.0004, and in single episodes by more than 1.

    Args:
        env: The environment that it will act in; see `Scheduler`.
        agent: The agent.
        exploration: Probability of the next best action where it may be taken, in [0, 1].
        seed: Of what is random; None: unpredictable.
        max_loss: By how much less the net may value it, in units of its values.

    Raises:
        HybridClusterError: If the agent does not fit the environment or is no DQN, or the
            probability is none.
    """

    memory_shape = ()
    """Tasks placed."""

    def __init__(
        self,
        env: Any,
        agent: SavedAgent,
        exploration: float,
        seed: int | None = None,
        max_loss: float = MAX_LOSS,
    ) -> None:
        super().__init__(env, agent.policy, agent.settings)
        if not isinstance(agent.policy, DQNPolicy):
            raise HybridClusterError(
                f"field 'algo' is {agent.settings.algo!r}; allowed where an agent explores: 'dqn'"
            )
        self._net = agent.policy.q_net
        self.exploration = check_number("exploration", exploration, 0.0, 1.0)
        self.needs_state = True  # for what is feasible
        self.rng = np.random.default_rng(seed)
        self._draws = EpisodeDraws(seed)
        self._max_loss = max_loss

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
        exploring = np.flatnonzero(drawn < self.exploration)
        if len(exploring):
            actions[exploring] = self._next_best(state, actions, exploring)
        return actions, memory + 1

    def _next_best(self, state: SchedulingState, actions: Actions, rows: IntArray) -> Actions:
        """The feasible action that is next best; where it is much worse, or none, the one taken."""
        features = torch.as_tensor(self.features(state.observation[rows]))
        with torch.no_grad():
            values: FloatArray = self._net(features).numpy().astype(np.float64)
        every = np.arange(len(rows))
        best = values[every, actions[rows]].copy()
        values[state.action_mask[rows] == 0] = -np.inf
        values[every, actions[rows]] = -np.inf
        found = values.argmax(axis=1)
        loss = best - values[every, found]
        nearly_as_good = (loss <= self._max_loss) & np.isfinite(loss)
        return np.where(nearly_as_good, found, actions[rows])
