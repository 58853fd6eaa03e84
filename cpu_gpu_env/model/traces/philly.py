"""Microsoft's Philly trace: jobs that train neural networks, each with its attempts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from cpu_gpu_env.model.tasks import FloatArray, Tasks
from cpu_gpu_env.model.traces.gpu_jobs import GPUJobsWithoutMemory
from cpu_gpu_env.model.traces.json_objects import JSONObject, read_json_objects, take
from cpu_gpu_env.model.traces.text_table import TraceTable, is_known
from cpu_gpu_env.model.traces.timestamps import AUTO, TIME_UNITS, read_spans_s, read_times_s

SUBMITTED, ATTEMPTS, START, END = "submitted_time", "attempts", "start_time", "end_time"


@dataclass
class _Log:
    """The jobs that ended, and their attempts, as columns."""

    path: str
    job_lines: list[int] = field(default_factory=list)
    submitted: list[str] = field(default_factory=list)
    attempt_jobs: list[int] = field(default_factory=list)
    """Number of the job of each attempt."""
    starts: list[str] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    gpus: list[int] = field(default_factory=list)
    never: int = 0
    running: int = 0
    unknown: int = 0
    """Jobs that never ran or ran on, and attempts without times."""

    def add(self, line: int, job: JSONObject) -> None:
        """Take a job in, or count it."""
        attempts = take(self.path, line, job, ATTEMPTS, list)
        submitted = str(take(self.path, line, job, SUBMITTED))
        if not attempts:
            self.never += 1
            return
        known = []
        for attempt in attempts:
            start, end = (str(take(self.path, line, attempt, key)) for key in (START, END))
            known.append((start, end, self._count_gpus(line, attempt)))
        if not is_known(known[-1][1]):
            self.running += 1
            return
        for start, end, gpus in known:
            if is_known(start) and is_known(end):
                self.attempt_jobs.append(len(self.submitted))
                self.starts.append(start)
                self.ends.append(end)
                self.gpus.append(gpus)
            else:
                self.unknown += 1
        self.job_lines.append(line)
        self.submitted.append(submitted)

    def _count_gpus(self, line: int, attempt: JSONObject) -> int:
        servers = take(self.path, line, attempt, "detail", list)
        return sum(len(take(self.path, line, server, "gpus", list)) for server in servers)

    def gpu_seconds(self, unit: str) -> FloatArray:
        """GPUs x time that each job had them, (jobs,); an attempt that ends early counts 0."""
        lines = [self.job_lines[job] for job in self.attempt_jobs]
        attempts = TraceTable(self.path, {START: self.starts, END: self.ends}, lines)
        gpu_s = np.maximum(read_spans_s(attempts, START, END, unit), 0.0) * np.array(self.gpus)
        sums = np.zeros(len(self.submitted))
        np.add.at(sums, self.attempt_jobs, gpu_s)
        return sums


@dataclass(frozen=True)
class Philly(GPUJobsWithoutMemory):
    """Jobs of Philly's cluster_job_log, a JSON list.

    The file is of Jeon et al., "Analysis of Large-Scale Multi-Tenant GPU Clusters for DNN Training
    Workloads", USENIX ATC 2019.

    - arrival: submitted_time;
    - size: duration-equivalent work (`GPUJobs`), the sum over attempts of (end_time - start_time) x
      the GPUs that they had on all servers; an attempt that failed was work, too;
    - memory: not told, `memory_per_job_bytes`;
    - intensity: drawn (`DrawnIntensity`).

    Times are those of the cluster's clock, without a zone: over a change of the clock they are off
    by an hour. Jobs that were killed or failed count like those that passed. Left out: jobs without
    an attempt, jobs whose last attempt has no end (they ran on), attempts that lack a time or end
    before they start (errors of the log), and jobs of which nothing is left then.
    """

    format: ClassVar[str] = "philly"
    choices: ClassVar[Mapping[str, Iterable[str]]] = {"time_unit": TIME_UNITS}
    signature: ClassVar[tuple[str, ...]] = (SUBMITTED, ATTEMPTS)

    time_unit: str = AUTO
    """Of times that are numbers: ``"s"``, ``"ms"``, ``"us"``, ``"ns"``; ``"auto"``: as they tell,
    see `cpu_gpu_env.model.traces.timestamps`."""

    def read(self, path: str) -> tuple[Tasks, tuple[str, ...]]:
        """Read a log: its jobs as tasks in order of arrival, and what they assume."""
        log = _Log(path)
        for line, job in read_json_objects(path, self.max_bytes):
            log.add(line, job)
        gpu_s = [repr(value) for value in log.gpu_seconds(self.time_unit).tolist()]
        table = TraceTable(path, {SUBMITTED: log.submitted, "gpu_s": gpu_s}, log.job_lines)
        table, arrival_s = table.in_order(SUBMITTED, read_times_s(table, SUBMITTED, self.time_unit))
        none = np.zeros(len(table))
        memory_bytes = none + self.memory_per_job_bytes
        tasks, empty = self._price(path, arrival_s, table.numbers("gpu_s"), none, memory_bytes)
        return tasks, (
            self._intensity_note(),
            self._size_note("time of all attempts"),
            self._memory_note(),
            f"left out: {log.never:,} jobs that never ran, {log.running:,} still running, "
            f"{log.unknown:,} attempts without times, {empty:,} jobs without time on a GPU",
        )
