"""Observations: the task's three features, and optionally the queues."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.model.cluster import Cluster
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.problem.task_features import NUM_FEATURES, Features

Observations = npt.NDArray[np.float32]


def observation_space(cluster: Cluster, observe_queues: bool) -> spaces.Space[Features]:
    """Space of one environment: 3 features, or 3 + devices + 1 with the queues."""
    length = NUM_FEATURES + (len(cluster.devices) + 1 if observe_queues else 0)
    box: Any = spaces.Box(0.0, 1.0, (length,), np.float32)
    return cast(spaces.Space[Features], box)


def check_raw(observation: npt.NDArray[Any]) -> None:
    """Check that observations are as an environment hands them out.

    Raises:
        HybridClusterError: If a value is not in [0, 1]: then something has normalised them.
    """
    low, high = observation.min(initial=0.0), observation.max(initial=0.0)
    if not (low >= 0.0 and high <= 1.0):
        raise HybridClusterError(
            f"observations have values from {low:.3g} to {high:.3g}; allowed: 0 to 1, as the "
            "environment gives them (build the scheduler for the environment with its wrappers, "
            "so that it looks through those that normalise)"
        )


# The two that follow show the same, for one environment in Python floats and for many in NumPy: of
# each device the time until it is free, in units of `scale_s` and clipped to 1.


def with_queues(
    features: Features, free_s: Sequence[float], now_s: float, scale_s: float, left: float
) -> Observations:
    """Observation (3 + devices + 1,) of one environment.

    Args:
        features: (3,) of the task to place.
        free_s: When each device is free [s].
        now_s: Arrival of the task [s].
        scale_s: The reference makespan of the episode [s].
        left: Share of the episode that is left.
    """
    observation = np.empty(NUM_FEATURES + len(free_s) + 1, dtype=np.float32)
    observation[:NUM_FEATURES] = features
    scale = 1.0 / scale_s
    for index, free in enumerate(free_s, start=NUM_FEATURES):
        waiting = (free - now_s) * scale
        observation[index] = 0.0 if waiting < 0.0 else min(waiting, 1.0)
    observation[-1] = left
    return observation


def with_queues_batch(
    features: Features, free_s: FloatArray, now_s: FloatArray, scale_s: float, left: FloatArray
) -> Observations:
    """Observations (n, 3 + devices + 1) of n environments.

    Args:
        features: (n, 3) of the tasks to place.
        free_s: (devices, n): when each device is free [s].
        now_s: (n,): arrival of the tasks [s].
        scale_s: The reference makespan of the episodes [s].
        left: (n,): share of the episode that is left.
    """
    observations = np.empty((len(features), NUM_FEATURES + len(free_s) + 1), dtype=np.float32)
    observations[:, :NUM_FEATURES] = features
    waiting = np.clip((free_s - now_s) * (1.0 / scale_s), 0.0, 1.0)
    observations[:, NUM_FEATURES:-1] = waiting.T
    observations[:, -1] = left
    return observations
