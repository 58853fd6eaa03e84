"""Percentiles of an endless stream of values in constant memory, with a stated relative error."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.checks import check_count, check_field
from cpu_gpu_env.errors import not_allowed

RELATIVE_ERROR = 0.01
"""A percentile is at most this part of itself away from the value of its rank."""
SMALLEST, LARGEST = 1e-9, 1e15
"""Values up to the smaller count as 0, those beyond the larger as infinite."""

_GROWTH = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_LAST = math.ceil(math.log(LARGEST / SMALLEST) / math.log(_GROWTH)) + 1
_VALUES = SMALLEST * 2 * _GROWTH ** np.arange(_LAST + 1) / (_GROWTH + 1)
_VALUES[0], _VALUES[_LAST] = 0.0, math.inf

Buckets = npt.NDArray[np.uint16]
"""Index of the bucket of each value."""


class QuantileSketch:
    """Counts of values >= 0 in buckets whose widths grow with the values.

    This is DDSketch (Masson, Rim and Lee, PVLDB 12(12), 2019) with a fixed range: bucket i holds
    the values from g^(i-1) to g^i times the smallest, g = (1 + a) / (1 - a), and stands for the one
    whose relative distance to both ends is a, the relative error. Sketches of parts add up to that
    of the whole, and values can be taken out again. Arrays go in whole, unlike into the authors'
    library, which takes a microsecond or more for each value.
    """

    def __init__(self) -> None:
        self._counts: npt.NDArray[np.int64] = np.zeros(_LAST + 1, dtype=np.int64)

    @property
    def count(self) -> int:
        """How many values it holds."""
        return int(self._counts.sum())

    def add(self, values: npt.ArrayLike) -> None:
        """Add values of any shape.

        Raises:
            ValueError: If one is nan.
        """
        self.add_buckets(find_buckets(values))

    def add_buckets(self, buckets: Buckets) -> None:
        """Add values by their buckets."""
        self._counts += np.bincount(buckets, minlength=len(self._counts))

    def remove_buckets(self, buckets: Buckets) -> None:
        """Take values out again that were added before."""
        self._counts -= np.bincount(buckets, minlength=len(self._counts))

    def merge(self, other: QuantileSketch) -> None:
        """Add the values of another sketch."""
        self._counts += other._counts

    def percentile(self, percent: float) -> float:
        """The value of rank floor(percent / 100 (n - 1)), counted from 0; nan if there are none.

        This is ``np.percentile(values, percent, method="lower")`` but for the relative error.
        """
        return self.percentiles([percent])[0]

    def percentiles(self, percents: Sequence[float]) -> list[float]:
        """As `percentile`, of several."""
        below = np.cumsum(self._counts)
        if below[-1] == 0:
            return [math.nan] * len(percents)
        ranks = [math.floor(percent / 100 * (int(below[-1]) - 1)) for percent in percents]
        found: list[float] = _VALUES[np.searchsorted(below, ranks, side="right")].tolist()
        return found

    def to_json(self) -> dict[str, Any]:
        """Describe it in plain values: the counts from the first bucket in use to the last."""
        used = np.flatnonzero(self._counts)
        if not len(used):
            return {"first": 0, "counts": []}
        return {"first": int(used[0]), "counts": self._counts[used[0] : used[-1] + 1].tolist()}

    @classmethod
    def from_json(cls, where: str, content: Any) -> QuantileSketch:
        """Build what `to_json` described.

        Raises:
            HybridClusterError: If it is damaged; the message begins with `where`.
        """
        counts = check_field(where, content, "counts", list)
        first = check_count(f"{where}: first", content.get("first"), _LAST, low=0)
        if first + len(counts) > _LAST + 1:
            raise not_allowed(f"{where}: number of counts", len(counts), f"at most {_LAST + 1}")
        sketch = cls()
        for bucket, count in enumerate(counts, start=first):
            sketch._counts[bucket] = check_count(f"{where}: a count", count, 2**53, low=0)
        return sketch


class WindowSketch:
    """A sketch of the values of the last episodes, two bytes a value.

    Args:
        window: How many episodes.
    """

    def __init__(self, window: int) -> None:
        self._sketch = QuantileSketch()
        self._episodes: deque[Buckets] = deque()
        self._window = window

    def add(self, episodes: Sequence[Buckets]) -> None:
        """Add the buckets of the next episodes' values; the oldest leave a full window."""
        newest = list(episodes)[-self._window :]
        too_many = max(len(self._episodes) + len(newest) - self._window, 0)
        oldest = [self._episodes.popleft() for _ in range(too_many)]
        if oldest:
            self._sketch.remove_buckets(np.concatenate(oldest))
        if newest:
            self._episodes.extend(newest)
            self._sketch.add_buckets(np.concatenate(newest))

    @property
    def count(self) -> int:
        """How many values it holds."""
        return self._sketch.count

    def percentile(self, percent: float) -> float:
        """As `QuantileSketch.percentile`, of the window."""
        return self._sketch.percentile(percent)

    def percentiles(self, percents: Sequence[float]) -> list[float]:
        """As `QuantileSketch.percentiles`, of the window."""
        return self._sketch.percentiles(percents)


def find_buckets(values: npt.ArrayLike) -> Buckets:
    """Buckets of values of any shape, (number of values,).

    Raises:
        ValueError: If one is nan.
    """
    flat = np.asarray(values, dtype=np.float64).ravel()
    if np.isnan(flat).any():
        raise ValueError("nan has no rank")
    within = np.clip(flat, SMALLEST, 2 * LARGEST)
    found = np.ceil(np.log(within / SMALLEST) / math.log(_GROWTH))
    return np.minimum(found, _LAST).astype(np.uint16)
