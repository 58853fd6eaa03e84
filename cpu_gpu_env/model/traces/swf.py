"""Logs of parallel computers in the Standard Workload Format."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from cpu_gpu_env.model.tasks import FloatArray, Tasks
from cpu_gpu_env.model.traces.mapping import DrawnIntensity
from cpu_gpu_env.model.traces.text_table import TraceTable, read_fields

FIELDS = (
    "job number",
    "submit time",
    "wait time",
    "run time",
    "allocated processors",
    "average CPU time",
    "used memory",
    "requested processors",
    "requested time",
    "requested memory",
    "status",
    "user",
    "group",
    "executable",
    "queue",
    "partition",
    "preceding job",
    "think time",
)
"""The 18 fields of a job, in order; -1 stands for what is not known."""

_USED = tuple(FIELDS[number - 1] for number in (1, 2, 4, 5, 7, 8, 10, 11))
_PARTS = (2.0, 3.0, 4.0)
"""Status of a part of a job: to be continued, the last one and completed, the last one and failed
(version 2.2 of the format)."""
_KILOBYTE_BYTES = 1_024


@dataclass(frozen=True)
class StandardWorkloadFormat(DrawnIntensity):
    """Jobs of a log in the Standard Workload Format (Chapin et al., JSSPP 1999; version 2.2).

    - arrival: submit time (field 2);
    - size: run time (4) x processors (allocated, 5, or else requested, 8) x attained FLOP/s of one
      core. Assumptions: a job keeps all its processors busy for all its time, and cores are those
      of an EPYC 7763; the machines of old logs were slower, which a load hides and
      ``load="trace"`` does not;
    - memory: used (7) or else requested (10) kilobytes a processor, x processors; where the log has
      neither, `memory_per_core_bytes` a processor;
    - intensity: drawn (`DrawnIntensity`).

    Jobs without a run time or processors (cancelled before the start, or not known) are left out.
    A job that was checkpointed and went on is one task: its parts (lines of the same number with
    the status, field 11, 2, 3 or 4) are left out where another line sums them up, and else count as
    one that arrived with the first.
    """

    format: ClassVar[str] = "swf"
    signature: ClassVar[tuple[str, ...]] = FIELDS
    may_be_zero: ClassVar[tuple[str, ...]] = (*DrawnIntensity.may_be_zero, "memory_per_core_bytes")

    memory_per_core_bytes: float = 2.0**29
    """Memory of a processor where the log does not tell it [B]; estimated: 80 % of the usage of
    ARCHER took at most 1 GiB a core (Turner & McIntosh-Smith, PMBS 2017), half of that here."""

    def read(self, path: str) -> tuple[Tasks, tuple[str, ...]]:
        """Read a log: its jobs as tasks in order of arrival, and what they assume."""
        lines = read_fields(path, FIELDS, _USED, ";", self.max_bytes)
        table = _whole_jobs(lines)
        num_parts = len(lines) - len(table)
        table, submit_s = table.in_order("submit time", table.numbers("submit time"))
        run_s, processors = table.numbers("run time", low=-1.0), _processors(table)
        memory_kb = _first_known(
            table.numbers("used memory", low=-1.0), table.numbers("requested memory", low=-1.0)
        )
        known = memory_kb > 0
        per_core = np.where(known, memory_kb * _KILOBYTE_BYTES, self.memory_per_core_bytes)
        ran = (run_s > 0) & (processors > 0)
        intensity = self._draw_intensity(int(ran.sum()))
        tasks = self._make_tasks(
            path,
            submit_s[ran],
            (run_s * processors)[ran] * self._core_rate(intensity),
            intensity,
            (per_core * processors)[ran],
        )
        return tasks, self._notes(int((~ran).sum()), num_parts, known[ran].mean())

    def _notes(self, left_out: int, num_parts: int, known_memory: float) -> tuple[str, ...]:
        parts = f"{num_parts:,} lines of parts of checkpointed jobs are in the lines of the jobs"
        return (
            self._intensity_note(),
            f"size is run time x processors x attained FLOP/s; {self._core_note()}",
            f"{known_memory:.0%} of the jobs tell their memory; the others are given "
            f"{self.memory_per_core_bytes / 1e6:.0f} MB a processor",
            f"{left_out:,} jobs without a run time or processors are left out",
            *([parts] if num_parts else []),
        )


def _whole_jobs(table: TraceTable) -> TraceTable:
    """Give each checkpointed job one line: that which sums it up, or the first of its parts.

    The first then has the run time that makes the processor seconds of all. A job of number -1 is
    not known to be the same as another.
    """
    is_part = np.isin(table.numbers("status", low=-1.0), _PARTS)
    job = table.numbers("job number", low=-1.0)
    is_part &= job >= 0
    if not is_part.any():
        return table
    run_s, processors = table.numbers("run time", low=-1.0), _processors(table)
    core_s = np.maximum(run_s, 0.0) * np.maximum(processors, 0.0)
    kept = ~is_part
    alone = np.flatnonzero(is_part & ~np.isin(job, job[kept]))
    _, first, which = np.unique(job[alone], return_index=True, return_inverse=True)
    first = alone[first]
    kept[first] = True
    run_times = list(table.columns["run time"])
    for row, total in zip(first.tolist(), np.bincount(which, core_s[alone]).tolist(), strict=True):
        run_times[row] = repr(total / max(float(processors[row]), 1.0))
    return replace(table, columns={**table.columns, "run time": run_times}).keep(kept)


def _processors(table: TraceTable) -> FloatArray:
    """The allocated processors, or else those requested, (rows,)."""
    return _first_known(
        table.numbers("allocated processors", low=-1.0),
        table.numbers("requested processors", low=-1.0),
    )


def _first_known(first: FloatArray, second: FloatArray) -> FloatArray:
    """Take the second where the first is not known (not above 0)."""
    return np.where(first > 0, first, second)
