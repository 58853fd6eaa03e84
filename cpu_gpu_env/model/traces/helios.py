"""SenseTime's Helios traces: jobs of GPU clusters under Slurm."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cpu_gpu_env.model.tasks import Tasks
from cpu_gpu_env.model.traces.gpu_jobs import GPUJobsWithoutMemory
from cpu_gpu_env.model.traces.text_table import read_csv
from cpu_gpu_env.model.traces.timestamps import AUTO, TIME_UNITS, read_times_s

SUBMIT, START, DURATION = TIMES = ("submit_time", "start_time", "duration")
GPUS, CPUS, STATE = ("gpu_num", "cpu_num", "state")
COLUMNS = (*TIMES, GPUS, CPUS, STATE)

UNFINISHED = ("RUNNING", "PENDING", "SUSPENDED")
"""States of jobs that had not ended with the trace."""


@dataclass(frozen=True)
class Helios(GPUJobsWithoutMemory):
    """Jobs of a cluster_log.csv of Helios.

    The files are of Hu et al., "Characterization and Prediction of Deep Learning Workloads in
    Large-Scale GPU Datacenters", SC 2021.

    - arrival: submit_time, a date or a number (`cpu_gpu_env.model.traces.timestamps`);
    - size: duration-equivalent work (`GPUJobs`), duration [s] x gpu_num or, for a job without a
      GPU, x cpu_num cores;
    - memory: not told, `memory_per_job_bytes`;
    - intensity: drawn (`DrawnIntensity`).

    Jobs that failed, were cancelled or timed out count like those that completed: they had their
    GPUs. Left out: jobs that had not ended (RUNNING, PENDING, SUSPENDED), never started, or have no
    duration.
    """

    format: ClassVar[str] = "helios"
    choices: ClassVar[Mapping[str, Iterable[str]]] = {"time_unit": TIME_UNITS}
    signature: ClassVar[tuple[str, ...]] = COLUMNS

    time_unit: str = AUTO
    """Of submission times that are numbers: ``"s"``, ``"ms"``, ``"us"``, ``"ns"``; ``"auto"``: as
    they tell, see `cpu_gpu_env.model.traces.timestamps`."""

    def read(self, path: str) -> tuple[Tasks, tuple[str, ...]]:
        """Read a file: its jobs as tasks in order of arrival, and what they assume."""
        table = read_csv(path, COLUMNS, self.max_bytes)
        states = table.columns[STATE]
        ended = np.array([state.strip().upper() not in UNFINISHED for state in states])
        started = table.known(START)
        table = table.keep(ended & started)
        table, arrival_s = table.in_order(SUBMIT, read_times_s(table, SUBMIT, self.time_unit))
        duration_s = table.numbers(DURATION)
        tasks, empty = self._price(
            path,
            arrival_s,
            duration_s * table.numbers(GPUS),
            duration_s * table.numbers(CPUS),
            np.full(len(table), self.memory_per_job_bytes),
        )
        return tasks, (
            self._intensity_note(),
            self._size_note("duration"),
            self._memory_note(),
            f"left out: {(~ended).sum():,} jobs that had not ended, "
            f"{(ended & ~started).sum():,} never started, {empty:,} without duration or resources",
        )
