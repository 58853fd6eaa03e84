"""The gap: how far an objective is from its certified lower bound."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.model.tasks import FloatArray

INFINITY = "Infinity"
"""What CSV and JSON have for an infinite gap: JSON has no such number."""


def gap_to_bound(objective: npt.ArrayLike, bound: npt.ArrayLike) -> FloatArray:
    """By what part of lower bounds objectives exceed them: objective / bound - 1.

    Where there is nothing to pay (energy alone counts, and a device is free) the optimum is 0. The
    gap of an objective of 0 to a bound of 0 is 0, that of any other is infinite.

    Args:
        objective: J of schedules, of any shape.
        bound: No schedule has a smaller J; of a shape that broadcasts to the other. J is never
            negative, so that a bound below 0 says as much as one of 0.

    Returns:
        The gaps, of that shape; nan only where an argument is.
    """
    j, least = np.asarray(objective, np.float64), np.maximum(np.asarray(bound, np.float64), 0.0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        gap = j / least - 1.0
    return np.where((j == 0.0) & (least == 0.0), 0.0, gap)


def plain_json(value: Any) -> Any:
    """Replace what JSON has no numbers for: nan (no value) by None, an infinite gap by its name.

    Python, pandas and NumPy read the name back as a number.
    """
    if isinstance(value, Mapping):
        return {key: plain_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain_json(item) for item in value]
    if not isinstance(value, float) or math.isfinite(value):
        return value
    return None if math.isnan(value) else f"{'-' * (value < 0)}{INFINITY}"
