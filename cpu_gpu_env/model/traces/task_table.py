"""Traces in this package's own terms: a CSV file with a column for each figure of a task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cpu_gpu_env.model.tasks import COLUMNS, Tasks
from cpu_gpu_env.model.traces.mapping import TraceMapping
from cpu_gpu_env.model.traces.text_table import read_csv


@dataclass(frozen=True)
class TaskTable(TraceMapping):
    """CSV with arrival_s, size_flop, intensity_flop_per_byte and memory_bytes; nothing is assumed.

    Columns may stand in any order; others are ignored.
    """

    kind: ClassVar[str] = "csv"

    def read(self, path: str) -> tuple[Tasks, tuple[str, ...]]:
        """Read a file: its tasks in order of arrival, and no assumption."""
        arrival, size, intensity, memory = COLUMNS
        table = read_csv(path, COLUMNS)
        table, arrival_s = table.in_order(arrival, table.numbers(arrival))
        tasks = self._make_tasks(
            path,
            arrival_s,
            table.numbers(size, positive=True),
            table.numbers(intensity, positive=True),
            table.numbers(memory),
        )
        return tasks, ()
