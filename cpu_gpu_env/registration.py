"""Registration with Gymnasium."""

from __future__ import annotations

import gymnasium as gym

ENV_ID = "HybridCluster-v0"


def register_envs() -> None:
    """Register ``HybridCluster-v0``; calling it again changes nothing.

    The entry points are strings, so that nothing is imported before an environment is made.
    """
    if ENV_ID not in gym.registry:
        gym.register(
            id=ENV_ID,
            entry_point="cpu_gpu_env.envs.env:HybridClusterEnv",
            vector_entry_point="cpu_gpu_env.envs.vector_env:HybridClusterVectorEnv",
        )
