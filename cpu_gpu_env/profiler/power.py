"""Energy counters of the machine: RAPL for CPUs, NVML for NVIDIA GPUs.

RAPL is read from Linux's powercap files (docs.kernel.org/power/powercap/powercap.html) without a
library: zeus 0.16 and codecarbon 3.3, which are maintained, bring pandas and about ten other
packages for these lines; pyJoules and pyRAPL had their last releases in 2020 and 2019.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

_Result = TypeVar("_Result")
EnergyCounter = Callable[[], float]
"""Energy used since some fixed moment [J]; raises OSError if it cannot be read any more."""

POWERCAP = Path("/sys/class/powercap")
ROOT_ONLY = (
    "only root may read RAPL (since CVE-2020-8694); measure as root, or let all read it until the "
    "next start: sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj"
)


@dataclass(frozen=True)
class NoCounter:
    """There is no energy counter that can be read."""

    why: str
    """The reason, in a line."""


def rapl_counter(root: Path = POWERCAP) -> EnergyCounter | NoCounter:
    """Return a counter of the energy of all CPU packages together, AMD's included.

    A reading tells how much the registers grew since the last one, so between two readings each of
    them may wrap round once: that takes minutes under load.
    """
    try:
        # Packages only: domains inside them (core, uncore) would be counted twice, and so would
        # what psys and intel-rapl-mmio report of them. The memory modules' (dram) is not on all.
        zones = [
            zone
            for zone in sorted(root.glob("intel-rapl:*"))
            if (zone / "name").read_text().startswith("package")
        ]
        ranges = [int((zone / "max_energy_range_uj").read_text()) for zone in zones]
        last = [_energy_uj(zone) for zone in zones]
    except PermissionError:
        return NoCounter(ROOT_ONLY)
    except (OSError, ValueError) as error:
        return NoCounter(f"RAPL cannot be read: {error}")
    used_uj = 0

    def energy_j() -> float:
        nonlocal used_uj
        for index, zone in enumerate(zones):
            now = _energy_uj(zone)
            used_uj += (now - last[index]) % (ranges[index] + 1)
            last[index] = now
        return used_uj / 1e6

    return energy_j if zones else NoCounter(f"the system shows no RAPL packages in {root}")


def _energy_uj(zone: Path) -> int:
    try:
        return int((zone / "energy_uj").read_text())
    except ValueError as error:
        raise OSError(f"{zone / 'energy_uj'}: {error}") from None


def nvml_counter(uuid: str) -> EnergyCounter | NoCounter:
    """Return the energy counter of an NVIDIA GPU (Volta or newer)."""
    try:
        nvml = importlib.import_module("pynvml")
    except ImportError:
        return NoCounter("nvidia-ml-py is not installed: pip install '.[nvml]' in the checkout")
    try:
        nvml.nvmlInit()
        handle = nvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}")
        nvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except Exception as error:  # No driver, no such GPU, not supported: each has its own type.
        return NoCounter(f"NVML has none for it: {error}")

    def energy_j() -> float:
        try:
            return float(nvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1e3
        except Exception as error:
            raise OSError(f"NVML: {error}") from None

    return energy_j


def mean_power(counter: EnergyCounter, work: Callable[[], _Result]) -> tuple[_Result, float]:
    """Do some work; return its result and the mean power meanwhile [W]."""
    begin_j, begin_s = counter(), time.perf_counter()
    result = work()
    return result, (counter() - begin_j) / (time.perf_counter() - begin_s)
