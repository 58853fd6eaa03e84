"""How much of the machine this process may use: CPUs and memory, as it is limited to (Linux).

What limits a container, a batch job or a service are control groups, nested in one another, of
version 1 (docs.kernel.org/admin-guide/cgroup-v1/memory.html, .../scheduler/sched-bwc.html) or 2
(docs.kernel.org/admin-guide/cgroup-v2.html); ``taskset`` and cpusets limit the CPUs besides.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/")
_LIMITS = ("memory.max", "memory.high", "memory.limit_in_bytes")
"""Files of memory limits: two of version 2, and that of version 1."""
_USED = ("memory.current", "memory.usage_in_bytes")
_PAGE_CACHE = ("total_inactive_file", "inactive_file")
"""Fields of ``memory.stat``, with the groups within: of version 1, and of version 2."""
_USUAL_PERIOD_US = 100_000


@dataclass(frozen=True)
class CPULimit:
    """How much CPU time this process gets, and by what."""

    available: float
    """Seconds of CPU time a second: whole CPUs, or a quota such as 1.5."""
    why: str
    """What sets it, for messages."""

    @property
    def cpus(self) -> int:
        """CPUs that can be used at once, at least 1; what a quota leaves of the last one counts."""
        return max(1, math.ceil(self.available))

    @property
    def unthrottled(self) -> int:
        """Threads that can run all the time, at least 1."""
        return max(1, math.floor(self.available))


def cpu_limit(root: Path = ROOT, affinity: int | None = None) -> CPULimit:
    """Find out how many CPUs this process may use: by affinity and by the quotas of its groups.

    Args:
        root: Folder of ``proc`` and of what is mounted.
        affinity: CPUs that the process may run on; None: ask the system.
    """
    installed = os.cpu_count() or 1
    if affinity is None:
        affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else installed
    why = f"the machine has {_cpus(affinity)}"
    if affinity < installed:
        why = f"taskset or a cpuset leaves this process {affinity} of {_cpus(installed)}"
    limit = CPULimit(affinity, why)
    for folder in _control_groups(root, "cpu"):
        quota = _cpu_quota(folder)
        if quota is not None and quota < limit.available:
            limit = CPULimit(quota, f"a quota in {folder} leaves the time of {_cpus(quota)}")
    return limit


def usable_cpus() -> int:
    """CPUs that this process may use at once, at least 1; see `cpu_limit`."""
    return cpu_limit().cpus


def _cpus(count: float) -> str:
    return f"{count:g} CPU" if count == 1 else f"{count:g} CPUs"


def _cpu_quota(folder: Path) -> float | None:
    """Quota of a control group [CPUs]; None: none."""
    quota_us, *period_us = _read(folder / "cpu.max").split() or ["max"]
    if quota_us == "max":  # so there is none, or the group is of version 1
        quota_us = _read(folder / "cpu.cfs_quota_us")
        period_us = [_read(folder / "cpu.cfs_period_us")]
    try:
        quota = int(quota_us) / int(period_us[0] if period_us else _USUAL_PERIOD_US)
    except (ValueError, ZeroDivisionError):
        return None
    return quota if quota > 0 else None  # -1 of version 1: no limit


def free_host_memory(root: Path = ROOT) -> int:
    """Memory that this process can still get [B].

    It is what the host has left, or less: what the limits of all control groups around it leave.
    What a group uses is gone from its limit, but for files that are cached and not in use.

    Args:
        root: Folder of ``proc`` and of what is mounted.
    """
    available = re.search(r"MemAvailable:\s*(\d+) kB", _read(root / "proc/meminfo"))
    free = [int(available[1]) * 1024 if available else host_memory()]
    for folder in _control_groups(root, "memory"):
        stat = dict(re.findall(r"^(\w+) (\d+)$", _read(folder / "memory.stat"), re.M))
        # Groups that a container does not show limit it, too.
        limits = [*_numbers(folder, _LIMITS), int(stat.get("hierarchical_memory_limit", 2**63))]
        cached = next((int(stat[name]) for name in _PAGE_CACHE if name in stat), 0)
        used = max(0, sum(_numbers(folder, _USED)) - cached)
        free.append(max(0, min(limits) - used))
    return min(free)


def host_memory() -> int:
    """Memory of the host [B]; 4 GiB where the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 2**32


def _control_groups(root: Path, controller: str) -> Iterator[Path]:
    """Folders of the control groups that this process is in, of both versions, inner ones first."""
    groups: dict[str, str] = {}  # name of a controller, empty for version 2 -> path of the group
    own = _read(root / "proc/self/cgroup")
    for controllers, path in re.findall(r"^\d+:([^:\n]*):(.*)$", own, re.M):
        groups.update(dict.fromkeys(controllers.split(","), path))
    for line in _read(root / "proc/self/mountinfo").split("\n"):  # see proc_pid_mountinfo(5)
        mounted, _, system = line.partition(" - ")
        fields, (kind, *_, options) = mounted.split(), (system.split() or [""]) * 2
        known = "" if kind == "cgroup2" else controller
        is_sought = kind == "cgroup2" or (kind == "cgroup" and controller in options.split(","))
        if is_sought and known in groups and len(fields) > 4:
            shown, place = map(_unescaped, fields[3:5])
            top = root / place.lstrip("/")
            inner = top / _beneath(groups[known], shown)
            yield from (inner, *(outer for outer in inner.parents if outer.is_relative_to(top)))


def _beneath(group: str, shown: str) -> str:
    """Where a group is in a mount that shows a group and what is in it; empty: at its top.

    A process that was moved, or looks from another namespace, has a group that the mount does not
    show. The top is then the nearest that can be known.
    """
    top = shown.rstrip("/")
    if ".." in group.split("/") or not f"{group}/".startswith(f"{top}/"):
        return ""
    return group[len(top) :].strip("/")


def _unescaped(field: str) -> str:
    """Undo the escapes of spaces and line ends in the table of mounts."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), field)


def _numbers(folder: Path, names: tuple[str, ...]) -> list[int]:
    """Numbers in those of the files that are there and hold one, not ``"max"``."""
    texts = [_read(folder / name).strip() for name in names]
    return [int(text) for text in texts if text.isdecimal()]


def _read(path: Path) -> str:
    """Text of a file; empty if it cannot be read."""
    try:
        return os.fsdecode(path.read_bytes())
    except OSError:
        return ""
