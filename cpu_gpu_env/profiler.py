"""Measuring this machine into a profile.

Each device that torch sees runs in FP32: a square matrix product (FLOP/s), a streaming triad
a = b + s*c (memory bandwidth, bytes counted as in STREAM: McCalpin 1995), a one-element operation
(launch overhead) and, on a GPU, a copy from the host (link bandwidth). A figure comes from the
median of many runs after a warm-up; the raw timings stay in the profile beside it.

Power comes from an energy counter where one is readable (RAPL for CPUs, NVML for GPUs) and is
estimated otherwise. torch is imported inside functions, so that importing this module is cheap.
"""

from __future__ import annotations

import datetime
import os
import platform
import re
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cpu_gpu_env.cluster import DeviceKind
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.power import EnergyCounter, mean_power, nvml_counter, rapl_counter
from cpu_gpu_env.profile import SCHEMA_VERSION, device_catalogue

if TYPE_CHECKING:
    import torch

Progress = Callable[[str, int], None]
"""Called before each step with its label and the number of steps in all."""

FLOAT_BYTES = 4
GEMM_SIZES = (1_024, 2_048, 4_096, 8_192, 16_384)
MIN_REPEATS, MAX_REPEATS = 5, 10_000
MIN_ARRAY_BYTES, MAX_ARRAY_BYTES = 2**26, 2**29
LINK_BYTES = 2**28
MAX_KINDS_AT_FULL_TIME = 2
"""Kinds of device that get the time asked for; more share it, so that a run ends in a minute."""
REFERENCE_CPU, REFERENCE_CORES = "epyc-7763", 64
"""Catalogue device from which the power of an unmetered CPU is scaled, core by core."""
UNKNOWN_GPU_TDP_W = 250.0
"""Stands in for the limit of an unmetered GPU that is not in the catalogue [W]."""


@dataclass(frozen=True)
class Effort:
    """How long to measure."""

    kernel_s: float
    """Time for each of the long kernels [s]."""
    run_s: float
    """A matrix product is made large enough to take this long [s]."""
    idle_s: float
    """Time over which idle power is averaged [s]."""

    def shared_by(self, kinds: int) -> Effort:
        """Shorten the times, if need be, for a machine with so many kinds of device."""
        share = min(1.0, MAX_KINDS_AT_FULL_TIME / kinds)
        return Effort(share * self.kernel_s, share * self.run_s, share * self.idle_s)


FULL = Effort(kernel_s=5.0, run_s=0.1, idle_s=2.0)
QUICK = Effort(kernel_s=0.4, run_s=0.02, idle_s=0.2)


@dataclass(frozen=True)
class Timing:
    """Statistics of repeated runs."""

    median_s: float
    """Median time of a run [s]."""
    spread: float
    """Interquartile range over the median."""
    repeats: int
    """Runs that were counted."""


@dataclass(frozen=True)
class Measurement:
    """One figure and how it was found."""

    value: float
    """The figure, in the unit of its field of `Device`."""
    method: str
    """What ran, for the source of the figure."""
    raw: dict[str, Any]
    """Sizes and timings behind it."""

    def figure(self) -> dict[str, Any]:
        """The figure as a profile holds it."""
        return _figure(self.value, "measured", f"measured by {self.method}")


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
    """Memory of the device [B]; bounds what the kernels allocate."""
    counter: EnergyCounter | None
    """Its energy counter, if it has one."""
    count: int = 1
    """How many there are."""


def time_repeatedly(
    run: Callable[[], object], seconds: float, clock: Callable[[], float] = time.perf_counter
) -> Timing:
    """Time a function again and again, after two runs that are not counted.

    Args:
        run: What to time; it must return only once the work is done.
        seconds: Time to spend [s]; at least `MIN_REPEATS` runs are made however long they take.
        clock: Seconds since some fixed moment.
    """
    for _ in range(2):
        run()
    times: list[float] = []
    end = clock() + seconds
    while len(times) < MIN_REPEATS or (clock() < end and len(times) < MAX_REPEATS):
        begin = clock()
        run()
        times.append(clock() - begin)
    low, median, high = statistics.quantiles(times, n=4, method="inclusive")
    return Timing(median, (high - low) / median, len(times))


class Kernels:
    """The kernels, on one device."""

    def __init__(self, target: Target, effort: Effort, seed: int) -> None:
        import torch

        self._torch = torch
        self._device = target.device
        self._memory_bytes = target.memory_bytes
        self._effort = effort
        self._generator = torch.Generator(device=target.device).manual_seed(seed)

    def gemm(self) -> Measurement:
        """Measure the FP32 rate [FLOP/s] by a square matrix product of 2 n^3 FLOP."""
        for n in GEMM_SIZES:
            multiply = self._make_gemm(n)
            multiply()
            begin = time.perf_counter()
            multiply()
            long_enough = time.perf_counter() - begin >= self._effort.run_s
            if long_enough or 3 * FLOAT_BYTES * (2 * n) ** 2 > self._memory_bytes / 4:
                break
        timing = time_repeatedly(multiply, self._effort.kernel_s)
        method = f"an FP32 matrix product of {n} x {n}"
        return Measurement(2 * n**3 / timing.median_s, method, {"n": n, **asdict(timing)})

    def triad(self) -> Measurement:
        """Measure the memory bandwidth [B/s] by a = b + 3 c on arrays that no cache holds."""
        size = min(_triad_array_bytes(), self._memory_bytes // 16)
        b = self._torch.ones(size // FLOAT_BYTES, device=self._device)
        c, a = self._torch.ones_like(b), self._torch.empty_like(b)
        run = self._synchronous(lambda: self._torch.add(b, c, alpha=3.0, out=a))
        timing = time_repeatedly(run, self._effort.kernel_s)
        method = f"a streaming triad over three FP32 arrays of {size / 2**20:.0f} MiB"
        raw = {"array_bytes": size, **asdict(timing)}
        return Measurement(3 * size / timing.median_s, method, raw)

    def launch(self) -> Measurement:
        """Measure the fixed overhead [s] by an operation on one element."""
        element = self._torch.ones(1, device=self._device)
        run = self._synchronous(lambda: element.mul_(1.0))
        timing = time_repeatedly(run, self._effort.kernel_s / 5)
        method = "a one-element operation, waited for (a runtime system's dispatch would add to it)"
        return Measurement(timing.median_s, method, asdict(timing))

    def link(self) -> Measurement:
        """Measure the host-to-device bandwidth [B/s] by copies, from pinned memory if possible."""
        size = min(LINK_BYTES, self._memory_bytes // 16)
        host = self._torch.ones(size // FLOAT_BYTES)
        pinned = self._device.type in ("cuda", "xpu")
        if pinned:
            host = host.pin_memory()
        there = self._torch.empty_like(host, device=self._device)
        run = self._synchronous(lambda: there.copy_(host, non_blocking=pinned))
        timing = time_repeatedly(run, self._effort.kernel_s / 2)
        method = f"copies of {size / 2**20:.0f} MiB from {'pinned' if pinned else 'host'} memory"
        return Measurement(size / timing.median_s, method, {"bytes": size, **asdict(timing)})

    def _make_gemm(self, n: int) -> Callable[[], None]:
        # Random contents: zeros draw less power, and so let the clock rise higher than work does.
        a, b = (
            self._torch.rand(n, n, generator=self._generator, device=self._device) for _ in range(2)
        )
        out = self._torch.empty_like(a)
        return self._synchronous(lambda: self._torch.mm(a, b, out=out))

    def _synchronous(self, start: Callable[[], object]) -> Callable[[], None]:
        """Make `start` return only when the device has finished: GPUs work asynchronously."""
        synchronize = getattr(self._torch, self._device.type).synchronize
        where = (self._device,) if self._device.type in ("cuda", "xpu") else ()

        def run() -> None:
            start()
            synchronize(*where)

        return run


def profile_machine(
    name: str,
    gpus: list[dict[str, Any]],
    effort: Effort = FULL,
    threads: int = 0,
    seed: int = 0,
    progress: Progress = lambda label, total: None,
) -> dict[str, Any]:
    """Measure every device that torch sees.

    Args:
        name: Name of the profile.
        gpus: Entries of catalogue GPUs to add, such as ``{"catalogue": "t4", "count": 4}``.
        effort: How long to measure; shared if there are many kinds of device.
        threads: CPU threads to measure with; 0 leaves the number to torch.
        seed: Seed of the contents of the arrays.
        progress: Told of each step before it begins.

    Returns:
        The profile. Without any GPU it holds the CPU alone and is no valid cluster.

    Raises:
        HybridClusterError: If torch is missing, `threads` is out of range or a device fails.
    """
    with _torch_set_up(threads) as used_threads:
        targets = _targets()
        effort = effort.shared_by(len(targets))
        total = sum(3 if target.kind == "cpu" else 4 for target in targets)
        entries = [
            _measure(target, effort, seed, used_threads, lambda label: progress(label, total))
            for target in targets
        ]
    description = f"Measured on {_cpu_name()} with {used_threads} CPU threads."
    if gpus:
        description += " GPUs of the catalogue: from data sheets and estimates, not measured."
    elif len(targets) == 1:
        description += " CPU only: no cluster until GPUs are added to the devices."
    return {
        "schema_version": SCHEMA_VERSION,
        "name": name,
        "description": description,
        "devices": [*entries, *gpus],
        "measurement": _provenance(used_threads, seed, effort),
    }


def catalogue_match(name: str) -> str | None:
    """Find the catalogue device that a vendor's device name stands for, if any.

    ``"NVIDIA A100-SXM4-80GB"`` is ``"a100-80gb"``: each part of that name occurs in it. Laptop
    parts share names with larger desktop ones, so they match nothing.
    """
    words = set(_slug(name).split("-"))
    if "laptop" in words:
        return None
    matches = [known for known in device_catalogue() if words.issuperset(known.split("-"))]
    return matches[0] if matches else None


def _measure(
    target: Target, effort: Effort, seed: int, threads: int, begin: Callable[[str], None]
) -> dict[str, Any]:
    """Measure one device into an entry of a profile."""
    label = _slug(target.name)
    try:
        kernels = Kernels(target, effort, seed)
        begin(f"{label}: matrix product")
        flops, metered = _measure_gemm(target, kernels, effort)
        begin(f"{label}: memory bandwidth")
        measured = {"flops": flops, "memory_bandwidth": kernels.triad()}
        begin(f"{label}: launch overhead")
        measured["launch_s"] = kernels.launch()
        if target.kind == "gpu":
            begin(f"{label}: link bandwidth")
            measured["link_bandwidth"] = kernels.link()
    except (RuntimeError, MemoryError, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "out of memory"
        raise HybridClusterError(
            f"cannot measure {target.name!r}: {reason}; free its memory, or hide it from torch"
        ) from None
    entry: dict[str, Any] = {"name": label, "kind": target.kind, "count": target.count}
    entry |= {field: measurement.figure() for field, measurement in measured.items()}
    entry |= _power_figures(target, threads, metered)
    if target.kind == "gpu":
        source = "reported by the driver through torch"
        entry["memory_bytes"] = _figure(target.memory_bytes, "measured", source)
    raw = {field: measurement.raw for field, measurement in measured.items()}
    entry["raw"] = {"device": target.name, **raw}
    return entry


def _measure_gemm(
    target: Target, kernels: Kernels, effort: Effort
) -> tuple[Measurement, tuple[float, float] | None]:
    """Run the matrix product; also return idle and active power [W] if there is a counter."""
    if target.counter is None:
        return kernels.gemm(), None
    _, idle_w = mean_power(target.counter, lambda: time.sleep(effort.idle_s))
    flops, active_w = mean_power(target.counter, kernels.gemm)
    # A counter that stands still, as in some virtual machines, is as good as none.
    return flops, (idle_w, max(idle_w, active_w)) if active_w > 0 else None


def _power_figures(
    target: Target, threads: int, metered: tuple[float, float] | None
) -> dict[str, Any]:
    """Idle and active power, metered or else estimated."""
    if metered is not None:
        idle_w, active_w = metered
        status, why = "measured", "measured by the energy counter, idle or in matrix products"
    else:
        idle_w, active_w, basis = _estimate_power(target, threads)
        status, why = "estimated", f"estimated, there is no energy counter: {basis}"
    return {
        "idle_power_w": _figure(idle_w, status, why),
        "active_power_w": _figure(active_w, status, why),
    }


def _estimate_power(target: Target, threads: int) -> tuple[float, float, str]:
    """Idle and active power [W] of a device without an energy counter, and the reasoning."""
    if target.kind == "cpu":
        device, share = device_catalogue()[REFERENCE_CPU], threads / REFERENCE_CORES
        basis = f"{threads} of the {REFERENCE_CORES} cores of the catalogue's {REFERENCE_CPU}"
        return share * device.idle_power_w, share * device.active_power_w, basis
    known = catalogue_match(target.name)
    if known is not None:
        device = device_catalogue()[known]
        return device.idle_power_w, device.active_power_w, f"as the catalogue's {known}"
    tdp = UNKNOWN_GPU_TDP_W
    return 0.125 * tdp, 0.75 * tdp, f"0.125 and 0.75 of {tdp:.0f} W, a usual TDP"


@contextmanager
def _torch_set_up(threads: int) -> Iterator[int]:
    """Set threads and exact FP32 for a while; yields the number of threads."""
    allowed = os.cpu_count() or 1
    if not 0 <= threads <= allowed:
        raise HybridClusterError(
            f"threads is {threads}; allowed: 1 to {allowed}, or 0 to leave it to torch"
        )
    try:
        import torch
    except ImportError:
        raise HybridClusterError(
            "measuring needs torch, which is not installed: pip install 'cpu-gpu-env[train]'"
        ) from None
    before = torch.get_num_threads(), torch.get_float32_matmul_precision()
    torch.set_num_threads(threads or before[0])
    # "high" would let GPUs use TF32 and so measure another number format.
    torch.set_float32_matmul_precision("highest")
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before[0])
        torch.set_float32_matmul_precision(before[1])


def _targets() -> list[Target]:
    """The CPU, then one target for each kind of GPU."""
    import torch

    targets = [Target(torch.device("cpu"), _cpu_name(), "cpu", _host_memory(), rapl_counter())]
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
        targets.append(Target(device, name, "gpu", memory, nvml_counter(uuid), len(gpus)))
    return targets


def _provenance(threads: int, seed: int, effort: Effort) -> dict[str, Any]:
    import torch

    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "host_cpu": _cpu_name(),
        "logical_cpus": os.cpu_count(),
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "threads": threads,
        "seed": seed,
        "effort": asdict(effort),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "system": f"{platform.system()} {platform.machine()}",
    }


def _cpu_name() -> str:
    try:
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return found[1].strip() if found else platform.processor() or platform.machine() or "CPU"


def _host_memory() -> int:
    """Memory of the host [B]; 4 GiB where the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 2**32


def _triad_array_bytes() -> int:
    """Size of a triad array [B], within bounds: four times all caches, as STREAM asks."""
    caches = {}
    for cache in Path("/sys/devices/system/cpu").glob("cpu[0-9]*/cache/index3"):
        try:
            size = (cache / "size").read_text().strip().removesuffix("K")
            caches[(cache / "shared_cpu_list").read_text()] = int(size) * 1024
        except (OSError, ValueError):
            continue
    return min(max(4 * sum(caches.values()), MIN_ARRAY_BYTES), MAX_ARRAY_BYTES)


def _slug(name: str) -> str:
    """Lower case with dashes, trademark signs dropped: ``"Intel(R) Xeon"`` -> ``"intel-xeon"``."""
    plain = re.sub(r"\((r|tm)\)", "", name.lower())
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or "device"


def _figure(value: float, status: str, source: str) -> dict[str, Any]:
    # Four digits: more would only record noise.
    return {"value": float(f"{value:.4g}"), "status": status, "source": source}
