"""Observations: the task's three features, and optionally the queues."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from cpu_gpu_env.cluster import Cluster
from cpu_gpu_env.tasks import Tasks
from cpu_gpu_env.workload import Workload

NUM_FEATURES = 3
"""Size, intensity, memory."""

Features = npt.NDArray[np.float32]


def observation_space(cluster: Cluster, observe_queues: bool) -> spaces.Box:
    """Space of one environment: 3 features, or 3 + devices + 1."""
    length = NUM_FEATURES + (len(cluster.devices) + 1 if observe_queues else 0)
    return spaces.Box(0.0, 1.0, (length,), np.float32)


def feature_table(workload: Workload, tasks: Tasks) -> Features:
    """Features of tasks as float32 (num_tasks, 4).

    The last column is zero: a row of four is 16 bytes, which a vector environment can gather in one
    go.
    """
    table = np.zeros((len(tasks), NUM_FEATURES + 1), dtype=np.float32)
    table[:, :NUM_FEATURES] = workload.features(tasks)
    table.setflags(write=False)
    return table


@lru_cache(maxsize=8)
def pool_features(workload: Workload) -> Features:
    """`feature_table` of a workload's pool."""
    return feature_table(workload, workload.pool)
