"""Devices and clusters: the hardware half of a scheduling problem."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Literal

from cpu_gpu_env.checks import MAX_FIGURE, MIN_FIGURE, check_name, check_number
from cpu_gpu_env.errors import HybridClusterError, shown
from cpu_gpu_env.model.precision import DEFAULT_PRECISION, PRECISIONS, WIDER

DeviceKind = Literal["cpu", "gpu"]
"""Which pool a device belongs to."""

MAX_DEVICES = 1_024
"""Devices of a cluster at most: each has a queue in every environment."""


RATES = {name: "flops" if name == DEFAULT_PRECISION else f"flops_{name}" for name in PRECISIONS}
"""The field of `Device` that holds the rate of each precision."""


@dataclass(frozen=True)
class Device:
    """A CPU socket (or node) or a GPU; devices that are equal are of one *type*.

    Rates are *attained* figures (peak times a stated or measured efficiency), not datasheet peaks.

    Raises:
        HybridClusterError: If a figure is not finite or not within its range.
    """

    name: str
    """Identifier, e.g. ``"a100-80gb"``."""
    kind: DeviceKind
    """Which pool the device belongs to."""
    flops: float
    """Attained FP32 rate [FLOP/s]; on GPUs without tensor cores, which round to TF32."""
    memory_bandwidth: float
    """Attained bandwidth of the device's own memory [B/s]."""
    memory_bytes: float
    """Memory that a task's working set may fill [B]; ``inf`` on a CPU, which pages."""
    launch_s: float
    """Fixed overhead of starting a share [s]."""
    idle_power_w: float
    """Power while nothing runs [W]."""
    active_power_w: float
    """Power while a share runs [W]; with `memory_power_w`, one that computing bounds."""
    link_bandwidth: float = math.inf
    """Host-to-device bandwidth [B/s]; ``inf`` means no transfer (CPU)."""
    cache_bytes: float = 0.0
    """Working set of whose traffic the caches serve one half [B]; 0: no caches."""
    cache_bandwidth: float = math.inf
    """Attained bandwidth of the caches [B/s], at least `memory_bandwidth`; needs `cache_bytes`."""
    ridge_sharpness: float = math.inf
    """How far compute and memory traffic overlap: exponent p >= 1 of the smooth maximum of their
    times; ``inf`` is the roofline's sharp ridge (they overlap wholly), 1 their sum (not at all)."""
    memory_power_w: float | None = None
    """Power while a share runs that memory traffic bounds [W]; None: `active_power_w` whatever
    bounds. See `cpu_gpu_env.model.costs.power_above_idle_w`."""
    serial_step_s: float = 0.0
    """Time of a step of a chain of dependent steps [s], see `Tasks.serial_steps`."""
    flops_fp64: float | None = None
    """Attained FP64 rate [FLOP/s]; None: it computes no FP64, as nothing wider stands in for it."""
    flops_tf32: float | None = None
    """Attained TF32 rate [FLOP/s]; None: that of FP32."""
    flops_fp16: float | None = None
    """Attained FP16 rate, summed in FP32 [FLOP/s]; None: that of the next wider format."""
    flops_bf16: float | None = None
    """Attained BF16 rate, summed in FP32 [FLOP/s]; None: that of the next wider format."""
    flops_fp8: float | None = None
    """Attained FP8 rate [FLOP/s]; None: that of the next wider format."""
    flops_int8: float | None = None
    """Attained INT8 rate [OP/s]; None: that of the next wider format."""

    def __post_init__(self) -> None:
        check_name("name of a device", self.name)
        if not isinstance(self.kind, str) or self.kind not in ("cpu", "gpu"):
            raise HybridClusterError(
                f"device {self.name!r}: field 'kind' is {shown(self.kind)}; allowed: 'cpu', 'gpu'"
            )
        for name in ("flops", "memory_bandwidth"):
            self._check(name, MIN_FIGURE)
        for name in ("memory_bytes", "link_bandwidth"):
            self._check(name, MIN_FIGURE, also=math.inf)
        loads = ["active_power_w"] + ["memory_power_w"] * (self.memory_power_w is not None)
        for name in ("launch_s", "idle_power_w", "serial_step_s", *loads):
            self._check(name, 0.0)
        for name in RATES.values():
            if getattr(self, name) is not None:
                self._check(name, MIN_FIGURE)
        for name in loads:
            if getattr(self, name) < self.idle_power_w:
                raise HybridClusterError(
                    f"device {self.name!r}: field {name!r} is {getattr(self, name)}; allowed: at "
                    f"least idle_power_w = {self.idle_power_w}"
                )
        self._check("cache_bytes", 0.0)
        self._check("cache_bandwidth", self.memory_bandwidth, also=math.inf)
        self._check("ridge_sharpness", 1.0, also=math.inf)
        if math.isinf(self.cache_bandwidth) and self.cache_bytes > 0:
            raise HybridClusterError(
                f"device {self.name!r}: field 'cache_bandwidth' is missing or infinite; allowed: "
                "a number, where there are caches (cache_bytes > 0)"
            )

    def rate_precision(self, precision: str) -> str:
        """Name the precision whose rate a task of this one takes: itself, or the next wider one.

        Raises:
            HybridClusterError: If the device has no rate that could stand for it.
        """
        for one in (precision, *WIDER[precision]):
            if getattr(self, RATES[one]) is not None:
                return one
        raise HybridClusterError(
            f"device {self.name!r}: field {RATES[precision]!r} is missing, and {precision} tasks "
            "are to run on it; allowed: a rate [FLOP/s] there, as nothing wider can stand for it"
        )

    def attained_flops(self, precision: str = DEFAULT_PRECISION) -> float:
        """Return the attained rate of tasks of a precision [FLOP/s].

        Raises:
            HybridClusterError: If the device has no rate that could stand for it.
        """
        return float(getattr(self, RATES[self.rate_precision(precision)]))

    def ridge(self, precision: str = DEFAULT_PRECISION) -> float:
        """Return the intensity at which the roofs of tasks of a precision meet [FLOP/B].

        Raises:
            HybridClusterError: If the device has no rate that could stand for it.
        """
        return self.attained_flops(precision) / self.memory_bandwidth

    @property
    def power_varies(self) -> bool:
        """Whether the power under load depends on what runs."""
        return self.memory_power_w not in (None, self.active_power_w)

    def _check(self, field: str, low: float, also: float | None = None) -> None:
        what = f"device {self.name!r}: field {field!r}"
        value = check_number(what, getattr(self, field), low, MAX_FIGURE, also=also)
        object.__setattr__(self, field, value)


@dataclass(frozen=True)
class Cluster:
    """All devices, CPUs before GPUs.

    The CPUs form one pool and the GPUs another; within a pool device types may be mixed.

    Raises:
        HybridClusterError: If a pool is empty, a CPU follows a GPU, or there are more than
            `MAX_DEVICES`.
    """

    name: str
    """Identifier used in reports."""
    devices: tuple[Device, ...]
    """One entry a device (not a type), CPUs first."""

    def __post_init__(self) -> None:
        check_name("name of a cluster", self.name)
        if not isinstance(self.devices, Sequence) or not all(
            isinstance(device, Device) for device in self.devices
        ):
            raise HybridClusterError(
                f"cluster {self.name!r}: devices are {shown(self.devices)}; allowed: a tuple of "
                "cpu_gpu_env.Device"
            )
        object.__setattr__(self, "devices", tuple(self.devices))
        check_num_devices(f"cluster {self.name!r}", len(self.devices))
        if list(self.devices) != sorted(self.devices, key=lambda device: device.kind):
            raise HybridClusterError(f"cluster {self.name!r}: CPUs must be listed before GPUs")
        for kind in ("cpu", "gpu"):
            if not any(device.kind == kind for device in self.devices):
                raise HybridClusterError(
                    f"cluster {self.name!r} has no {kind}; allowed: at least one CPU and one GPU"
                )

    @property
    def cpus(self) -> tuple[Device, ...]:
        """The devices of the CPU pool."""
        return tuple(device for device in self.devices if device.kind == "cpu")

    @property
    def gpus(self) -> tuple[Device, ...]:
        """The devices of the GPU pool."""
        return tuple(device for device in self.devices if device.kind == "gpu")

    @property
    def idle_power_w(self) -> float:
        """Power of the whole cluster with nothing running [W]."""
        return sum(device.idle_power_w for device in self.devices)

    @property
    def device_names(self) -> tuple[str, ...]:
        """A unique label for each device, e.g. ``("epyc-7763 #0", "a100-80gb #0", ...)``."""
        counts: dict[str, Iterator[int]] = defaultdict(itertools.count)
        return tuple(f"{device.name} #{next(counts[device.name])}" for device in self.devices)


def check_num_devices(where: str, number: int) -> None:
    """Check the number of devices of a whole cluster, or raise `HybridClusterError`."""
    if number > MAX_DEVICES:
        raise HybridClusterError(
            f"{where}: {number} devices; allowed: at most {MAX_DEVICES} in the whole cluster"
        )


def device_types(pool: Sequence[Device]) -> tuple[tuple[Device, ...], tuple[int, ...]]:
    """Return the device types of a pool (devices that are alike) and the index of each one's."""
    types = tuple(dict.fromkeys(pool))
    return types, tuple(types.index(device) for device in pool)


DEVICE_FIGURES = tuple(field.name for field in fields(Device) if field.name not in ("name", "kind"))
"""Names of the numeric fields of `Device`, as they stand in a profile."""

REFINEMENTS: dict[str, float | None] = {
    name: getattr(Device, name)
    for name in DEVICE_FIGURES
    if name != "link_bandwidth" and hasattr(Device, name)
}
"""Figures that a profile may leave out, and their values then: those of the plain roofline, at one
power and the rate of FP32."""
