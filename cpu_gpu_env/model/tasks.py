"""Tasks: a table of arrival, size, intensity and memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.checks import MAX_FIGURE, MIN_FIGURE, as_numbers
from cpu_gpu_env.errors import HybridClusterError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

MAX_TIME_S = 1e30
"""Later arrivals and longer tasks are refused; float32 and sums of many are far from overflowing
here."""

COLUMNS = ("arrival_s", "size_flop", "intensity_flop_per_byte", "memory_bytes")


@dataclass(frozen=True, eq=False)
class Tasks:
    """A table of tasks in order of arrival; each field is a float64 array of shape (num_tasks,).

    Raises:
        HybridClusterError: If lengths differ, a value is no finite number, a size or intensity is
            not positive, a memory or an arrival negative, arrivals are not ascending, or a value is
            beyond `MAX_TIME_S` (arrivals) or `MAX_FIGURE` (the others).
    """

    arrival_s: FloatArray
    """Release time of each task [s], ascending."""
    size_flop: FloatArray
    """Work [FLOP]."""
    intensity_flop_per_byte: FloatArray
    """Arithmetic intensity [FLOP/B] as in the roofline model (Williams et al. 2009)."""
    memory_bytes: FloatArray
    """Working set that must be on the device [B]."""

    def __post_init__(self) -> None:
        for name in COLUMNS:
            column = as_numbers(f"tasks: {name}", getattr(self, name))
            if column.ndim != 1 or len(column) != np.size(self.size_flop) or not len(column):
                raise HybridClusterError(
                    f"tasks: {name} has shape {column.shape}; allowed: one value a task, >= 1 task"
                )
            column.setflags(write=False)
            object.__setattr__(self, name, column)
            low = MIN_FIGURE if name in ("size_flop", "intensity_flop_per_byte") else 0.0
            high = MAX_TIME_S if name == "arrival_s" else MAX_FIGURE
            good = (column >= low) & (column <= high)
            if not good.all():
                row = int(np.argmin(good))
                raise HybridClusterError(
                    f"tasks: {name}[{row}] is {column[row]}; allowed: a number in "
                    f"[{low:g}, {high:g}]"
                )
        if np.any(np.diff(self.arrival_s) < 0):
            first = int(np.argmax(np.diff(self.arrival_s) < 0)) + 1
            raise HybridClusterError(
                f"tasks: arrival_s[{first}] = {self.arrival_s[first]} lies before its predecessor;"
                " sort the tasks by arrival"
            )

    def __deepcopy__(self, memo: dict[int, Any]) -> Tasks:
        """Share what never changes: copies of an environment stay small."""
        return self

    def __len__(self) -> int:
        return len(self.size_flop)

    def take(self, rows: npt.NDArray[np.integer[Any]], arrival_s: FloatArray) -> Tasks:
        """Return the given rows with other arrivals."""
        return Tasks(
            arrival_s,
            self.size_flop[rows],
            self.intensity_flop_per_byte[rows],
            self.memory_bytes[rows],
        )

    @staticmethod
    def from_table(table: Any) -> Tasks:
        """Build tasks from anything of shape (num_tasks, 4) in the order of `COLUMNS`.

        Raises:
            HybridClusterError: If the shape or a value is wrong.
        """
        if isinstance(table, Tasks):
            return table
        array = as_numbers("tasks", table)
        if array.ndim != 2 or array.shape[1] != len(COLUMNS) or not len(array):
            raise HybridClusterError(
                f"tasks have shape {array.shape}; allowed: (num_tasks, 4) numbers with the columns "
                f"{', '.join(COLUMNS)}, or a cpu_gpu_env.Tasks"
            )
        return Tasks(*array.T)
