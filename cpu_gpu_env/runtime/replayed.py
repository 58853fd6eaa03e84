"""Finished episodes played again: what was learned from them, and what others would have made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from stable_baselines3.common.policies import BasePolicy

from cpu_gpu_env.agents.agent import AgentSettings
from cpu_gpu_env.agents.training_env import LearningVecEnv
from cpu_gpu_env.envs.vector_env import HybridClusterVectorEnv
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.results.held_out import UsedEpisodes
from cpu_gpu_env.results.seeds import purpose_of
from cpu_gpu_env.runtime.records import EpisodeBatch, Phase

IMAGINED_SEED = 0
"""Of the tasks that rewards are averaged over: the same each time, as in a training."""


@dataclass(frozen=True, eq=False)
class Transitions:
    """What an agent saw, did and was paid in n episodes, (num_tasks, n) and more each."""

    features: npt.NDArray[np.float32]
    """(num_tasks + 1, n, size): before each action, and after the last."""
    actions: npt.NDArray[np.int64]
    """What was done."""
    rewards: FloatArray
    """Of `LearningVecEnv`."""
    objective: FloatArray
    """(n,): J of the episodes."""


class EpisodePlayer:
    """Plays finished episodes of a phase again, with an agent's features and rewards.

    Args:
        phase: Their problem.
        settings: Of the agent.

    Raises:
        HybridClusterError: If the agent does not fit the problem.
    """

    def __init__(self, phase: Phase, settings: AgentSettings) -> None:
        self.phase = phase
        self._settings = settings
        self._envs: dict[int, LearningVecEnv] = {}
        self._record: UsedEpisodes | None = None  # costs more than a batch to make

    def transitions(self, batch: EpisodeBatch, actions: npt.NDArray[np.int64]) -> Transitions:
        """Play the actions (n, num_tasks) again."""
        env = self._env(len(batch))
        seen, rewards = [env.begin(batch.seeds, batch.tasks)], []
        for chosen in actions.T:
            env.step_async(chosen)
            features, reward, _, infos = env.step_wait()
            seen.append(features)
            rewards.append(reward)
        seen[-1] = np.stack([info["terminal_observation"] for info in infos])
        objective = np.array([info["objective"] for info in infos])
        return Transitions(np.stack(seen), actions.T, np.stack(rewards), objective)

    def objectives(self, batch: EpisodeBatch, policies: Sequence[BasePolicy]) -> FloatArray:
        """J of the episodes if each of the policies had played them, (policies, n)."""
        n, num_policies = len(batch), len(policies)
        env = self._env(n * num_policies)
        tasks = None if batch.tasks is None else list(batch.tasks) * num_policies
        venv = env.venv
        options = None if tasks is None else {"tasks": tasks}
        observations, _ = venv.reset(seed=list(batch.seeds) * num_policies, options=options)
        ended = np.zeros(1, dtype=bool)
        while not ended.any():
            features = env.features(observations).reshape(num_policies, n, -1)
            chosen = [
                policy.predict(mine, deterministic=True)[0]
                for policy, mine in zip(policies, features, strict=True)
            ]
            observations, _, ended, _, info = venv.step(np.concatenate(chosen))
        found: FloatArray = info["final_info"]["objective"]
        return found.reshape(num_policies, n)

    def used(self, batch: EpisodeBatch) -> UsedEpisodes:
        """Record that a model learns from the episodes."""
        if self._record is None:
            problem = self._env(len(batch)).venv.problem
            self._record = UsedEpisodes.of(purpose_of(batch.seeds[0]), range(1), problem)
        return replace(self._record, first_seed=min(batch.seeds), last_seed=max(batch.seeds))

    def _env(self, num_envs: int) -> LearningVecEnv:
        if num_envs not in self._envs:
            kwargs = {**self.phase.env_kwargs, "observe_queues": self._settings.observe_queues}
            venv = HybridClusterVectorEnv(num_envs, **kwargs)
            self._settings.check_fits(venv.problem)
            self._envs[num_envs] = env = LearningVecEnv(venv, self._settings.context)
            env.seed(IMAGINED_SEED)
        return self._envs[num_envs]
