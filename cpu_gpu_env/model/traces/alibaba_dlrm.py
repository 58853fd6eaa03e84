"""Alibaba's GPU cluster trace of 2025: instances of recommendation models on CPU and GPU nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cpu_gpu_env.model.tasks import Tasks
from cpu_gpu_env.model.traces.gpu_jobs import GPUJobs
from cpu_gpu_env.model.traces.text_table import read_csv

CPUS, GPUS, MEMORY = REQUESTS = ("cpu_request", "gpu_request", "memory_request")
CREATED, SCHEDULED, DELETED = TIMES = ("creation_time", "scheduled_time", "deletion_time")

_GIB = 2.0**30


@dataclass(frozen=True)
class AlibabaDLRM(GPUJobs):
    """Instances of cluster-trace-gpu-v2025.

    The file is of Yang et al., "GPU-Disaggregated Serving for Deep Learning Recommendation Models
    at Scale", NSDI 2025.

    - arrival: creation_time, in seconds;
    - size: duration-equivalent work (`GPUJobs`), (deletion_time - scheduled_time) x gpu_request or,
      for an instance without a GPU, x cpu_request, of which each is taken for a core;
    - memory: memory_request, the GiB of host memory asked for; the trace tells no GPU memory;
    - intensity: drawn (`DrawnIntensity`).

    Left out: instances that were there before the trace began, were never scheduled, or were still
    there when it ended (the times that are blank or NaN), and those without a duration. They serve
    requests for as long as they are kept, and most were there all the time.
    """

    format: ClassVar[str] = "alibaba-dlrm"
    signature: ClassVar[tuple[str, ...]] = (*REQUESTS, *TIMES)

    def read(self, path: str) -> tuple[Tasks, tuple[str, ...]]:
        """Read a file: its instances as tasks in order of arrival, and what they assume."""
        table = read_csv(path, (*REQUESTS, *TIMES), self.max_bytes)
        created, scheduled, deleted = (table.known(time) for time in TIMES)
        early = int((~created).sum())
        never = int((created & ~scheduled).sum())
        late = int((created & scheduled & ~deleted).sum())
        table = table.keep(created & scheduled & deleted)
        table, arrival_s = table.in_order(CREATED, table.numbers(CREATED))
        duration_s = table.numbers(DELETED) - table.numbers(SCHEDULED)
        if (duration_s < 0).any():
            raise table.error(int((duration_s < 0).argmax()), DELETED, f"not before {SCHEDULED}")
        tasks, empty = self._price(
            path,
            arrival_s,
            duration_s * table.numbers(GPUS),
            duration_s * table.numbers(CPUS),
            table.numbers(MEMORY) * _GIB,
        )
        return tasks, (
            self._intensity_note(),
            self._size_note("time from scheduling to deletion"),
            "the working set is the host memory asked for; the trace tells no GPU memory",
            f"left out: {early:,} instances from before the trace, {never:,} never scheduled, "
            f"{late:,} still there at its end, {empty:,} without duration or resources",
        )
