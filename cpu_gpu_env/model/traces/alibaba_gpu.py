"""Alibaba's GPU cluster trace of 2023: pods with the CPUs, GPUs and memory that they asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cpu_gpu_env.model.profile import device_catalogue
from cpu_gpu_env.model.tasks import Tasks
from cpu_gpu_env.model.traces.mapping import DrawnIntensity
from cpu_gpu_env.model.traces.text_table import read_csv

COLUMNS = (
    "cpu_milli",
    "memory_mib",
    "num_gpu",
    "gpu_milli",
    "creation_time",
    "deletion_time",
    "scheduled_time",
)

_GPU = device_catalogue()["v100-32gb"]
_DAY_S = 86_400.0
_MIB = 2.0**20


@dataclass(frozen=True)
class AlibabaGPU(DrawnIntensity):
    """Pods of cluster-trace-gpu-v2023 (Weng et al., "Beware of Fragmentation", USENIX ATC 2023).

    - arrival: creation_time;
    - size: duration-equivalent work, (deletion_time - scheduled_time) x attained FLOP/s of what the
      pod asked for: num_gpu x gpu_milli / 1000 GPUs or, for a pod without a GPU, cpu_milli / 1000
      cores. Assumptions: the pod kept them busy, and the cores of a GPU pod only feed its GPUs;
    - memory: memory_mib, the host memory asked for; the trace tells no GPU memory;
    - intensity: drawn (`DrawnIntensity`).

    Left out: pods created in the first `skip_days` days, of which the trace holds only those that
    ran on to its end; pods that were never scheduled; and pods that ended within the second.
    """

    format: ClassVar[str] = "alibaba-gpu"
    may_be_zero: ClassVar[tuple[str, ...]] = (*DrawnIntensity.may_be_zero, "skip_days")

    flops_per_gpu: float = _GPU.flops
    """Attained rate of a GPU [FLOP/s]: of the V100 of the shipped profiles. Most GPUs of the trace
    are of undisclosed kinds; of the others V100 are the fastest but for two A10, T4 the most."""
    bandwidth_per_gpu: float = _GPU.memory_bandwidth
    """Attained memory bandwidth of a GPU [B/s]: of the V100 of the shipped profiles."""
    skip_days: float = 120.0
    """Days from the start of the trace whose pods are left out."""

    def read(self, path: str) -> tuple[Tasks, tuple[str, ...]]:
        """Read a file: its pods as tasks in order of arrival, and what they assume."""
        table = read_csv(path, COLUMNS, self.max_bytes)
        late = table.numbers("creation_time") >= self.skip_days * _DAY_S
        scheduled = np.array([bool(text.strip()) for text in table.columns["scheduled_time"]])
        early, never = int((~late).sum()), int((late & ~scheduled).sum())
        table = table.keep(late & scheduled)
        table, arrival_s = table.in_order("creation_time", table.numbers("creation_time"))
        duration_s = table.numbers("deletion_time") - table.numbers("scheduled_time")
        if (duration_s < 0).any():
            raise table.error(
                int((duration_s < 0).argmax()), "deletion_time", "not before scheduled_time"
            )
        gpus = table.numbers("num_gpu") * table.numbers("gpu_milli") / 1_000
        cores = table.numbers("cpu_milli") / 1_000
        some = (duration_s > 0) & ((gpus > 0) | (cores > 0))
        intensity = self._draw_intensity(int(some.sum()))
        gpu_rate = np.minimum(self.flops_per_gpu, intensity * self.bandwidth_per_gpu)
        core_rate = self._core_rate(intensity)
        rate = np.where(gpus[some] > 0, gpus[some] * gpu_rate, cores[some] * core_rate)
        tasks = self._make_tasks(
            path,
            arrival_s[some],
            duration_s[some] * rate,
            intensity,
            table.numbers("memory_mib")[some] * _MIB,
        )
        return tasks, self._notes(early, never, int((~some).sum()))

    def _notes(self, early: int, never: int, empty: int) -> tuple[str, ...]:
        return (
            self._intensity_note(),
            "size is time from scheduling to deletion x attained FLOP/s of the GPUs asked for, or "
            f"of the cores without a GPU; a GPU attains {self.flops_per_gpu / 1e12:.3g} TFLOP/s or "
            f"{self.bandwidth_per_gpu / 1e9:.3g} GB/s, {self._core_note()}",
            "the working set is the host memory asked for; the trace tells no GPU memory",
            f"left out: {early:,} pods of the first {self.skip_days:g} days (survivors), "
            f"{never:,} never scheduled, {empty:,} without duration or resources",
        )
