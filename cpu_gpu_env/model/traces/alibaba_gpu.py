"""Alibaba's GPU cluster trace of 2023: pods with the CPUs, GPUs and memory that they asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cpu_gpu_env.model.tasks import Tasks
from cpu_gpu_env.model.traces.gpu_jobs import GPUJobs
from cpu_gpu_env.model.traces.text_table import TraceTable, read_csv

RESOURCES = ("cpu_milli", "memory_mib", "num_gpu", "gpu_milli")
TIMES = ("creation_time", "deletion_time", "scheduled_time")
PHASE = "pod_phase"
UNFINISHED = ("running", "pending", "unknown")
"""Phases, in lower case, of pods that neither succeeded nor failed."""

LEFT_OUT, UNTIL_DELETION = "left-out", "until-deletion"
RUNNING_PODS = {
    LEFT_OUT: "they had not finished when they were deleted",
    UNTIL_DELETION: "the time until they were deleted counts as theirs",
}
"""What becomes of pods that were Running to their end, in words."""

_NO_TIMES = (
    "; a list of pods without times, such as the samples of multi-GPU, GPU-sharing and CPU pods, "
    "holds no workload: take openb_pod_list_default.csv or one of the gpuspec lists"
)
_DAY_S = 86_400.0
_MIB = 2.0**20


@dataclass(frozen=True)
class AlibabaGPU(GPUJobs):
    """Pods of cluster-trace-gpu-v2023 (Weng et al., "Beware of Fragmentation", USENIX ATC 2023).

    - arrival: creation_time;
    - size: duration-equivalent work (`GPUJobs`), (deletion_time - scheduled_time) x num_gpu x
      gpu_milli / 1000 GPUs or, for a pod without a GPU, cpu_milli / 1000 cores. Most GPUs of the
      trace are of undisclosed kinds; of the others V100 are the fastest but for two A10, T4 the
      most;
    - memory: memory_mib, the host memory asked for; the trace tells no GPU memory;
    - intensity: drawn (`DrawnIntensity`).

    Left out: pods created in the first `skip_days` days, of which the trace holds only those that
    ran on to its end; pods that were never scheduled; pods whose pod_phase is Running
    (or Pending, Unknown), which had not finished (unless `running` counts them); and pods that
    ended within the second.

    The lists of multi-GPU, GPU-sharing and CPU pods of the same folder hold no times and are
    refused; cluster-trace-gpu-v2025 is another format (`AlibabaDLRM`).
    """

    format: ClassVar[str] = "alibaba-gpu"
    may_be_zero: ClassVar[tuple[str, ...]] = (*GPUJobs.may_be_zero, "skip_days")
    choices: ClassVar[Mapping[str, Iterable[str]]] = {"running": RUNNING_PODS}
    signature: ClassVar[tuple[str, ...]] = RESOURCES

    skip_days: float = 120.0
    """Days from the start of the trace whose pods are left out."""
    running: str = LEFT_OUT
    """Pods that were Running to their end, most of them services: ``"left-out"``, or
    ``"until-deletion"``: their size is the time that they are known to have had."""

    def read(self, path: str) -> tuple[Tasks, tuple[str, ...]]:
        """Read a file: its pods as tasks in order of arrival, and what they assume."""
        columns = (*RESOURCES, *TIMES)
        table = read_csv(path, columns, self.max_bytes, optional=(PHASE,), hint=_NO_TIMES)
        table, left_out = self._choose(table)
        table, arrival_s = table.in_order("creation_time", table.numbers("creation_time"))
        duration_s = table.numbers("deletion_time") - table.numbers("scheduled_time")
        if (duration_s < 0).any():
            raise table.error(
                int((duration_s < 0).argmax()), "deletion_time", "not before scheduled_time"
            )
        gpus = table.numbers("num_gpu") * table.numbers("gpu_milli") / 1_000
        cores = table.numbers("cpu_milli") / 1_000
        memory_bytes = table.numbers("memory_mib") * _MIB
        tasks, empty = self._price(
            path, arrival_s, duration_s * gpus, duration_s * cores, memory_bytes
        )
        return tasks, self._notes(f"{left_out}, {empty:,} without duration or resources")

    def _choose(self, table: TraceTable) -> tuple[TraceTable, str]:
        """Choose the pods that are tasks, and say which are not."""
        late = table.numbers("creation_time") >= self.skip_days * _DAY_S
        scheduled, running = table.known("scheduled_time"), np.zeros(len(table), dtype=bool)
        if PHASE in table.columns and self.running == LEFT_OUT:
            phases = table.columns[PHASE]
            running = np.array([phase.strip().lower() in UNFINISHED for phase in phases])
        left_out = (
            f"left out: {(~late).sum():,} pods of the first {self.skip_days:g} days (survivors), "
            f"{(late & ~scheduled).sum():,} never scheduled, "
            f"{(late & scheduled & running).sum():,} still running"
        )
        return table.keep(late & scheduled & ~running), left_out

    def _notes(self, left_out: str) -> tuple[str, ...]:
        return (
            self._intensity_note(),
            self._size_note("time from scheduling to deletion"),
            "the working set is the host memory asked for; the trace tells no GPU memory",
            f"pods that were Running: {RUNNING_PODS[self.running]}",
            left_out,
        )
