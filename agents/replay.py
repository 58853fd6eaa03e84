"""Replay in units of each task's own length."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from stable_baselines3.common.vec_env import VecNormalize

from cpu_gpu_env.agents.features import LOG_TIME


class RelativeReplayBuffer(ReplayBuffer):
    """Gives values in units of a scale of the state, so that small tasks are learned as well.

    Costs differ by orders of magnitude between tasks, and a squared error sees the large ones only.
    With u(s) > 0 the values Q(s, a) / u(s) obey Bellman's equation with rewards r / u(s) and the
    discount ``gamma u(s') / u(s)``, and the best action of a state is the same. Here u(s) is the
    shortest execution time of the task in units of T_ref, to the power of a half.

    Args:
        *args: As `ReplayBuffer`.
        gamma: Discount.
        **kwargs: As `ReplayBuffer`.
    """

    def __init__(self, *args: Any, gamma: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.gamma = gamma

    def _get_samples(
        self, batch_inds: npt.NDArray[np.integer], env: VecNormalize | None = None
    ) -> ReplayBufferSamples:
        samples = super()._get_samples(batch_inds, env)
        # The feature is half the logarithm of the time.
        log_unit = samples.observations[:, LOG_TIME, None]
        log_next = samples.next_observations[:, LOG_TIME, None]
        return samples._replace(
            rewards=samples.rewards * (-log_unit).exp(),
            discounts=self.gamma * (log_next - log_unit).exp(),
        )
