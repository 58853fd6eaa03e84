"""All that a step of the vector environment looks up about a task, side by side in memory.

A step gathers one record a sub-environment from a table too large for the inner caches, and that is
most of its time. So the features of a task stand beside its records: fetching them for the
observation brings the records close for the next step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.costs import RECORD, CostTables
from cpu_gpu_env.observation import NUM_FEATURES, Features

CACHE_LINE_BYTES = 64
CELL = np.dtype(np.complex128)
"""Four float32: a record of an action, or the features and padding. Never read as a number: of
all types of 16 bytes this is the one that NumPy gathers fast."""


@dataclass(frozen=True, eq=False)
class StepTable:
    """Cells of all tasks: of each (pair of device kinds, task) the records, then the features."""

    cells: npt.NDArray[np.complex128]
    """One-dimensional, of `CELL`."""
    stride: int
    """Cells from a task to the next: whole cache lines."""
    num_actions: int
    """Also the place of the features among the cells of a task."""
    num_tasks: int
    """Tasks of each pair of device kinds."""


def build_step_table(costs: CostTables, features: Features) -> StepTable:
    """Pack the records, which float32 holds exactly, and the features (num_tasks, 3)."""
    cpu_kinds, gpu_kinds, num_tasks, num_actions, _ = costs.records.shape
    per_line = CACHE_LINE_BYTES // CELL.itemsize
    stride = -(-(num_actions + 1) // per_line) * per_line
    flat = _aligned_zeros(cpu_kinds * gpu_kinds * num_tasks * stride * len(RECORD))
    rows = flat.reshape(cpu_kinds, gpu_kinds, num_tasks, stride, len(RECORD))
    rows[..., :num_actions, :] = costs.records
    rows[..., num_actions, :NUM_FEATURES] = features
    return StepTable(flat.view(CELL), stride, num_actions, num_tasks)


def _aligned_zeros(size: int) -> npt.NDArray[np.float32]:
    """Zeros that start on a pair of cache lines, which processors fetch together."""
    boundary = 2 * CACHE_LINE_BYTES
    padded = np.zeros(size + boundary // 4, dtype=np.float32)
    skip = -padded.ctypes.data % boundary // 4
    return padded[skip : skip + size]
