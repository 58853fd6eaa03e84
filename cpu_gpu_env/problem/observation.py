"""Observations: the task's three features, and optionally the queues."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from cpu_gpu_env.model.cluster import Cluster
from cpu_gpu_env.model.tasks import Tasks
from cpu_gpu_env.model.workload import Workload

Features = npt.NDArray[np.float32]

NUM_FEATURES = 3
"""Size, intensity, memory."""


def observation_space(cluster: Cluster, observe_queues: bool) -> spaces.Space[Features]:
    """Space of one environment: 3 features, or 3 + devices + 1."""
    length = NUM_FEATURES + (len(cluster.devices) + 1 if observe_queues else 0)
    box: Any = spaces.Box(0.0, 1.0, (length,), np.float32)
    return cast(spaces.Space[Features], box)


def feature_table(workload: Workload, tasks: Tasks) -> Features:
    """Features of tasks as float32 (num_tasks, 3)."""
    table: Features = workload.features(tasks).astype(np.float32)
    table.setflags(write=False)
    return table


@lru_cache(maxsize=8)
def pool_features(workload: Workload) -> Features:
    """`feature_table` of a workload's pool."""
    return feature_table(workload, workload.pool)
