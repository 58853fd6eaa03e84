"""The one place where a scheduler looks into an environment for what its observation lacks."""

from __future__ import annotations

from typing import Any

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.problem.problem import Problem
from cpu_gpu_env.sim.instance import Instance
from cpu_gpu_env.sim.state import HasSchedulingState, SchedulingState, stack_states


class EnvView:
    """This package's environments, found behind wrappers, lists and SB3's VecEnvs.

    Args:
        env: A single or a vector environment, wrapped or not, a list of single ones, or an SB3
            VecEnv in this process.

    Raises:
        HybridClusterError: If there is none of this package in it.
    """

    def __init__(self, env: Any) -> None:
        self._envs = _find_envs(env)
        if not self._envs:
            raise HybridClusterError(f"env is {env!r}; allowed: at least one environment")
        self.problem: Problem = self._envs[0].problem

    def state(self) -> SchedulingState:
        """The tasks and queues of all environments."""
        states: list[SchedulingState] = [env.scheduling_state() for env in self._envs]
        return stack_states(states)

    def instances(self) -> list[Instance]:
        """The whole current episode of each environment: for oracles only."""
        return [instance for env in self._envs for instance in env.instances()]


def _find_envs(env: Any) -> list[Any]:
    members = env if isinstance(env, (list, tuple)) else getattr(env, "envs", None)
    if members is not None and not isinstance(env, HasSchedulingState):
        return [found for member in members for found in _find_envs(member)]
    inner = env
    while not isinstance(inner, HasSchedulingState):
        # Gymnasium wrappers lead inwards by `unwrapped`, SB3's by `venv`.
        inward = getattr(inner, "venv", None) or getattr(inner, "unwrapped", None)
        if inward is None or inward is inner:
            raise HybridClusterError(
                f"env is {env!r}; allowed: a HybridCluster environment, wrapped or not, a list of "
                "them, or an SB3 VecEnv in this process"
            )
        if hasattr(inward, "envs"):
            return _find_envs(inward)
        inner = inward
    return [inner]
