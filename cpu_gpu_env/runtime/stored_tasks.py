"""Tasks of stored decisions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cpu_gpu_env.errors import HybridClusterError, not_allowed
from cpu_gpu_env.model.tasks import COLUMNS, FloatArray, Tasks
from cpu_gpu_env.problem.problem import Problem

ROW = "pool_row"
TASK_COLUMNS = (*COLUMNS, ROW)
"""Columns of decisions that tell a task."""


def tasks_of(problem: Problem, kept: Mapping[str, Any], arrival_s: FloatArray) -> Tasks:
    """Make the tasks of stored decisions again.

    They are the rows of the pool that are kept, which tell everything; of given tasks, and in
    stores of earlier versions, there are none, and tasks are what the other columns say.

    Args:
        problem: What they were decided in.
        kept: `TASK_COLUMNS` of the decisions, a list or array each, equally long.
        arrival_s: When they arrive [s].

    Raises:
        HybridClusterError: If the pool has no such rows, or too little is kept.
    """
    known = [row is not None for row in kept[ROW]]
    if all(known):
        rows, count = np.array(kept[ROW], np.int64), len(problem.workload.pool)
        if rows.size and not (rows.min() >= 0 and rows.max() < count):
            allowed = f"whole numbers from 0 to {count - 1}, as the pool has so many rows"
            raise not_allowed(f"{ROW} of a decision", int(rows[np.argmax(abs(rows))]), allowed)
        return problem.workload.pool.take(rows, arrival_s)
    _, size, intensity, memory = (np.array(kept[name], np.float64) for name in COLUMNS)
    if np.isnan(size).any() or any(known):
        raise HybridClusterError(
            "decisions tell neither the sizes of their tasks nor the rows of the pool that these "
            "are; allowed: either, of all decisions of an episode"
        )
    told = problem.workload.pool.like_these(size, intensity, memory)
    return told.take(np.arange(len(told)), arrival_s)
