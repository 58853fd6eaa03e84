"""A trained net as a scheduler."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import numpy.typing as npt
from stable_baselines3.common.policies import BasePolicy

from cpu_gpu_env.agents.features import AgentFeatures
from cpu_gpu_env.agents.settings import AgentSettings
from cpu_gpu_env.baselines.schedulers.base import Actions, Scheduler


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
        self._masked = "action_masks" in inspect.signature(policy.predict).parameters

    def choose(
        self, observation: npt.NDArray[np.float32], memory: npt.NDArray[np.int64] | None
    ) -> tuple[Actions, npt.NDArray[np.int64] | None]:
        """Take the action that the net values most."""
        options: dict[str, Any] = {}
        if self._masked:
            masks = [np.atleast_2d(env.action_masks()) for env in self.envs]
            options["action_masks"] = np.concatenate(masks)
        features = self.features(observation)
        actions, _ = self.policy.predict(features, deterministic=True, **options)
        return np.asarray(actions, dtype=np.int64), memory
