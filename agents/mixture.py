"""Environments of several problems side by side, for one agent to learn them all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from stable_baselines3.common.vec_env import VecEnv

from cpu_gpu_env.agents.sb3_vec_env import StepReturn
from cpu_gpu_env.agents.training_env import LearningVecEnv


class MixtureVecEnv(VecEnv):
    """Steps several `LearningVecEnv` with the same features and actions as one.

    Args:
        parts: The environments of each problem.
    """

    def __init__(self, parts: Sequence[LearningVecEnv]) -> None:
        self.parts = list(parts)
        self.render_mode = None
        total = sum(part.num_envs for part in parts)
        super().__init__(total, parts[0].observation_space, parts[0].action_space)
        self._ends = np.cumsum([part.num_envs for part in parts])

    def seed(self, seed: int | None = None) -> list[int | None]:
        """Seed all environments; none plays the episodes of another."""
        return self._seed_from(seed, 0)

    def _seed_from(self, seed: int | None, offset: int) -> list[int | None]:
        seeds: list[int | None] = []
        for part in self.parts:
            seeds += part.seed(seed, offset + len(seeds))
        return seeds

    def go_on_from(self, seed: int, num_steps: int) -> None:
        """Seed for episodes other than those of a training's first `num_steps` steps."""
        self._seed_from(seed, num_steps)

    def reset(self) -> npt.NDArray[np.float32]:
        """Start an episode everywhere."""
        return np.concatenate([part.reset() for part in self.parts])

    def step_async(self, actions: npt.NDArray[np.int64]) -> None:
        """Hand out the actions."""
        for part, mine in zip(self.parts, np.split(actions, self._ends[:-1]), strict=True):
            part.step_async(mine)

    def step_wait(self) -> StepReturn:
        """Step all environments."""
        results = [part.step_wait() for part in self.parts]
        observations, rewards, dones = (
            np.concatenate([result[index] for result in results]) for index in range(3)
        )
        infos = [info for result in results for info in result[3]]
        return observations, rewards, dones, infos

    def close(self) -> None:
        """Close all environments."""
        for part in self.parts:
            part.close()

    def has_attr(self, attr_name: str) -> bool:
        """Whether all environments have an attribute."""
        return all(part.has_attr(attr_name) for part in self.parts)

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """An attribute of each environment."""
        values = [value for part in self.parts for value in part.get_attr(attr_name)]
        return [values[index] for index in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Refused, as by the parts."""
        self.parts[0].set_attr(attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method of all environments."""
        values = [
            value
            for part in self.parts
            for value in part.env_method(method_name, *method_args, **method_kwargs)
        ]
        return [values[index] for index in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """Never wrapped one by one."""
        return [False for _ in self._get_indices(indices)]
