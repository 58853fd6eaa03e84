"""Sums that stay exact over an endless stream."""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np

from cpu_gpu_env.checks import MAX_FLOAT, check_count, check_number, is_list
from cpu_gpu_env.errors import not_allowed
from cpu_gpu_env.model.tasks import FloatArray

_HUGE = 1e290
"""Larger values, infinite ones among them, are summed apart: compensation would make them nan."""


@dataclass
class RunningSum:
    """Sum and mean of the values so far; nan counts as no value.

    Each array is summed exactly (`math.fsum`), and these sums by the compensated algorithm of
    Neumaier (Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen, ZAMM 54,
    1974): of values of one sign the relative error stays at about 1e-16, however many there are,
    where a plain sum of 1e8 values may be off by 1e-8.
    """

    count: int = 0
    """How many values."""
    rounded: float = 0.0
    """Their sum, rounded each time."""
    compensation: float = 0.0
    """What the rounding took away."""
    huge: float = 0.0
    """Sum of those too large for that."""

    @classmethod
    def of(cls, values: FloatArray) -> RunningSum:
        """Sum one array quickly: pairwise, as NumPy does."""
        known = values[~np.isnan(values)]
        return cls(len(known), float(known.sum()))

    def add(self, values: FloatArray) -> None:
        """Add the values of an array that are not nan."""
        known = values[~np.isnan(values)]
        usual = np.abs(known) <= _HUGE
        self.count += len(known)
        self.huge += float(known[~usual].sum())
        term = math.fsum(known[usual].tolist())
        total = self.rounded + term
        large, small = sorted((self.rounded, term), key=abs, reverse=True)
        self.compensation += (large - total) + small
        self.rounded = total

    @property
    def total(self) -> float:
        """The sum; nan if there are no values."""
        return self.rounded + self.compensation + self.huge if self.count else math.nan

    @property
    def mean(self) -> float:
        """The mean; nan if there are no values."""
        return self.total / self.count if self.count else math.nan

    def to_json(self) -> list[Any]:
        """Describe it in plain values; JSON has no infinite numbers, so that they are texts."""
        return [value if math.isfinite(value) else str(value) for value in astuple(self)]

    @classmethod
    def from_json(cls, where: str, content: Any) -> RunningSum:
        """Build what `to_json` described.

        Raises:
            HybridClusterError: If it is damaged; the message begins with `where`.
        """
        if not is_list(content) or len(content) != len(astuple(cls())):
            raise not_allowed(where, content, "a count and three numbers")
        count = check_count(f"{where}: count", content[0], 2**53, low=0)
        rounded, compensation = (check_number(where, part, -MAX_FLOAT) for part in content[1:3])
        huge = math.inf if content[3] == str(math.inf) else content[3]
        huge = check_number(where, huge, -MAX_FLOAT, also=math.inf)
        return cls(count, rounded, compensation, huge)
