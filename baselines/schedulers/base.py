"""What all schedulers share: the call, checking, batching, and the look at the environment."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.sim.state import HasSchedulingState, SchedulingState

Actions = npt.NDArray[np.int64]
Memory = tuple[npt.NDArray[Any], ...]


class Predictor(Protocol):
    """Anything that chooses actions like a Stable-Baselines3 model; a trained agent is one, too."""

    def predict(
        self,
        observation: Any,
        state: Memory | None = None,
        episode_start: npt.NDArray[np.bool_] | None = None,
        deterministic: bool = True,
    ) -> tuple[npt.NDArray[Any], Memory | None]:
        """Return actions and the next state."""


class Scheduler(ABC):
    """A scheduler that needs no training.

    A subclass implements `choose`; write your own the same way.

    Args:
        env: The environment it will act in: single or vector, wrapped or not, a list of single
            ones, or an SB3 VecEnv. Schedulers that need more than the observation look into it.
        seed: Of the scheduler's own generator; None: unpredictable.
    """

    memory_shape: tuple[int, ...] | None = None
    """Shape of an environment's row of memory (int64, 0 as an episode starts); None: no memory."""

    def __init__(self, env: Any, seed: int | None = None) -> None:
        self.envs = _find_envs(env)
        self.problem = self.envs[0].problem
        self.rng = np.random.default_rng(seed)

    @abstractmethod
    def choose(
        self, observation: npt.NDArray[np.float32], memory: npt.NDArray[np.int64] | None
    ) -> tuple[Actions, npt.NDArray[np.int64] | None]:
        """Choose an action for each environment.

        Args:
            observation: (n, features).
            memory: ``(n, *memory_shape)``, or None for a scheduler without memory.

        Returns:
            Actions (n,) and the next memory.
        """

    def predict(
        self,
        observation: Any,
        state: Memory | None = None,
        episode_start: npt.NDArray[np.bool_] | None = None,
        deterministic: bool = True,
    ) -> tuple[Actions, Memory | None]:
        """Choose actions as `stable_baselines3.common.base_class.BaseAlgorithm.predict` does.

        Args:
            observation: One observation (features,) or a batch (n, features).
            state: What the last call returned; None at first.
            episode_start: (n,) where True, that environment's memory starts anew.
            deterministic: Accepted for the protocol; a fixed scheduler has one behaviour.

        Returns:
            Actions, int64 (n,), or a 0-d array for one observation; and the next state.

        Raises:
            HybridClusterError: If the observation is not an array of the right shape.
        """
        batch, single = self._check(observation)
        memory = self._recall(state, episode_start, len(batch))
        actions, memory = self.choose(batch, memory)
        actions = np.asarray(actions, dtype=np.int64)
        return (actions[0, ...] if single else actions), (None if memory is None else (memory,))

    def scheduling_state(self) -> SchedulingState:
        """The tasks and queues of all environments."""
        return SchedulingState.stack([env.scheduling_state() for env in self.envs])

    def _check(self, observation: Any) -> tuple[npt.NDArray[np.float32], bool]:
        if isinstance(observation, tuple):
            raise HybridClusterError(
                "observation is a tuple; did you pass the (observation, info) of reset()? "
                "Pass the observation alone"
            )
        array = np.asarray(observation)
        if array.ndim not in (1, 2) or array.dtype.kind not in "fiu":
            raise HybridClusterError(
                f"observation has shape {array.shape} and dtype {array.dtype}; allowed: numbers of "
                "shape (features,) or (n, features)"
            )
        return np.atleast_2d(array), array.ndim == 1

    def _recall(
        self, state: Memory | None, episode_start: npt.NDArray[np.bool_] | None, num_envs: int
    ) -> npt.NDArray[np.int64] | None:
        if self.memory_shape is None:
            return None
        if state is None:
            return np.zeros((num_envs, *self.memory_shape), dtype=np.int64)
        memory = state[0].copy()
        if episode_start is not None:
            memory[np.asarray(episode_start, dtype=bool)] = 0
        return memory


class StateScheduler(Scheduler):
    """A scheduler that scores every action of every environment and takes the least."""

    @abstractmethod
    def scores(self, state: SchedulingState) -> npt.NDArray[np.float64]:
        """Cost of each action, (n, actions); infeasible ones need no care."""

    def choose(
        self, observation: npt.NDArray[np.float32], memory: npt.NDArray[np.int64] | None
    ) -> tuple[Actions, npt.NDArray[np.int64] | None]:
        """Take the feasible action with the least score, the smaller fraction on ties."""
        state = self.scheduling_state()
        if len(state) != len(observation):
            raise HybridClusterError(
                f"{len(observation)} observations, but the scheduler was built for {len(state)} "
                "environments; build it from the environments that it acts in"
            )
        scores = np.where(state.action_mask == 1, self.scores(state), np.inf)
        return scores.argmin(axis=1), memory


def _find_envs(env: Any) -> list[Any]:
    """Find this package's environments behind wrappers, lists and SB3's VecEnvs."""
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
