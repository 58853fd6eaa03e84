"""The vector environment as a VecEnv of Stable-Baselines3."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.vec_env import VecEnv

from cpu_gpu_env.envs.vector_env import HybridClusterVectorEnv
from cpu_gpu_env.errors import HybridClusterError

StepReturn = tuple[
    npt.NDArray[np.float32], npt.NDArray[np.float64], npt.NDArray[np.bool_], list[dict[str, Any]]
]
"""Observations, rewards, ends and infos of all environments."""


class HybridClusterVecEnv(VecEnv):
    """Feeds Stable-Baselines3 from one `HybridClusterVectorEnv`, without a loop over environments.

    At the end of an episode ``infos[i]`` has what SB3 wants: ``terminal_observation``,
    ``TimeLimit.truncated``, and ``episode`` (return ``r``, length ``l``, seconds ``t``) as its
    Monitor writes it; beside them ``makespan_s``, ``total_energy_j`` and ``objective``.

    Args:
        venv: The environments, in the ``SAME_STEP`` autoreset mode.

    Raises:
        HybridClusterError: If the autoreset mode is another.
    """

    def __init__(self, venv: HybridClusterVectorEnv) -> None:
        if venv.autoreset_mode is not AutoresetMode.SAME_STEP:
            raise HybridClusterError(
                f"autoreset_mode is {venv.autoreset_mode}; allowed for SB3: SAME_STEP"
            )
        self.venv = venv
        self.render_mode = None
        super().__init__(venv.num_envs, venv.single_observation_space, venv.single_action_space)
        self._actions: npt.NDArray[np.int64] = np.zeros(self.num_envs, dtype=np.int64)
        self._returns = np.zeros(self.num_envs)
        self._lengths = np.zeros(self.num_envs, dtype=np.int64)
        self._began = time.perf_counter()

    def reset(self) -> npt.NDArray[np.float32]:
        """Start an episode everywhere, with the seeds given to `seed`, if any."""
        seeds = self._seeds if any(s is not None for s in self._seeds) else None
        observations, _ = self.venv.reset(seed=seeds)
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
        if "final_info" in info:
            for env in np.flatnonzero(dones).tolist():
                infos[env] = self._episode_info(env, info, bool(terminated[env]))
            self._returns[dones] = 0.0
            self._lengths[dones] = 0
        return observations, rewards, dones, infos

    def _episode_info(self, env: int, info: dict[str, Any], terminated: bool) -> dict[str, Any]:
        results = {key: float(values[env]) for key, values in info["final_info"].items()}
        return {
            "terminal_observation": info["final_obs"][env],
            "TimeLimit.truncated": not terminated,
            "episode": {
                "r": float(self._returns[env]),
                "l": int(self._lengths[env]),
                "t": time.perf_counter() - self._began,
            },
            **results,
        }

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """Feasible actions, (num_envs, actions)."""
        return self.venv.action_masks()

    def close(self) -> None:
        """Close the environments."""
        self.venv.close()

    def has_attr(self, attr_name: str) -> bool:
        """Whether the vector environment has an attribute."""
        return hasattr(self.venv, attr_name)

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """The vector environment's attribute, once for each environment."""
        return [getattr(self.venv, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Refused: the environments share their attributes."""
        raise HybridClusterError(f"cannot set {attr_name!r}: the environments share attributes")

    def env_method(
        self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method of the vector environment and split what it returns by environment."""
        result = getattr(self.venv, method_name)(*method_args, **method_kwargs)
        return [result[env] for env in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class: type[gym.Wrapper], indices: Any = None) -> list[bool]:
        """Never wrapped one by one."""
        return [False for _ in self._get_indices(indices)]

    def get_images(self) -> Sequence[npt.NDArray[np.uint8] | None]:
        """Not rendered."""
        return [None] * self.num_envs

    def _get_indices(self, indices: Any) -> Iterable[int]:
        if indices is None:
            return range(self.num_envs)
        return [indices] if isinstance(indices, int) else indices
