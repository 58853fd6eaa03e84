"""What all schedulers share: one protocol that knows no environment, and the call that SB3 has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.baselines.schedulers.env_view import EnvView
from cpu_gpu_env.checks import as_array
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.problem.problem import Problem
from cpu_gpu_env.sim.state import SchedulingState

Actions = npt.NDArray[np.int64]
Memory = npt.NDArray[np.int64] | None
"""A row an environment; None for a scheduler that remembers nothing."""
PredictState = tuple[npt.NDArray[Any], ...]
"""What `predict` hands from call to call."""


class Predictor(Protocol):
    """Anything that chooses actions like a Stable-Baselines3 model; a trained agent is one, too."""

    def predict(
        self,
        observation: Any,
        state: PredictState | None = None,
        episode_start: npt.NDArray[np.bool_] | None = None,
        deterministic: bool = True,
    ) -> tuple[npt.NDArray[Any], PredictState | None]:
        """Return actions and the next state."""


class Scheduler(ABC):
    """A scheduler; write your own by implementing `choose`.

    Args:
        env: The environment it will act in: single or vector, wrapped or not, a list of single
            ones, or an SB3 VecEnv; where wrappers change the observations (normalise them, say),
            the scheduler sees those of the environment itself. Or a `Problem` alone: then `choose`
            works, and `predict`, which looks into the environment for the state, does not.
        seed: Of the scheduler's own generator; None: unpredictable.
    """

    memory_shape: ClassVar[tuple[int, ...] | None] = None
    """Shape of an environment's row of memory (int64, 0 as an episode starts); None: no memory."""
    needs_state: bool = True
    """Whether `choose` looks at more of the state than the observation: if not, `predict` works
    without an environment and looks nothing up."""

    def __init__(self, env: Any, seed: int | None = None) -> None:
        self._view = None if isinstance(env, Problem) else EnvView(env)
        self.problem: Problem = env if self._view is None else self._view.problem
        self.rng = np.random.default_rng(seed)

    def begin(self, seeds: Sequence[int], num_tasks: int) -> None:  # noqa: B027
        """Be told which episodes the next choices are for, one an environment, all from the start.

        So a scheduler that draws can make what it draws depend on the episode alone, and not on
        which others are played beside it. Others need not care; nor is it told by all who play.

        Args:
            seeds: Of the episodes.
            num_tasks: Tasks of each.
        """

    @abstractmethod
    def choose(self, state: SchedulingState, memory: Memory) -> tuple[Actions, Memory]:
        """Choose an action for each environment.

        Args:
            state: What is to be placed, and on what, of n environments.
            memory: ``(n, *memory_shape)``, or None for a scheduler without memory.

        Returns:
            Actions (n,) and the next memory.
        """

    def predict(
        self,
        observation: Any,
        state: PredictState | None = None,
        episode_start: npt.NDArray[np.bool_] | None = None,
        deterministic: bool = True,
    ) -> tuple[Actions, PredictState | None]:
        """Choose actions as `stable_baselines3.common.base_class.BaseAlgorithm.predict` does.

        Args:
            observation: One observation (features,) or a batch (n, features).
            state: What the last call returned; None at first.
            episode_start: (n,) where True, that environment's memory starts anew. It also does
                after a choice for an environment without a task: with ``NEXT_STEP`` autoreset an
                episode starts a step after the last one has ended.
            deterministic: Accepted for the protocol; a fixed scheduler has one behaviour.

        Returns:
            Actions, int64 (n,), or a 0-d array for one observation; and the next state.

        Raises:
            HybridClusterError: If the observation is not an array of the right shape, or the
                scheduler was built for other environments.
        """
        batch, single = _check_observation(observation)
        memory = self.recall(None if state is None else state[0], episode_start, len(batch))
        actions, memory = self.choose(self._look_up(batch), memory)
        if memory is not None and self._view is not None:
            over = self._view.episode_over()
            if len(over) == len(memory) and over.any():
                memory = self.recall(memory, over, len(memory))
        actions = np.asarray(actions, dtype=np.int64)
        return (actions[0, ...] if single else actions), (None if memory is None else (memory,))

    def recall(
        self, memory: Memory, episode_start: npt.NDArray[np.bool_] | None, num_envs: int
    ) -> Memory:
        """Memory for the next choice: that of the last one, anew where an episode starts.

        Args:
            memory: What the last `choose` returned; None at first.
            episode_start: (num_envs,) where True, the memory starts anew; None: nowhere.
            num_envs: Rows.
        """
        if self.memory_shape is None:
            return None
        if memory is None:
            return np.zeros((num_envs, *self.memory_shape), dtype=np.int64)
        memory = memory.copy()
        if episode_start is not None:
            memory[np.asarray(episode_start, dtype=bool)] = 0
        return memory

    def _look_up(self, observation: npt.NDArray[np.float32]) -> SchedulingState:
        """The state in which an observation was made, and the observation without its wrappers."""
        if self._view is not None and self._view.changes_observations:
            own = self._view.observations()
            if len(own) != len(observation):
                raise wrong_number(len(observation), len(own))
            observation = own
        if not self.needs_state:
            return SchedulingState.of_observation(observation)
        if self._view is None:
            raise HybridClusterError(
                "the scheduler was built for a problem; build it for the environment that it acts "
                "in, or call choose() with a state"
            )
        state = self._view.state()
        if len(state) != len(observation):
            raise wrong_number(len(observation), len(state))
        return state.observed(observation)


class StateScheduler(Scheduler):
    """A scheduler that scores every action of every environment and takes the least."""

    @abstractmethod
    def scores(self, state: SchedulingState) -> npt.NDArray[np.float64]:
        """Cost of each action, (n, actions); infeasible ones need no care."""

    def choose(self, state: SchedulingState, memory: Memory) -> tuple[Actions, Memory]:
        """Take the feasible action with the least score, the smaller fraction on ties."""
        scores = np.where(state.action_mask == 1, self.scores(state), np.inf)
        return scores.argmin(axis=1), memory


def wrong_number(found: int, built_for: int) -> HybridClusterError:
    """Build the error for observations of other environments than the scheduler's."""
    message = f"{found} observations, but the scheduler was built for {built_for} environments"
    return HybridClusterError(f"{message}; build it from the environments that it acts in")


def _check_observation(observation: Any) -> tuple[npt.NDArray[np.float32], bool]:
    """Turn an observation into a batch; also whether it was a single one."""
    if isinstance(observation, tuple):
        raise HybridClusterError("observation is a tuple; of reset()'s, pass the observation alone")
    array = as_array("observation", observation)
    if array.ndim not in (1, 2) or array.dtype.kind not in "fiu":
        found = f"observation has shape {array.shape} and dtype {array.dtype}"
        raise HybridClusterError(f"{found}; allowed: numbers (features,) or (n, features)")
    return np.atleast_2d(array), array.ndim == 1
