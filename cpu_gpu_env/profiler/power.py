"""Energy counters of the machine: RAPL for CPUs, NVML for NVIDIA GPUs.

RAPL is read from Linux's powercap files (docs.kernel.org/power/powercap/powercap.html) without a
library: zeus 0.16 and codecarbon 3.3, which are maintained, bring pandas and about ten other
packages for these lines; pyJoules and pyRAPL had their last releases in 2020 and 2019.
"""

from __future__ import annotations

import importlib
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

_Result = TypeVar("_Result")
EnergyCounter = Callable[[], float]
"""Energy used since some fixed moment [J]; raises OSError if it cannot be read any more."""

POWERCAP = Path("/sys/class/powercap")
INTERFACES = ("intel-rapl", "intel-rapl-mmio")
"""Of RAPL, AMD's included: through registers of the CPU, or else through memory (some laptops)."""
ROOT_ONLY = (
    "only root may read RAPL (since CVE-2020-8694); measure as root, or let all read it until the "
    "next start: sudo chmod a+r /sys/class/powercap/{}:*/energy_uj"
)
_PAUSE_S, _ATTEMPTS = 0.002, 5
"""RAPL counts on about every millisecond, and not at the same moment for all who look."""


@dataclass(frozen=True)
class NoCounter:
    """There is no energy counter that can be read."""

    why: str
    """The reason, in a line."""


def rapl_counter(root: Path = POWERCAP) -> EnergyCounter | NoCounter:
    """Return a counter of the energy of all CPU packages together, AMD's included.

    A reading tells how much the registers grew since the last one, so between two readings each of
    them may wrap round once: that takes minutes under load. Zones that have shown the same at every
    reading so far are one register, as those of the dies of some packages, and count once.

    Args:
        root: Folder of the zones.
    """
    reasons = []
    for interface in INTERFACES:  # which tell of the same packages
        try:
            # Packages only: domains inside them (core, uncore) would be counted twice, and so would
            # what psys reports of them. The memory modules' (dram) is not on all.
            zones = [
                zone
                for zone in sorted(root.glob(f"{interface}:*"))
                if (zone / "name").read_text().startswith("package")
            ]
            if zones:
                return _Registers(zones).energy_j
        except PermissionError:
            reasons.append(ROOT_ONLY.format(interface))
        except (OSError, ValueError) as error:
            reasons.append(f"RAPL cannot be read: {error}")
    return NoCounter(reasons[0] if reasons else f"the system shows no RAPL packages in {root}")


class _Registers:
    """Registers of zones that may be the same: adds up what each grew, those that mirror one once.

    Raises:
        OSError: If one cannot be read.
        ValueError: If the range of one is no number.
    """

    def __init__(self, zones: Sequence[Path]) -> None:
        self._zones = zones
        self._moduli = [int((zone / "max_energy_range_uj").read_text()) + 1 for zone in zones]
        self._used_uj = [0] * len(zones)
        self._mirrors = {
            (one, other)
            for one, other in itertools.combinations(range(len(zones)), 2)
            if self._moduli[one] == self._moduli[other]
        }
        """Pairs that have shown the same so far."""
        self._last = self._read()

    def energy_j(self) -> float:
        """Energy used since the first reading [J]."""
        for index, now in enumerate(self._read()):
            self._used_uj[index] += (now - self._last[index]) % self._moduli[index]
            self._last[index] = now
        again = {other for _, other in self._mirrors}
        return sum(used for zone, used in enumerate(self._used_uj) if zone not in again) / 1e6

    def _read(self) -> list[int]:
        """Read all, and find out which pairs show different registers."""
        readings, different = self._read_once(), self._mirrors
        before = readings
        for _ in range(_ATTEMPTS):
            if not different:
                break
            after = self._read_once()
            different = {pair for pair in different if not self._is_between(*pair, before, after)}
            if different:
                time.sleep(_PAUSE_S)
                before = self._read_once()
        self._mirrors = self._mirrors - different
        return readings

    def _is_between(self, one: int, other: int, before: list[int], after: list[int]) -> bool:
        """Whether one zone showed what another did between two readings of the one."""
        modulus = self._moduli[one]
        grown, ahead = (after[one] - before[one]) % modulus, (before[other] - before[one]) % modulus
        return ahead <= grown

    def _read_once(self) -> list[int]:
        return [_energy_uj(zone) for zone in self._zones]


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
