"""All that a step of the vector environment looks up about a task, side by side in memory.

A step looks up one task a sub-environment in a table too large for the inner caches, and waiting
for memory is most of its time. So the features of a task share a cache line with its times: when
the observation has fetched the former, the latter are at hand for the next step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.model.cost_tables import CostTables
from cpu_gpu_env.problem.task_features import NUM_FEATURES, Features

CACHE_LINE_BYTES = 64

FEATURES = np.dtype(np.complex128)
"""Three features and padding, each float32. Never read as a number: of all types of 16 bytes this
is the one that NumPy gathers fast."""

TIMES = np.dtype(np.complex64)
"""Time of the CPU's share and of the GPU's, each float32. Never read as a number either."""

POWERS = np.dtype(np.complex128)
"""Power of the CPU's share and of the GPU's, each float64. Never read as a number either."""


@dataclass(frozen=True, eq=False)
class StepTable:
    """Features, times and, if they vary, powers of each (pair of device types, task, action)."""

    features: npt.NDArray[np.complex128]
    """One-dimensional, of `FEATURES`."""
    times: npt.NDArray[np.complex64]
    """One-dimensional, of `TIMES`, of the same memory: it starts at the first task's times."""
    powers: npt.NDArray[np.complex128] | None
    """One-dimensional, of `POWERS`, of the same memory, from the first task's powers on; None where
    each device type has one power."""
    features_stride: int
    """Entries of `features` and of `powers` from a task to the next: whole cache lines."""
    times_stride: int
    """Entries of `times` from a task to the next."""
    num_tasks: int
    """Tasks of each pair of device types."""


def build_step_table(costs: CostTables, features: Features) -> StepTable:
    """Pack the times, which float32 holds exactly, powers, and the features (num_tasks, 3)."""
    cpus, gpus = costs.pools
    num_tasks, num_actions = costs.num_tasks, costs.num_actions
    used_bytes = FEATURES.itemsize + num_actions * TIMES.itemsize
    times_end = used_bytes // 4
    # Powers are read as entries of the width of features, from the first whole one on.
    powers_start = -(-used_bytes // POWERS.itemsize)
    if costs.power_varies:
        used_bytes = (powers_start + num_actions) * POWERS.itemsize
    row_bytes = -(-used_bytes // CACHE_LINE_BYTES) * CACHE_LINE_BYTES
    flat = _aligned_zeros(cpus.num_types * gpus.num_types * num_tasks * row_bytes // 4)
    rows = flat.reshape(cpus.num_types, gpus.num_types, num_tasks, row_bytes // 4)
    rows[..., :NUM_FEATURES] = features
    first = FEATURES.itemsize // 4
    rows[..., first:times_end:2] = cpus.time_s[:, None]
    rows[..., first + 1 : times_end : 2] = gpus.time_s
    powers = None
    if costs.power_varies:
        both = rows.view(np.float64)[..., 2 * powers_start : 2 * (powers_start + num_actions)]
        both[..., ::2] = cpus.power_w[:, None]
        both[..., 1::2] = gpus.power_w
        powers = flat.view(POWERS)[powers_start:]
    return StepTable(
        flat.view(FEATURES),
        flat[first:].view(TIMES),
        powers,
        row_bytes // FEATURES.itemsize,
        row_bytes // TIMES.itemsize,
        num_tasks,
    )


def _aligned_zeros(size: int) -> npt.NDArray[np.float32]:
    """Zeros that start on a cache line."""
    padded = np.zeros(size + CACHE_LINE_BYTES // 4, dtype=np.float32)
    skip = -padded.ctypes.data % CACHE_LINE_BYTES // 4
    return padded[skip : skip + size]
