"""The one place where a scheduler looks into an environment for what its observation lacks."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import VectorObservationWrapper
from gymnasium.wrappers.vector import VectorizeTransformObservation

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.problem.observation import Observations
from cpu_gpu_env.problem.problem import Problem
from cpu_gpu_env.sim.instance import Instance
from cpu_gpu_env.sim.state import HasSchedulingState, SchedulingState, stack_states

_OBSERVATION_WRAPPERS = (
    gym.ObservationWrapper,
    VectorObservationWrapper,
    VectorizeTransformObservation,
)


class EnvView:
    """This package's environments, found behind wrappers, lists and SB3's VecEnvs.

    Args:
        env: A single or a vector environment, wrapped or not, a list of single ones, or an SB3
            VecEnv in this process.

    Raises:
        HybridClusterError: If there is none of this package in it.
    """

    def __init__(self, env: Any) -> None:
        found = _find_envs(env)
        if not found:
            raise HybridClusterError(f"env is {env!r}; allowed: at least one environment")
        self._envs = [inner for inner, _ in found]
        self.problem: Problem = self._envs[0].problem
        self.changes_observations = any(changed for _, changed in found)
        """Whether wrappers hand out other observations than the environments: normalised, say."""

    def state(self) -> SchedulingState:
        """The tasks and queues of all environments."""
        states: list[SchedulingState] = [env.scheduling_state() for env in self._envs]
        return stack_states(states)

    def episode_over(self) -> npt.NDArray[np.bool_]:
        """Which environments have no task to place, (n,): the next action is ignored there."""
        return np.concatenate([env.episode_over for env in self._envs])

    def observations(self) -> Observations:
        """Observations (n, features) as the environments themselves hand them out."""
        return np.concatenate([np.atleast_2d(env.current_observation()) for env in self._envs])

    def instances(self) -> list[Instance]:
        """The whole current episode of each environment: for oracles only."""
        return [instance for env in self._envs for instance in env.instances()]


def _find_envs(env: Any, outer: Any = None, changed: bool = False) -> list[tuple[Any, bool]]:
    """The environments of this package, and whether wrappers change the observations of each.

    Args:
        env: See `EnvView`.
        outer: What it was found in, if anything.
        changed: Whether a wrapper around it changes observations.
    """
    if isinstance(env, (list, tuple)):
        return [found for member in env for found in _find_envs(member)]
    outer, inner = env if outer is None else outer, env
    while not isinstance(inner, HasSchedulingState):
        # SB3's VecNormalize leaves the space as it is.
        normalises = getattr(inner, "__dict__", {}).get("norm_obs", False)
        changed = changed or normalises or isinstance(inner, _OBSERVATION_WRAPPERS)
        # SB3's wrappers lead inwards by `venv`, Gymnasium's by `env`.
        inward = getattr(inner, "venv", None) or getattr(inner, "env", None)
        if inward is None and hasattr(inner, "envs"):
            return [found for member in inner.envs for found in _find_envs(member, outer, changed)]
        inward = inward or getattr(inner, "unwrapped", None)
        if inward is None or inward is inner:
            raise HybridClusterError(
                f"env is {env!r}; allowed: a HybridCluster environment, wrapped or not, a list of "
                "them, or an SB3 VecEnv in this process"
            )
        inner = inward
    return [(inner, changed or _single_space(outer) != _single_space(inner))]


def _single_space(env: Any) -> Any:
    """Space of the observations of one environment."""
    return getattr(env, "single_observation_space", None) or env.observation_space
