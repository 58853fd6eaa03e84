"""Energy counters, and what stands in for them."""

from __future__ import annotations

import sys
import time
import types
from pathlib import Path
from typing import Any

import pytest

from cpu_gpu_env.profiler import power


def rapl_zone(root: Path, zone: str, name: str, energy_uj: int) -> Path:
    folder = root / zone
    folder.mkdir()
    (folder / "name").write_text(f"{name}\n")
    (folder / "energy_uj").write_text(f"{energy_uj}\n")
    (folder / "max_energy_range_uj").write_text("9999999\n")
    return folder / "energy_uj"


def test_rapl_sums_the_packages_and_survives_wrapping(tmp_path: Path) -> None:
    first = rapl_zone(tmp_path, "intel-rapl:0", "package-0", 9_000_000)
    second = rapl_zone(tmp_path, "intel-rapl:1", "package-1", 0)
    core = rapl_zone(tmp_path, "intel-rapl:0:0", "core", 0)
    counter = power.rapl_counter(tmp_path)
    assert counter is not None
    assert counter() == 0.0
    first.write_text("1000000\n")  # 1 J to the end of the register and 1 J after it
    second.write_text("500000\n")
    core.write_text("5000000\n")
    assert counter() == pytest.approx(2.5)
    second.write_text("750000\n")
    assert counter() == pytest.approx(2.75)


def test_rapl_that_is_missing_or_unreadable_is_none(tmp_path: Path) -> None:
    assert power.rapl_counter(tmp_path / "nowhere") is None
    rapl_zone(tmp_path, "intel-rapl:0", "package-0", 0).unlink()
    assert power.rapl_counter(tmp_path) is None


def test_nvml_gives_joules(monkeypatch: pytest.MonkeyPatch) -> None:
    fake: Any = types.ModuleType("pynvml")
    fake.nvmlInit = lambda: None
    fake.nvmlDeviceGetHandleByUUID = {"GPU-1-2": "the card"}.__getitem__
    fake.nvmlDeviceGetTotalEnergyConsumption = {"the card": 4_500}.__getitem__
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    counter = power.nvml_counter("1-2")
    assert counter is not None
    assert counter() == 4.5
    assert power.nvml_counter("another") is None


def test_without_nvml_there_is_no_counter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert power.nvml_counter("1-2") is None


def test_mean_power_is_energy_over_time() -> None:
    readings = iter([10.0, 16.0])
    result, watts = power.mean_power(readings.__next__, lambda: time.sleep(0.05))
    assert result is None
    assert 0 < watts <= 6.0 / 0.05
