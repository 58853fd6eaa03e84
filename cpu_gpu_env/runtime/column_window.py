"""A sliding window over the episodes of a stream."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.results.running_sum import RunningSum


class ColumnWindow:
    """Columns of values of the last episodes; nan where an episode had no value.

    Args:
        size: How many episodes.
    """

    def __init__(self, size: int) -> None:
        self._size, self._seen = size, 0
        self._columns: dict[str, FloatArray] = {}

    def __len__(self) -> int:
        return min(self._seen, self._size)

    def add(self, columns: Mapping[str, FloatArray], count: int) -> None:
        """Add the next `count` episodes."""
        kept = min(count, self._size)
        slots = np.arange(self._seen + count - kept, self._seen + count) % self._size
        for key in columns.keys() - self._columns.keys():
            self._columns[key] = np.full(self._size, np.nan)
        for key, column in self._columns.items():
            column[slots] = columns[key][-kept:] if key in columns else np.nan
        self._seen += count

    def ordered(self, key: str) -> FloatArray:
        """A column, the oldest first."""
        if key not in self._columns:
            return np.empty(0)
        column = self._columns[key]
        return (
            column[: len(self)]
            if self._seen <= self._size
            else np.roll(column, -(self._seen % self._size))
        )

    def sums(self) -> dict[str, RunningSum]:
        """Sum of each column."""
        found: dict[str, RunningSum] = defaultdict(RunningSum)
        found.update((key, RunningSum.of(column)) for key, column in self._columns.items())
        return found
