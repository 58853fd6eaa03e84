"""Energy counters, and what stands in for them."""

from __future__ import annotations

import os
import sys
import tempfile
import time
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cpu_gpu_env.profiler import power
from cpu_gpu_env.profiler.power import NoCounter

RANGE_UJ = 9_999_999
"""Registers of these tests wrap round after 10 J."""


class Powercap:
    """Files as Linux lays them out: zones in a tree, and a link to each, flat, where one looks."""

    def __init__(self, root: Path) -> None:
        self.root = root / "class"
        self._devices = root / "devices"
        self.root.mkdir(parents=True)
        self._devices.mkdir()

    def add(self, zone: str, name: str, energy_uj: int = 0) -> Path:
        """Add a zone such as intel-rapl:0:1; return the file of its register."""
        control, *numbers = zone.split(":")
        zones = [":".join([control, *numbers[:depth]]) for depth in range(1, len(numbers) + 1)]
        folder = self._devices.joinpath(control, *zones)
        folder.mkdir(parents=True)
        for file, content in (
            ("name", name),
            ("enabled", 1),
            ("max_energy_range_uj", RANGE_UJ),
            ("energy_uj", energy_uj),
            ("constraint_0_name", "long_term"),
            ("constraint_0_power_limit_uw", 225_000_000),
        ):
            (folder / file).write_text(f"{content}\n")
        (folder / "energy_uj").chmod(0o400)  # as since CVE-2020-8694
        if not (self.root / control).exists():
            (self.root / control).symlink_to(self._devices / control)
        (self.root / zone).symlink_to(folder)
        return folder / "energy_uj"


@pytest.fixture
def powercap(tmp_path: Path) -> Powercap:
    return Powercap(tmp_path)


def counter_of(powercap: Powercap) -> power.EnergyCounter:
    counter = power.rapl_counter(powercap.root)
    assert not isinstance(counter, NoCounter)
    return counter


def test_rapl_sums_the_packages_and_survives_wrapping(powercap: Powercap) -> None:
    first = powercap.add("intel-rapl:0", "package-0", 9_000_000)
    second = powercap.add("intel-rapl:1", "package-1")
    core = powercap.add("intel-rapl:0:0", "core")
    counter = counter_of(powercap)
    assert counter() == 0.0
    first.write_text("1000000\n")  # 1 J to the end of the register and 1 J after it
    second.write_text("500000\n")
    core.write_text("5000000\n")
    assert counter() == pytest.approx(2.5)
    second.write_text("750000\n")
    assert counter() == pytest.approx(2.75)


def test_rapl_counts_nothing_twice(powercap: Powercap) -> None:
    names = {
        "intel-rapl:0": "package-0-die-0",
        "intel-rapl:0:0": "core",
        "intel-rapl:0:1": "uncore",
        "intel-rapl:0:2": "dram",
        "intel-rapl:1": "package-0-die-1",
        "intel-rapl:2": "psys",
        "intel-rapl-mmio:0": "package-0",
    }
    registers = {zone: powercap.add(zone, name) for zone, name in names.items()}
    counter = counter_of(powercap)
    for power_of_two, register in enumerate(registers.values()):
        register.write_text(f"{2**power_of_two * 100_000}\n")
    assert counter() == pytest.approx(0.1 + 1.6)


def test_dies_that_show_one_register_count_once(powercap: Powercap) -> None:
    registers = [
        powercap.add(f"intel-rapl:{index}", f"package-0-die-{index}", 5_000_000)
        for index in range(3)
    ]
    other = powercap.add("intel-rapl:3", "package-1", 5_000_001)
    counter = counter_of(powercap)
    for used_uj in (1_000_000, 3_000_000, 5_000_000):  # the last is beyond the end
        for register in registers:
            register.write_text(f"{(5_000_000 + used_uj) % (RANGE_UJ + 1)}\n")
        assert counter() == pytest.approx(used_uj / 1e6)
    other.write_text("5700001\n")
    assert counter() == pytest.approx(5.7)


def test_a_register_that_ticks_between_two_readings_of_it_is_still_one(
    powercap: Powercap, monkeypatch: pytest.MonkeyPatch
) -> None:
    zones = [powercap.add(f"intel-rapl:{index}", "package-0") for index in range(2)]
    ticks = iter(range(10**6))

    def read_next(zone: Path) -> int:
        assert (zone / "energy_uj").resolve() in zones
        return 1_000 * next(ticks) % (RANGE_UJ + 1)

    monkeypatch.setattr(power, "_energy_uj", read_next)
    counter = counter_of(powercap)
    before_j = counter()
    for _ in range(50):
        now_j = counter()
        assert now_j - before_j == pytest.approx(4 * 0.001)  # two readings of both zones
        before_j = now_j


def test_dies_with_the_same_start_count_apart_once_they_differ(powercap: Powercap) -> None:
    first = powercap.add("intel-rapl:0", "package-0-die-0")
    second = powercap.add("intel-rapl:1", "package-0-die-1")
    counter = counter_of(powercap)
    assert counter() == 0.0
    first.write_text("1000000\n")
    assert counter() == pytest.approx(1.0)  # and the other stands still
    second.write_text("1000000\n")  # equal by chance
    assert counter() == pytest.approx(2.0)


def test_zones_of_another_range_are_other_registers(powercap: Powercap) -> None:
    first = powercap.add("intel-rapl:0", "package-0-die-0")
    second = powercap.add("intel-rapl:1", "package-0-die-1")
    (second.parent / "max_energy_range_uj").write_text("262143328850\n")
    counter = counter_of(powercap)
    for register in (first, second):
        register.write_text("1000000\n")
    assert counter() == pytest.approx(2.0)


def test_a_zone_that_stays_at_zero_adds_nothing(powercap: Powercap) -> None:
    first = powercap.add("intel-rapl:0", "package-0-die-0", 100)
    for index in (1, 2):
        powercap.add(f"intel-rapl:{index}", f"package-0-die-{index}")
    counter = counter_of(powercap)
    first.write_text("1000100\n")
    assert counter() == pytest.approx(1.0)


def test_where_memory_alone_shows_rapl_it_is_read_there(powercap: Powercap) -> None:
    powercap.add("intel-rapl:0", "psys", 7)
    register = powercap.add("intel-rapl-mmio:0", "package-0", 7)
    counter = counter_of(powercap)
    register.write_text("1000007\n")
    assert counter() == pytest.approx(1.0)


@pytest.mark.parametrize("text", ["", "-\n", "0x10\n"])
def test_a_register_that_breaks_is_told(text: str, powercap: Powercap) -> None:
    register = powercap.add("intel-rapl:0", "package-0")
    counter = counter_of(powercap)
    register.write_text(text)
    with pytest.raises(OSError, match=r"intel-rapl:0/energy_uj"):
        counter()
    register.unlink()
    with pytest.raises(OSError, match=r"intel-rapl:0/energy_uj"):
        counter()


def test_a_range_that_is_no_number_is_told(powercap: Powercap) -> None:
    zone = powercap.add("intel-rapl:0", "package-0").parent
    (zone / "max_energy_range_uj").write_text("far\n")
    found = power.rapl_counter(powercap.root)
    assert isinstance(found, NoCounter)
    assert "'far" in found.why


@settings(max_examples=30, deadline=None)
@given(start_uj=st.integers(0, RANGE_UJ), used_uj=st.lists(st.integers(0, RANGE_UJ), max_size=8))
def test_rapl_adds_up_what_is_used_between_readings(start_uj: int, used_uj: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        powercap = Powercap(Path(folder))
        register = powercap.add("intel-rapl:0", "package-0", start_uj)
        counter = counter_of(powercap)
        for done in range(len(used_uj)):
            total_uj = sum(used_uj[: done + 1])
            register.write_text(f"{(start_uj + total_uj) % (RANGE_UJ + 1)}\n")
            assert counter() == pytest.approx(total_uj / 1e6)


def test_without_rapl_it_says_so(powercap: Powercap, tmp_path: Path) -> None:
    for root in (tmp_path / "nowhere", powercap.root):
        found = power.rapl_counter(root)
        assert isinstance(found, NoCounter)
        assert f"no RAPL packages in {root}" in found.why
    register = powercap.add("intel-rapl:0", "package-0")
    register.unlink()
    assert "energy_uj" in power.rapl_counter(powercap.root).why  # type: ignore[union-attr]
    register.write_text("much\n")
    assert "'much" in power.rapl_counter(powercap.root).why  # type: ignore[union-attr]


@contextmanager
def as_nobody() -> Iterator[None]:
    """Give up the rights of root for a while, if the tests have them."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="needs users")
def test_registers_that_only_root_may_read_are_told_with_the_mend() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        powercap = Powercap(Path(folder))
        powercap.add("intel-rapl:0", "package-0")
        register = powercap.add("intel-rapl:1", "package-1")
        register.chmod(0o000)
        with as_nobody():
            found = power.rapl_counter(powercap.root)
    assert isinstance(found, NoCounter)
    assert "CVE-2020-8694" in found.why
    assert "chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj" in found.why


def fake_nvml(monkeypatch: pytest.MonkeyPatch, energy_mj: dict[str, int]) -> None:
    fake: Any = types.ModuleType("pynvml")
    fake.nvmlInit = lambda: None
    fake.nvmlDeviceGetHandleByUUID = {"GPU-1-2": "the card"}.__getitem__
    fake.nvmlDeviceGetTotalEnergyConsumption = energy_mj.__getitem__
    monkeypatch.setitem(sys.modules, "pynvml", fake)


def test_nvml_gives_joules(monkeypatch: pytest.MonkeyPatch) -> None:
    energy_mj = {"the card": 4_500}
    fake_nvml(monkeypatch, energy_mj)
    counter = power.nvml_counter("1-2")
    assert not isinstance(counter, NoCounter)
    assert counter() == 4.5
    energy_mj.clear()  # the driver is gone
    with pytest.raises(OSError, match="NVML: 'the card'"):
        counter()
    another = power.nvml_counter("another")
    assert isinstance(another, NoCounter)
    assert "GPU-another" in another.why


def test_without_nvml_there_is_no_counter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    found = power.nvml_counter("1-2")
    assert isinstance(found, NoCounter)
    assert ".[nvml]" in found.why


def test_mean_power_is_energy_over_time() -> None:
    readings = iter([10.0, 16.0])
    result, watts = power.mean_power(readings.__next__, lambda: time.sleep(0.05))
    assert result is None
    assert 0 < watts <= 6.0 / 0.05
