"""The vector environment as a VecEnv of Stable-Baselines3."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.vec_env import VecEnv

from cpu_gpu_env.envs.vector_env import HybridClusterVectorEnv
from cpu_gpu_env.errors import HybridClusterError

StepReturn = tuple[
    npt.NDArray[np.float32], npt.NDArray[np.float64], npt.NDArray[np.bool_], list[dict[str, Any]]
]
"""Observations, rewards, ends and infos of all environments."""


class SharedVecEnv(VecEnv):
    """The part of a VecEnv that looks into its environments: those of vector environments in a row.

    Args:
        venvs: The vector environments.
        observation_space: Of one environment.
    """

    def __init__(
        self, venvs: Sequence[HybridClusterVectorEnv], observation_space: spaces.Space[Any]
    ) -> None:
        self.venvs = venvs
        total = sum(venv.num_envs for venv in venvs)
        super().__init__(total, observation_space, venvs[0].single_action_space)

    def close(self) -> None:
        """Close all environments."""
        for venv in self.venvs:
            venv.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """An attribute of its vector environment for each environment."""
        values = [value for v in self.venvs for value in [getattr(v, attr_name)] * v.num_envs]
        return [values[index] for index in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Refused: the environments share their attributes."""
        raise HybridClusterError(f"cannot set {attr_name!r}: the environments share attributes")

    def env_method(
        self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method of the vector environments and split what they return by environment."""
        results = [getattr(v, method_name)(*method_args, **method_kwargs) for v in self.venvs]
        values = [value for result in results for value in result]
        return [values[index] for index in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """Never wrapped one by one."""
        return [False for _ in self._get_indices(indices)]


class HybridClusterVecEnv(SharedVecEnv):
    """Feeds Stable-Baselines3 from one `HybridClusterVectorEnv`, without a loop over environments.

    At the end of an episode ``infos[i]`` has what SB3 wants: ``terminal_observation``,
    ``TimeLimit.truncated``, and ``episode`` (return ``r``, length ``l``, seconds ``t``) as its
    Monitor writes it; beside them ``makespan_s``, ``total_energy_j`` and ``objective``.

    Args:
        venv: The environments; their autoreset mode becomes ``SAME_STEP``, which SB3 expects.
    """

    def __init__(self, venv: HybridClusterVectorEnv) -> None:
        venv.autoreset_mode = AutoresetMode.SAME_STEP
        self.venv = venv
        super().__init__([venv], venv.single_observation_space)
        self._actions: npt.NDArray[np.int64] = np.zeros(self.num_envs, dtype=np.int64)
        self._returns = np.zeros(self.num_envs)
        self._lengths = np.zeros(self.num_envs, dtype=np.int64)
        self._began = time.perf_counter()

    def reset(self) -> npt.NDArray[np.float32]:
        """Start an episode everywhere, with the seeds given to `seed`, if any."""
        observations, _ = self.venv.reset(seed=self._seeds)
        self._reset_seeds()
        self._returns[:] = 0.0
        self._lengths[:] = 0
        return observations

    def step_async(self, actions: npt.NDArray[np.int64]) -> None:
        """Keep the actions for `step_wait`."""
        self._actions = actions

    def step_wait(self) -> StepReturn:
        """Step all environments."""
        observations, rewards, terminated, truncated, info = self.venv.step(self._actions)
        self._returns += rewards
        self._lengths += 1
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        dones = terminated | truncated
        for env in np.flatnonzero(dones).tolist():
            infos[env] = {
                "terminal_observation": info["final_obs"][env],
                "TimeLimit.truncated": not terminated[env],
                "episode": {
                    "r": float(self._returns[env]),
                    "l": int(self._lengths[env]),
                    "t": time.perf_counter() - self._began,
                },
                **{key: float(values[env]) for key, values in info["final_info"].items()},
            }
        self._returns[dones] = 0.0
        self._lengths[dones] = 0
        return observations, rewards, dones, infos
