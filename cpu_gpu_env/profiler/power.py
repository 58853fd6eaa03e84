"""Energy counters of the machine: RAPL for CPUs, NVML for NVIDIA GPUs."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

_Result = TypeVar("_Result")
EnergyCounter = Callable[[], float]
"""Energy used since some fixed moment [J]."""


def rapl_counter(root: Path = Path("/sys/class/powercap")) -> EnergyCounter | None:
    """Return a counter of the energy of all CPU packages, or None if it cannot be read."""
    try:
        # Packages only: the domains inside them (cores, DRAM) would be counted twice.
        zones = [
            zone
            for zone in sorted(root.glob("intel-rapl:*"))
            if (zone / "name").read_text().startswith("package")
        ]
        ranges = [int((zone / "max_energy_range_uj").read_text()) for zone in zones]
        last = [int((zone / "energy_uj").read_text()) for zone in zones]
    except (OSError, ValueError):
        return None
    used_uj = 0

    def energy_j() -> float:
        nonlocal used_uj
        for index, zone in enumerate(zones):
            now = int((zone / "energy_uj").read_text())
            # The register wraps round within minutes under load.
            used_uj += (now - last[index]) % (ranges[index] + 1)
            last[index] = now
        return used_uj / 1e6

    return energy_j if zones else None


def nvml_counter(uuid: str) -> EnergyCounter | None:
    """Return the energy counter of an NVIDIA GPU (Volta or newer), or None if it has none."""
    try:
        nvml = importlib.import_module("pynvml")
        nvml.nvmlInit()
        handle = nvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}")
        nvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except Exception:  # No module, no driver, no such GPU, not supported: each has its own type.
        return None
    return lambda: float(nvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1e3


def mean_power(counter: EnergyCounter, work: Callable[[], _Result]) -> tuple[_Result, float]:
    """Do some work; return its result and the mean power meanwhile [W]."""
    begin_j, begin_s = counter(), time.perf_counter()
    result = work()
    return result, (counter() - begin_j) / (time.perf_counter() - begin_s)
