"""What all mappings from the rows of a file to tasks share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, TypeVar

import numpy as np

from cpu_gpu_env.checks import MAX_FIGURE, check_count, check_number
from cpu_gpu_env.errors import HybridClusterError, not_allowed, unknown_name
from cpu_gpu_env.model.cluster import Device
from cpu_gpu_env.model.precision import DEFAULT_PRECISION, PRECISIONS
from cpu_gpu_env.model.profile import device_catalogue
from cpu_gpu_env.model.tasks import FloatArray, Tasks
from cpu_gpu_env.model.traces.text_table import MAX_BYTES
from cpu_gpu_env.model.workload import SyntheticSpec, draw_intensity

AnyMapping = TypeVar("AnyMapping", bound="TraceMapping")

_SPEC = SyntheticSpec()

CPU: Device = device_catalogue()["epyc-7763"]
"""The CPU of which a trace's cores are taken to be."""
MAX_COUNT = 2**63 - 1
"""Whole numbers among arguments, seeds too, are at most this."""
CPU_CORES = 64
"""Cores of the EPYC 7763 (AMD product specifications)."""


@dataclass(frozen=True)
class TraceMapping(ABC):
    """How rows of a file become tasks. The fields are its arguments; each has a default.

    Raises:
        HybridClusterError: If an argument is out of range.
    """

    format: ClassVar[str]
    """Prefix in ``"format:PATH"``."""
    draws_intensity: ClassVar[bool] = False
    """Whether intensities are drawn, because the file has none."""
    may_be_zero: ClassVar[tuple[str, ...]] = ()
    """Arguments that may be 0; the other numbers must be above."""
    choices: ClassVar[Mapping[str, Iterable[str]]] = {}
    """Arguments that are texts -> what they may be."""
    signature: ClassVar[tuple[str, ...]] = ()
    """Columns, or keys of JSON objects, by which a file of this format is told from others."""

    max_bytes: int = field(default=MAX_BYTES, kw_only=True)
    """Bytes that the file may have at most, unpacked; it may take ten times as much memory."""
    precision: str = field(default=DEFAULT_PRECISION, kw_only=True)
    """Number format that the tasks compute in, where the file does not tell it: one of
    `cpu_gpu_env.model.precision.PRECISIONS`. Sizes are what they are whatever the format."""

    def __post_init__(self) -> None:
        for argument in fields(self):
            name = f"{self.format} trace: argument {argument.name}"
            value, default = getattr(self, argument.name), argument.default
            positive = argument.name not in self.may_be_zero
            if isinstance(default, int):
                check_count(name, value, low=int(positive))
                check_count(name, value, MAX_COUNT, low=0)
            elif isinstance(default, float):
                check_number(name, value, 0, above=positive)
                check_number(name, value, 0, MAX_FIGURE)
            elif argument.name in self.choices and value not in self.choices[argument.name]:
                what = f"{argument.name} of {self.format} traces"
                raise unknown_name(what, value, self.choices[argument.name])
        if self.precision not in PRECISIONS:
            raise unknown_name(f"precision of {self.format} traces", self.precision, PRECISIONS)

    @classmethod
    def from_texts(cls: type[AnyMapping], arguments: Mapping[str, str]) -> AnyMapping:
        """Build a mapping from arguments as text.

        Raises:
            HybridClusterError: If an argument is unknown or its value is not allowed.
        """
        defaults: dict[str, Any] = {known.name: known.default for known in fields(cls)}
        values: dict[str, Any] = {}
        for name, text in arguments.items():
            if name not in defaults:
                raise unknown_name(f"argument of {cls.format} traces", name, [*defaults, "part"])
            try:
                values[name] = type(defaults[name])(text)
            except ValueError:
                values[name] = text  # the check of the mapping names it
        return cls(**values)

    def changed_arguments(self) -> dict[str, str]:
        """Return the arguments that differ from their defaults and change the tasks, as text."""
        return {
            argument.name: f"{value:.15g}" if isinstance(value, float) else str(value)
            for argument in fields(self)
            if (value := getattr(self, argument.name)) != argument.default
            and argument.name != "max_bytes"
        }

    @abstractmethod
    def read(self, path: str) -> tuple[Tasks, tuple[str, ...]]:
        """Read a file: its tasks in order of arrival, and what they assume, a sentence each.

        Raises:
            HybridClusterError: If the file cannot be read or a value is not allowed.
        """

    def _make_tasks(
        self,
        path: str,
        arrival_s: FloatArray,
        size_flop: FloatArray,
        intensity_flop_per_byte: FloatArray,
        memory_bytes: FloatArray,
        **columns: Any,
    ) -> Tasks:
        """Build tasks that count time from the first arrival, naming the file in errors.

        Args:
            path: The file.
            arrival_s: Times [s], (tasks,).
            size_flop: Work, (tasks,).
            intensity_flop_per_byte: Arithmetic intensities, (tasks,).
            memory_bytes: Working sets, (tasks,).
            **columns: Optional ones of `Tasks`; without a precision it is that of the mapping.
        """
        if not len(arrival_s):
            raise HybridClusterError(
                f"{path}: no task is left after leaving out the rows that {self.format} traces "
                "leave out; allowed: at least one"
            )
        try:
            columns.setdefault("precision", self.precision)
            return Tasks(
                arrival_s - arrival_s[0],
                size_flop,
                intensity_flop_per_byte,
                memory_bytes,
                **columns,
            )
        except HybridClusterError as error:
            raise HybridClusterError(f"{path}: {error}") from None


@dataclass(frozen=True)
class DrawnIntensity(TraceMapping):
    """Mapping for files that tell no arithmetic intensity: it is drawn, and says so.

    As in the synthetic workloads it has two modes, log-normal each: many programs stream through
    memory, others reuse what they load. Neither medians nor shares are fitted to a trace.

    The work behind a time in the trace follows from it by the roofline model: time x the rate that
    a task of this intensity attains on what it asked for. So in the simulation it takes as long
    there again.
    """

    draws_intensity: ClassVar[bool] = True
    may_be_zero: ClassVar[tuple[str, ...]] = ("intensity_seed", "memory_bound_share")

    intensity_seed: int = _SPEC.seed
    """Seed of the intensities; part of the problem, apart from the seeds of episodes."""
    memory_bound_share: float = _SPEC.memory_bound_share
    """Share of tasks in the memory-bound mode, at most 1."""
    memory_bound_median: float = _SPEC.memory_bound_median
    """Median intensity of the memory-bound mode [FLOP/B]."""
    compute_bound_median: float = _SPEC.compute_bound_median
    """Median intensity of the compute-bound mode [FLOP/B]."""
    flops_per_core: float = CPU.flops / CPU_CORES
    """Attained rate of a core [FLOP/s]: of the EPYC 7763 of the shipped profiles."""
    bandwidth_per_core: float = CPU.memory_bandwidth / CPU_CORES
    """Attained memory bandwidth of a core [B/s]: of the EPYC 7763 of the shipped profiles."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.memory_bound_share > 1:
            name = f"{self.format} trace: argument memory_bound_share"
            raise not_allowed(name, self.memory_bound_share, "in [0, 1]")

    def _draw_intensity(self, num_tasks: int) -> FloatArray:
        spec = replace(
            _SPEC,
            memory_bound_share=self.memory_bound_share,
            memory_bound_median=self.memory_bound_median,
            compute_bound_median=self.compute_bound_median,
        )
        return draw_intensity(np.random.default_rng(self.intensity_seed), num_tasks, spec)

    def _core_rate(self, intensity: FloatArray) -> FloatArray:
        """Rate that tasks of these intensities attain on a core [FLOP/s]."""
        return np.minimum(self.flops_per_core, intensity * self.bandwidth_per_core)

    def _core_note(self) -> str:
        return (
            f"a core attains {self.flops_per_core / 1e9:.3g} GFLOP/s or "
            f"{self.bandwidth_per_core / 1e9:.3g} GB/s, whichever binds"
        )

    def _intensity_note(self) -> str:
        low, high = _SPEC.intensity_range
        return (
            "the trace tells no arithmetic intensity; it is DRAWN "
            f"(seed {self.intensity_seed}): {self.memory_bound_share:.0%} log-normal with median "
            f"{self.memory_bound_median:g} FLOP/B and sigma {_SPEC.memory_bound_sigma:g}, the rest "
            f"with median {self.compute_bound_median:g} and sigma {_SPEC.compute_bound_sigma:g}, "
            f"within {low:g} to {high:g}"
        )
