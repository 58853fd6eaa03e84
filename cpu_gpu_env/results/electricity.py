"""What electricity costs."""

from __future__ import annotations

from cpu_gpu_env.model.tasks import FloatArray

JOULES_PER_KWH = 3.6e6
"""By definition: 1,000 W for 3,600 s."""


def electricity_cost(energy_j: FloatArray, price_per_kwh: float) -> FloatArray:
    """Cost of energies, in the currency of the price.

    Args:
        energy_j: Of any shape [J].
        price_per_kwh: Price of a kWh.
    """
    return energy_j / JOULES_PER_KWH * price_per_kwh
