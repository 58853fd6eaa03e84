"""What limits this process: made-up trees of control groups, and real affinity."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cpu_gpu_env.io.machine_limits import cpu_limit, free_host_memory, usable_cpus

NO_LIMIT_V1 = 2**63 - 4096
"""What version 1 shows for none."""
KIB_AVAILABLE = 8_000_000
MIB = 2**20


class Machine:
    """A root folder with what Linux shows of memory, control groups and where they are mounted."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "proc/self").mkdir(parents=True)
        (root / "proc/meminfo").write_text(
            f"MemTotal: 9000000 kB\nMemFree: 10 kB\nMemAvailable:   {KIB_AVAILABLE} kB\n"
        )
        (root / "proc/self/cgroup").touch()
        (root / "proc/self/mountinfo").write_text("22 1 0:21 / /proc rw,relatime - proc proc rw\n")

    def mount_v2(self, group: str, shown: str = "/", place: str = "/sys/fs/cgroup") -> None:
        """Mount version 2, with the process in a group."""
        self._mount("0:", group, shown, place, "cgroup2 cgroup2 rw,nsdelegate")

    def mount_v1(self, controllers: str, group: str, shown: str = "/", place: str = "") -> None:
        """Mount a hierarchy of version 1, with the process in a group."""
        where = place or f"/sys/fs/cgroup/{controllers}"
        self._mount(f"4:{controllers}", group, shown, where, f"cgroup cgroup rw,{controllers}")

    def _mount(self, kind: str, group: str, shown: str, place: str, system: str) -> None:
        escaped = place.replace(" ", "\\040")
        with (self.root / "proc/self/cgroup").open("a") as file:
            file.write(f"{kind}:{group}\n")
        with (self.root / "proc/self/mountinfo").open("a") as file:
            file.write(f"31 23 0:28 {shown} {escaped} rw,nosuid shared:9 - {system}\n")

    def group(self, folder: str, **files: object) -> None:
        """Write files of a control group; the first underscore of a name stands for a dot."""
        path = self.root / "sys/fs/cgroup" / folder
        path.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (path / name.replace("_", ".", 1)).write_text(f"{content}\n")

    def free(self) -> int:
        return free_host_memory(self.root)

    def cpus(self, affinity: int = 64) -> float:
        return cpu_limit(self.root, affinity).available


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_without_control_groups_the_host_is_the_limit(machine: Machine, tmp_path: Path) -> None:
    assert machine.free() == KIB_AVAILABLE * 1024
    assert machine.cpus(3) == 3
    nothing = tmp_path / "nothing"
    assert 0 < free_host_memory(nothing) == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert cpu_limit(nothing, 3).cpus == 3


def test_memory_of_version_2_is_the_limit_without_what_is_used(machine: Machine) -> None:
    machine.mount_v2("/")
    machine.group("", memory_max=1000 * MIB, memory_current=700 * MIB)
    assert machine.free() == 300 * MIB
    # Cached files that nobody looks at are let go when memory is needed, others are not.
    stat = f"anon {200 * MIB}\nfile {500 * MIB}\ninactive_file {250 * MIB}\nactive_file {250 * MIB}"
    machine.group("", memory_stat=stat)
    assert machine.free() == 550 * MIB
    machine.group("", memory_high=900 * MIB)  # beyond which the kernel holds the process back
    assert machine.free() == 450 * MIB
    machine.group("", memory_max="max", memory_high="max")
    assert machine.free() == KIB_AVAILABLE * 1024
    machine.group("", memory_max=100 * MIB)
    assert machine.free() == 0


def test_memory_of_version_1_is_the_limit_without_what_is_used(machine: Machine) -> None:
    machine.mount_v1("memory", "/docker/abc", shown="/docker/abc")  # as a container sees itself
    machine.group(
        "memory",
        memory_limit_in_bytes=1000 * MIB,
        memory_usage_in_bytes=700 * MIB,
        memory_stat=f"inactive_file {MIB}\ntotal_inactive_file {250 * MIB}",
    )
    assert machine.free() == 550 * MIB
    # The limit of a group around the container, which it does not see otherwise.
    machine.group("memory", memory_stat=f"hierarchical_memory_limit {800 * MIB}")
    assert machine.free() == 100 * MIB
    machine.group("memory", memory_limit_in_bytes=NO_LIMIT_V1, memory_stat="")
    assert machine.free() == KIB_AVAILABLE * 1024


@pytest.mark.parametrize("least", ["", "kube", "kube/pod", "kube/pod/me"])
def test_the_least_of_nested_groups_counts(machine: Machine, least: str) -> None:
    machine.mount_v2("/kube/pod/me")
    for group in ("", "kube", "kube/pod", "kube/pod/me"):
        is_least = group == least
        machine.group(
            group,
            memory_max=500 * MIB if is_least else 600 * MIB,
            memory_current=100 * MIB,
            cpu_max="250000 100000" if is_least else "max 100000",
        )
    machine.group("kube/pod/me/inner", memory_max=1, cpu_max="1000 100000")  # not around us
    machine.group("kube/another", memory_max=1, cpu_max="1000 100000")
    assert machine.free() == 400 * MIB
    assert machine.cpus() == 2.5


def test_a_group_that_uses_more_may_be_nearer_to_its_limit(machine: Machine) -> None:
    machine.mount_v2("/pod/me")
    machine.group("pod/me", memory_max=500 * MIB, memory_current=10 * MIB)
    machine.group("pod", memory_max=800 * MIB, memory_current=700 * MIB)
    assert machine.free() == 100 * MIB


def test_memory_may_be_of_version_1_beside_a_hierarchy_of_version_2(machine: Machine) -> None:
    machine.mount_v1("memory", "/job")
    machine.mount_v1("cpu,cpuacct", "/job/step")
    machine.mount_v2("/", place="/sys/fs/cgroup/unified")
    machine.group("memory/job", memory_limit_in_bytes=600 * MIB, memory_usage_in_bytes=0)
    machine.group("cpu,cpuacct/job", cpu_cfs_quota_us=350_000, cpu_cfs_period_us=100_000)
    machine.group("cpu,cpuacct/job/step", cpu_cfs_quota_us=-1, cpu_cfs_period_us=100_000)
    machine.group("unified", memory_max="max")
    assert machine.free() == 600 * MIB
    assert machine.cpus() == 3.5
    assert machine.cpus(2) == 2


@pytest.mark.parametrize(
    ("group", "shown"),
    [("/another", "/docker/abc"), ("/../another", "/"), ("/docker/abcd", "/docker/abc")],
)
def test_a_group_that_the_mount_does_not_show_has_the_limits_of_its_top(
    machine: Machine, group: str, shown: str
) -> None:
    machine.mount_v2(group, shown)
    machine.group("", memory_max=MIB, memory_current=0, cpu_max="100000 100000")
    assert machine.free() == MIB
    assert machine.cpus() == 1


def test_a_mount_may_have_a_space_in_its_path(machine: Machine) -> None:
    machine.mount_v2("/a:b", place="/sys/fs/cgroup/my groups")
    machine.group("my groups/a:b", memory_max=MIB, memory_current=0)
    assert machine.free() == MIB


@pytest.mark.parametrize(
    ("quota", "available", "cpus", "unthrottled"),
    [
        ("150000 100000", 1.5, 2, 1),
        ("50000 100000", 0.5, 1, 1),
        ("300000 100000", 3.0, 3, 3),
        ("20000 10000", 2.0, 2, 2),
        ("200000", 2.0, 2, 2),
        ("max 100000", 64.0, 64, 64),
        ("much 100000", 64.0, 64, 64),
        ("", 64.0, 64, 64),
    ],
)
def test_a_quota_limits_the_cpus(
    machine: Machine, quota: str, available: float, cpus: int, unthrottled: int
) -> None:
    machine.mount_v2("/")
    machine.group("", cpu_max=quota)
    limit = cpu_limit(machine.root, 64)
    assert (limit.available, limit.cpus, limit.unthrottled) == (available, cpus, unthrottled)
    if available < 64:
        assert f"a quota in {machine.root / 'sys/fs/cgroup'}" in limit.why


def test_what_limits_is_said(machine: Machine) -> None:
    installed = os.cpu_count() or 1
    assert cpu_limit(machine.root, installed).why.startswith(f"the machine has {installed} CPU")
    machine.mount_v2("/")
    machine.group("", cpu_max="100000 100000")
    assert cpu_limit(machine.root, 2).why.endswith("leaves the time of 1 CPU")
    machine.group("", cpu_max="90000 100000")
    assert cpu_limit(machine.root, 2).why.endswith("leaves the time of 0.9 CPUs")


def on_one_cpu(*words: str) -> subprocess.CompletedProcess[str]:
    """Run Python on one of the CPUs that this process may use."""
    if shutil.which("taskset") is None or not hasattr(os, "sched_getaffinity"):
        pytest.skip("needs taskset of Linux")
    cpu = str(min(os.sched_getaffinity(0)))
    command = ["taskset", "-c", cpu, sys.executable, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)


def test_a_process_on_one_cpu_sees_one() -> None:
    code = "from cpu_gpu_env.io.machine_limits import cpu_limit as f; print(f().cpus, f().why)"
    cpus, _, why = on_one_cpu("-c", code).stdout.strip().partition(" ")
    assert cpus == "1"
    assert usable_cpus() <= (os.cpu_count() or 1)
    if os.cpu_count() != 1:
        assert why.startswith("taskset or a cpuset leaves this process 1 of ")


@pytest.mark.skipif(os.cpu_count() == 1, reason="needs two CPUs to take one away")
@pytest.mark.parametrize(
    "words",
    [
        ("profile_hardware", "--threads", "2", "--quick"),
        ("train", "--threads", "2"),
        ("compare", "--jobs", "2"),
        ("stream", "--jobs", "2"),
    ],
)
def test_commands_refuse_more_threads_than_there_are_cpus(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    for library in ("torch", "joblib"):
        pytest.importorskip(library)
    module, *options = words
    output = str(tmp_path / "new")
    ended = on_one_cpu("-m", f"cpu_gpu_env.scripts.{module}", *options, "--output", output)
    assert ended.returncode == 2
    *bar, line = ended.stderr.splitlines()
    assert line.startswith("error: ")
    assert "1 to 1 (taskset or a cpuset leaves this process 1 of " in line
    assert all(text.startswith("measuring") or not text.strip() for text in bar)


def test_threads_and_processes_follow_the_limit() -> None:
    pytest.importorskip("joblib")
    pytest.importorskip("torch")
    code = (
        "from cpu_gpu_env.profiler.devices import torch_set_up\n"
        "from cpu_gpu_env.io.parallel import num_workers\n"
        "from cpu_gpu_env.runtime.solver import Solver\n"
        "with torch_set_up(0, 0) as threads: print(threads, num_workers(), Solver().at_once)"
    )
    assert on_one_cpu("-c", code).stdout.split() == ["1", "1", "1"]
