"""What there is to measure: the devices that torch sees, and the host that they are in."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cpu_gpu_env.errors import HybridClusterError, not_allowed
from cpu_gpu_env.io.machine_limits import cpu_limit, free_host_memory, host_memory, usable_cpus
from cpu_gpu_env.model.cluster import DeviceKind
from cpu_gpu_env.model.profile import device_catalogue
from cpu_gpu_env.profiler.power import EnergyCounter, NoCounter, nvml_counter, rapl_counter

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Target:
    """A kind of device to measure."""

    device: torch.device
    """The one that stands for all of its kind."""
    name: str
    """Name by vendor or operating system."""
    kind: DeviceKind
    """Which pool it belongs to."""
    memory_bytes: int
    """Memory of the device that is free [B]; bounds what the kernels allocate."""
    counter: EnergyCounter | NoCounter
    """Its energy counter, or why there is none."""
    count: int = 1
    """How many there are."""
    total_memory_bytes: int | None = None
    """Memory that a task may fill [B]; None: as much as is free."""

    @property
    def label(self) -> str:
        """Name of the device in a profile."""
        return slug(self.name)


def find_targets() -> list[Target]:
    """The CPU, then one target for each kind of GPU.

    Raises:
        HybridClusterError: If torch is missing.
    """
    _require_torch()
    import torch

    targets = [Target(torch.device("cpu"), cpu_name(), "cpu", free_host_memory(), rapl_counter())]
    found: dict[tuple[str, int], list[tuple[torch.device, str]]] = {}
    for backend in ("cuda", "xpu"):
        module = getattr(torch, backend)
        for index in range(module.device_count() if module.is_available() else 0):
            properties = module.get_device_properties(index)
            gpu = torch.device(backend, index), str(getattr(properties, "uuid", ""))
            found.setdefault((properties.name, properties.total_memory), []).append(gpu)
    if torch.backends.mps.is_available():
        found["Apple GPU", torch.mps.recommended_max_memory()] = [(torch.device("mps"), "")]
    for (name, memory), gpus in found.items():
        device, uuid = gpus[0]
        free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else memory
        counter = (
            nvml_counter(uuid)
            if torch.version.cuda and device.type == "cuda"
            else NoCounter("none is known for this kind of GPU")
        )
        targets.append(Target(device, name, "gpu", free, counter, len(gpus), memory))
    return targets


@contextmanager
def torch_set_up(threads: int, seed: int) -> Iterator[int]:
    """Set threads, seed and exact FP32 for a while; yields the number of threads.

    Raises:
        HybridClusterError: If torch is missing or `threads` is out of range.
    """
    limit = cpu_limit()
    if not 0 <= threads <= limit.cpus:
        allowed = f"1 to {limit.cpus} ({limit.why}), or 0 to leave it to torch"
        raise not_allowed("threads", threads, allowed)
    _require_torch()
    import torch

    before = torch.get_num_threads(), torch.get_float32_matmul_precision()
    convolutions = torch.backends.cudnn.allow_tf32
    torch.set_num_threads(threads or min(before[0], limit.unthrottled))  # torch knows no quotas
    # "high" would let GPUs use TF32 and so measure another number format.
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    try:
        with ExitStack() as stack:
            stack.enter_context(torch.inference_mode())
            stack.enter_context(torch.random.fork_rng(devices=[]))
            torch.default_generator.manual_seed(seed)
            yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before[0])
        torch.set_float32_matmul_precision(before[1])
        torch.backends.cudnn.allow_tf32 = convolutions


def _require_torch() -> None:
    try:
        import torch  # noqa: F401
    except ImportError:
        raise HybridClusterError(
            "measuring needs torch, which is not installed: pip install '.[train]' in the checkout"
        ) from None


def this_host(threads: int) -> dict[str, Any]:
    """Describe what a measurement is only good for: this host, and the threads of its kernels."""
    identity = f"{platform.node()} {cpu_name()} {host_memory()}"
    return {
        # Tells hosts apart and does not give their name away.
        "host": hashlib.sha256(identity.encode()).hexdigest()[:16],
        "host_cpu": cpu_name(),
        "logical_cpus": usable_cpus(),
        "threads": threads,
    }


def doubts_about_quota(threads: int) -> list[str]:
    """Why times of so many threads are not to be trusted if a container has too little CPU time."""
    limit = cpu_limit()
    if threads <= limit.available:
        return []
    return [f"{limit.why}, so {threads} thread{'s' * (threads > 1)} cannot run all the time"]


class OtherPrograms:
    """How much of the CPUs other programs take while something is measured (Linux only)."""

    def __init__(self) -> None:
        self._begin = self._readings()

    def share(self) -> float | None:
        """Share of all CPU time since the beginning that others used; None if unknown."""
        begin, now = self._begin, self._readings()
        if begin is None or now is None or now[0] <= begin[0]:
            return None
        total_s, busy_s, own_s = (after - before for before, after in zip(begin, now, strict=True))
        return round(min(1.0, max(0.0, (busy_s - own_s) / total_s)), 3)

    @staticmethod
    def _readings() -> tuple[float, float, float] | None:
        """Time of all CPUs, of it not idle, and of this process [s]."""
        try:
            fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
            ticks = [int(field) / os.sysconf("SC_CLK_TCK") for field in fields]
            idle = ticks[3] + ticks[4]  # "idle" and "iowait" of proc(5)
        except (OSError, ValueError, IndexError, AttributeError):
            return None
        return sum(ticks), sum(ticks) - idle, time.process_time()


def catalogue_match(name: str) -> str | None:
    """Find the catalogue device that a vendor's device name stands for, if any.

    ``"NVIDIA A100-SXM4-80GB"`` is ``"a100-80gb"``: each part of that name occurs in it. Laptop
    parts share names with larger desktop ones, so they match nothing.
    """
    words = set(slug(name).split("-"))
    if "laptop" in words:
        return None
    matches = [known for known in device_catalogue() if words.issuperset(known.split("-"))]
    return matches[0] if matches else None


def cpu_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Name of the CPU, as the system gives it.

    Linux on Arm knows no names, only the registered numbers of who made the cores and which they
    are: ``"aarch64 implementer 0x41 part 0xd0c"``.
    """
    try:
        text = cpuinfo.read_text()
    except OSError:
        text = ""
    if found := re.search(r"model name\s*:\s*(.+)", text):
        return found[1].strip()
    cores = re.findall(r"CPU (implementer|part)\s*:\s*(\S+)", text)
    numbers = dict.fromkeys(" ".join(core) for core in cores)  # of each kind of core once
    machine = platform.machine() or "CPU"
    return " ".join([machine, *numbers]) if numbers else platform.processor() or machine


def last_level_cache_bytes() -> int | None:
    """Size of all caches of the third level together [B], if the system tells."""
    caches = {}
    for cache in Path("/sys/devices/system/cpu").glob("cpu[0-9]*/cache/index3"):
        try:
            size = (cache / "size").read_text().strip().removesuffix("K")
            caches[(cache / "shared_cpu_list").read_text()] = int(size) * 1024
        except (OSError, ValueError):
            continue
    return sum(caches.values()) or None


def slug(name: str) -> str:
    """Lower case with dashes, trademark signs dropped: ``"Intel(R) Xeon"`` -> ``"intel-xeon"``."""
    plain = re.sub(r"\((r|tm)\)", "", name.lower())
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or "device"
