"""The plainest trace: a table of tasks as this package has them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from cpu_gpu_env.checks import MAX_TIME_S, MIN_FIGURE
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.model.measured import MeasuredCosts
from cpu_gpu_env.model.precision import DEFAULT_PRECISION, PRECISIONS
from cpu_gpu_env.model.profile import device_catalogue
from cpu_gpu_env.model.tasks import COLUMNS, OPTIONAL_COLUMNS, WORK, FloatArray, Tasks
from cpu_gpu_env.model.traces.mapping import TraceMapping
from cpu_gpu_env.model.traces.text_table import TraceTable, read_csv

ARRIVAL, MEMORY = "arrival_s", "memory_bytes"
PRECISION, STEPS, TRANSFER, OVERLAPS = OPTIONAL_COLUMNS
_FLAGS = {"true": True, "false": False, "1": True, "0": False}
_KINDS = ("cpu", "gpu")
_MEASURED = re.compile(r"(?P<where>.+)_(?P<what>time_s|energy_j)")
_INSTEAD = (
    f"; or, instead of {' and '.join(WORK)}, cpu_time_s and gpu_time_s (or times on devices by "
    "their names, such as a100-80gb_time_s)"
)


@dataclass(frozen=True)
class TaskTable(TraceMapping):
    """CSV with arrival_s, memory_bytes, and what tasks are or took; nothing is assumed.

    Columns may stand in any order; others are ignored.

    - What they are: size_flop and intensity_flop_per_byte; besides, where there are such columns,
      precision (a name, such as fp16), serial_steps, transfer_bytes and overlaps (true or false),
      see `Tasks`.
    - What whole tasks took, instead: cpu_time_s and gpu_time_s, and where they are known
      cpu_energy_j and gpu_energy_j, idle power included; of devices that differ by their names in
      the profile, such as a100-80gb_time_s, which come before those of their kind. See
      `MeasuredCosts`.
    """

    format: ClassVar[str] = "csv"
    signature: ClassVar[tuple[str, ...]] = (ARRIVAL, MEMORY)

    def read(self, path: str) -> tuple[Tasks, tuple[str, ...]]:
        """Read a file: its tasks in order of arrival, and no assumption."""

        def choose(header: Sequence[str]) -> Sequence[str]:
            measured = _measured_columns(path, header)
            known = [ARRIVAL, *measured, MEMORY] if measured else COLUMNS
            return [*known, *(name for name in OPTIONAL_COLUMNS if name in header)]

        table = read_csv(path, choose, self.max_bytes, hint=_INSTEAD)
        table, arrival_s = table.in_order(ARRIVAL, table.numbers(ARRIVAL))
        memory_bytes = table.numbers(MEMORY)
        said = [name for name in OPTIONAL_COLUMNS if name in table.columns]
        if WORK[0] not in table.columns:
            return self._measured(path, table, arrival_s, memory_bytes, said)
        extra: dict[str, Any] = {
            name: table.numbers(name) for name in (STEPS, TRANSFER) if name in said
        }
        if PRECISION in said:
            self._check_no_precision(path, f"the file has a column {PRECISION}")
            extra[PRECISION] = _read_precisions(table)
        if OVERLAPS in said:
            extra[OVERLAPS] = _read_flags(table, OVERLAPS)
        size, intensity = (table.numbers(name, positive=True) for name in WORK)
        return self._make_tasks(path, arrival_s, size, intensity, memory_bytes, **extra), ()

    def _measured(
        self,
        path: str,
        table: TraceTable,
        arrival_s: FloatArray,
        memory_bytes: FloatArray,
        ignored: Sequence[str],
    ) -> tuple[Tasks, tuple[str, ...]]:
        """Read the tasks of a table of times."""
        self._check_no_precision(path, "the file has times, whatever the precision")
        costs: dict[str, dict[str, FloatArray]] = {"time_s": {}, "energy_j": {}}
        for name in table.columns:
            if match := _MEASURED.fullmatch(name):
                read = _read_times_s if match["what"] == "time_s" else TraceTable.numbers
                costs[match["what"]][match["where"]] = read(table, name)
        unknown = np.full(len(table), np.nan)
        tasks = self._make_tasks(
            path, arrival_s, unknown, unknown, memory_bytes, measured=MeasuredCosts(**costs)
        )
        notes = ["execution times are those of the table, and a share takes its part of them"]
        if not costs["energy_j"]:
            notes.append("the table has no energies: devices draw their active power")
        if ignored:
            notes.append(f"{', '.join(ignored)}: not used, as times say all")
        return tasks, tuple(notes)

    def _check_no_precision(self, path: str, why: str) -> None:
        if self.precision != DEFAULT_PRECISION:
            raise HybridClusterError(
                f"{path}: argument precision is {self.precision!r}, but {why}; allowed: one of both"
            )


def _measured_columns(path: str, header: Sequence[str]) -> list[str]:
    """Choose the columns of times and energies; none if the table tells work.

    Beside work only names that can be nothing else count: a waiting time is no device's.

    Raises:
        HybridClusterError: If there is work as well, an energy without its time, or times of one
            kind of device alone.
    """
    found = {name: match for name in header if (match := _MEASURED.fullmatch(name))}
    work, devices = [name for name in WORK if name in header], {*_KINDS, *device_catalogue()}
    if work:
        found = {name: match for name, match in found.items() if match["where"] in devices}
        if found:
            raise HybridClusterError(
                f"{path}: it has work ({', '.join(work)}) and what tasks took "
                f"({', '.join(found)}); allowed: either"
            )
        return []
    times = {match["where"] for match in found.values() if match["what"] == "time_s"}
    for name, match in found.items():
        if match["where"] not in times:
            raise HybridClusterError(
                f"{path}: it has a column {name}, but none of {match['where']}_time_s; allowed: "
                "energies beside times"
            )
    for kind, other in (_KINDS, _KINDS[::-1]):
        if times == {kind}:
            raise HybridClusterError(
                f"{path}: it has a column {kind}_time_s, but no times on any {other}; needed: "
                f"{other}_time_s (or times on devices by their names)"
            )
    return list(found)


def _read_times_s(table: TraceTable, column: str) -> FloatArray:
    times_s = table.numbers(column, positive=True)
    good = (times_s >= MIN_FIGURE) & (times_s <= MAX_TIME_S)
    if not good.all():
        allowed = f"a time in [{MIN_FIGURE:g}, {MAX_TIME_S:g}] s"
        raise table.error(int(good.argmin()), column, allowed)
    return times_s


def _read_precisions(table: TraceTable) -> list[str]:
    names = [text.strip() for text in table.columns[PRECISION]]
    for row, name in enumerate(names):
        if name not in PRECISIONS:
            raise table.error(row, PRECISION, ", ".join(PRECISIONS))
    return names


def _read_flags(table: TraceTable, column: str) -> list[bool]:
    texts = [text.strip().lower() for text in table.columns[column]]
    for row, text in enumerate(texts):
        if text not in _FLAGS:
            raise table.error(row, column, ", ".join(_FLAGS))
    return [_FLAGS[text] for text in texts]
