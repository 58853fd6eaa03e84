"""A trained net as a scheduler."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
from stable_baselines3.common.policies import BasePolicy

from cpu_gpu_env.agents.features import AgentFeatures
from cpu_gpu_env.agents.settings import AgentSettings
from cpu_gpu_env.baselines.schedulers.base import Actions, Memory, Scheduler
from cpu_gpu_env.sim.state import SchedulingState


class Agent(Scheduler):
    """Acts by a trained policy, with the call that all schedulers share.

    Args:
        env: The environment that it will act in; see `Scheduler`.
        policy: A policy of Stable-Baselines3 on `AgentFeatures`.
        settings: What it was trained for.

    Raises:
        HybridClusterError: If it does not fit the environment.
    """

    def __init__(self, env: Any, policy: BasePolicy, settings: AgentSettings) -> None:
        super().__init__(env)
        settings.check_fits(self.problem)
        self.policy = policy
        self.features = AgentFeatures(self.problem, settings.observe_queues, settings.context)
        # Of the policies, only those that were trained with masks take them.
        self.needs_state = "action_masks" in inspect.signature(policy.predict).parameters

    def choose(self, state: SchedulingState, memory: Memory) -> tuple[Actions, Memory]:
        """Take the action that the net values most."""
        options = {"action_masks": state.action_mask == 1} if self.needs_state else {}
        features = self.features(state.observation)
        actions, _ = self.policy.predict(features, deterministic=True, **options)
        return np.asarray(actions, dtype=np.int64), memory
