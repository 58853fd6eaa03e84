"""What energy costs."""

from __future__ import annotations

from typing import TypeVar

from cpu_gpu_env.model.tasks import FloatArray

JOULES_PER_KWH = 3.6e6

Energy = TypeVar("Energy", float, FloatArray)


def electricity_cost(energy_j: Energy, price_per_kwh: float) -> Energy:
    """Price of energy [J], in the unit of a price per kilowatt-hour."""
    return energy_j / JOULES_PER_KWH * price_per_kwh
