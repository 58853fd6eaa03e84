"""Whether what was learned is better than what is in use, by episodes new to both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cpu_gpu_env.checks import MAX_FLOAT, check_field, check_number
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.model.tasks import FloatArray

PARTS = ("lane", "current", "candidate")
"""Whose objectives are kept: of the lane as it explored, of its net, and of the one that learns."""


class Trial:
    """Objectives of the net in use and of a candidate in the same episodes, the newest ones.

    Args:
        window: Episodes that are kept.
    """

    def __init__(self, window: int) -> None:
        self._window = window
        self._objectives = np.empty((len(PARTS), 0))

    def __len__(self) -> int:
        return self._objectives.shape[1]

    def add(self, lane: FloatArray, current: FloatArray, candidate: FloatArray) -> None:
        """Add J of episodes, (n,) each."""
        joined = np.concatenate([self._objectives, [lane, current, candidate]], axis=1)
        self._objectives = joined[:, -self._window :]

    def standard_errors(self) -> float:
        """By how many standard errors the candidate's J is above that of the net in use.

        0 if all episodes are alike; there must be two at least.
        """
        _, current, candidate = self._objectives
        found = candidate - current
        error = float(found.std(ddof=1)) / np.sqrt(len(found))
        return float(found.mean()) / error if error > 0 else 0.0

    def score(self) -> dict[str, float]:
        """Mean J of the lane as it explored, of its net, and of the candidate."""
        means = self._objectives.mean(axis=1).tolist()
        return {f"objective_{part}": mean for part, mean in zip(PARTS, means, strict=True)}

    def to_json(self) -> dict[str, list[float]]:
        """What JSON holds."""
        return dict(zip(PARTS, self._objectives.tolist(), strict=True))

    def restore(self, content: Mapping[str, Any]) -> None:
        """Go on from what `to_json` gave.

        Raises:
            HybridClusterError: If it is damaged.
        """
        columns = [check_field("trial", content, part, list) for part in PARTS]
        if len({len(column) for column in columns}) > 1 or len(columns[0]) > self._window:
            allowed = f"lists of the same length, at most {self._window}"
            raise HybridClusterError(f"trial: {' and '.join(PARTS)} are not {allowed}")
        for part, column in zip(PARTS, columns, strict=True):
            for value in column:
                check_number(f"trial: a value of {part!r}", value, 0.0, MAX_FLOAT)
        self._objectives = np.array(columns, dtype=np.float64)
