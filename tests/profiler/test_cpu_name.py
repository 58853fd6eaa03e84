"""The name of a CPU, as each kind of system tells it."""

import platform
from pathlib import Path

import pytest

from cpu_gpu_env.profiler.devices import cpu_name


@pytest.mark.parametrize(
    ("cpuinfo", "name"),
    [
        ("processor\t: 0\nmodel name\t: AMD EPYC 7763\n" * 2, "AMD EPYC 7763"),
        (
            "CPU implementer\t: 0x41\nCPU architecture: 8\nCPU part\t: 0xd0c\n" * 2,
            f"{platform.machine()} implementer 0x41 part 0xd0c",
        ),
        ("processor\t: 0\n", platform.processor() or platform.machine()),
        (None, platform.processor() or platform.machine()),
    ],
)
def test_the_name_is_what_the_system_says(cpuinfo: str | None, name: str, tmp_path: Path) -> None:
    path = tmp_path / "cpuinfo"
    if cpuinfo is not None:
        path.write_text(cpuinfo)
    assert cpu_name(path) == name
