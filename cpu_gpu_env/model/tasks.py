"""Tasks: a table of arrival, size, intensity and memory, and of what else is known of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.checks import (
    MAX_FIGURE,
    MAX_TIME_S,
    MIN_FIGURE,
    as_flags,
    as_numbers,
    check_within,
)
from cpu_gpu_env.errors import HybridClusterError, shown
from cpu_gpu_env.model.measured import MeasuredCosts
from cpu_gpu_env.model.precision import PRECISIONS, Codes, precision_codes

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

COLUMNS = ("arrival_s", "size_flop", "intensity_flop_per_byte", "memory_bytes")
"""What every table of tasks has."""
WORK = ("size_flop", "intensity_flop_per_byte")
"""Columns that say nothing (nan) where costs were measured."""
OPTIONAL_COLUMNS = ("precision", "serial_steps", "transfer_bytes", "overlaps")
"""What a table may have besides."""


@dataclass(frozen=True, eq=False)
class Tasks:
    """A table of tasks in order of arrival.

    Each field but `measured` is an array of shape (num_tasks,), float64 unless it says otherwise;
    those with a default also take one value for all tasks.

    Raises:
        HybridClusterError: If lengths differ, a value is no finite number, a size or intensity is
            not positive, a memory or an arrival negative, arrivals are not ascending, a precision
            is not known, or a value is beyond `MAX_TIME_S` (arrivals) or `MAX_FIGURE` (the others).
    """

    arrival_s: FloatArray
    """Release time of each task [s], ascending."""
    size_flop: FloatArray
    """Work [FLOP]; nan where costs were measured."""
    intensity_flop_per_byte: FloatArray
    """Arithmetic intensity [FLOP/B] as in the roofline model (Williams et al. 2009); nan where
    costs were measured."""
    memory_bytes: FloatArray
    """Working set that must be on the device [B]."""
    precision: Codes = field(default_factory=lambda: np.zeros((), np.uint8))
    """Number format, uint8 codes: indices into `cpu_gpu_env.model.precision.PRECISIONS` (names are
    taken too); FP32 by default."""
    serial_steps: FloatArray = field(default_factory=lambda: np.zeros(()))
    """Steps that depend on one another, as the columns of a factorisation (n of POTRF, GETRF or
    TRSM): each share takes all of them one after another. 0 by default."""
    transfer_bytes: FloatArray = field(default_factory=lambda: np.full((), np.inf))
    """So much of the working set crosses the host link at most, as the rest is on the device
    already [B]; all of it by default (inf)."""
    overlaps: npt.NDArray[np.bool_] = field(default_factory=lambda: np.ones((), np.bool_))
    """Whether computing and memory traffic go on at once, bool, as within a kernel (by default);
    where kernels follow one another, each bound by one of the two, their times add up."""
    measured: MeasuredCosts | None = None
    """Costs that were measured and stand for those that the model would give; None: modelled."""

    def __post_init__(self) -> None:
        count = np.size(self.memory_bytes)
        for name in COLUMNS:
            column = as_numbers(f"tasks: {name}", getattr(self, name))
            if column.ndim != 1 or len(column) != count or not count:
                raise HybridClusterError(
                    f"tasks: {name} has shape {column.shape}; allowed: one value a task, >= 1 task"
                )
            self._set(name, column)
        for name in ("serial_steps", "transfer_bytes"):
            self._set(name, self._for_all(name, as_numbers(f"tasks: {name}", getattr(self, name))))
        self._set("overlaps", self._for_all("overlaps", as_flags("tasks: overlaps", self.overlaps)))
        self._set("precision", self._for_all("precision", precision_codes(self.precision)))
        if self.measured is None:
            for name in WORK:
                self._check(name, MIN_FIGURE, MAX_FIGURE)
        else:
            self._check_measured(self.measured)
        self._check("memory_bytes", 0.0, MAX_FIGURE)
        self._check("arrival_s", 0.0, MAX_TIME_S)
        self._check("serial_steps", 0.0, MAX_FIGURE)
        self._check("transfer_bytes", 0.0, np.inf)
        if np.any(np.diff(self.arrival_s) < 0):
            first = int(np.argmax(np.diff(self.arrival_s) < 0)) + 1
            raise HybridClusterError(
                f"tasks: arrival_s[{first}] = {self.arrival_s[first]} lies before its predecessor;"
                " sort the tasks by arrival"
            )

    def _set(self, name: str, column: npt.NDArray[Any]) -> None:
        column.setflags(write=False)
        object.__setattr__(self, name, column)

    def _for_all(self, name: str, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Check that there is one value for all tasks or one a task, and make it one a task."""
        if values.shape not in ((), (len(self),)):
            raise HybridClusterError(
                f"tasks: {name} has shape {values.shape}; allowed: one value a task, or one for all"
            )
        return np.broadcast_to(values, (len(self),))

    def _check(self, name: str, low: float, high: float) -> None:
        check_within(f"tasks: {name}", getattr(self, name), low, high)

    def _check_measured(self, measured: MeasuredCosts) -> None:
        if not isinstance(measured, MeasuredCosts) or len(measured) != len(self):
            raise HybridClusterError(
                f"tasks: measured is {shown(measured)}; allowed: a MeasuredCosts of {len(self)} "
                "tasks, or None"
            )
        for name in WORK:
            if not np.isnan(getattr(self, name)).all():
                raise HybridClusterError(
                    f"tasks: {name} is given beside measured costs; allowed: nan, as those stand "
                    "for it"
                )

    def __deepcopy__(self, memo: dict[int, Any]) -> Tasks:
        """Share what never changes: copies of an environment stay small."""
        return self

    def __len__(self) -> int:
        return len(self.memory_bytes)

    @cached_property  # asked for with every share
    def precisions(self) -> tuple[str, ...]:
        """The precisions that there are, each once."""
        return tuple(PRECISIONS[code] for code in np.unique(self.precision))

    @property
    def is_plain(self) -> bool:
        """Whether tasks differ in arrival, size, intensity and memory alone."""
        moved = np.minimum(self.transfer_bytes, self.memory_bytes)
        return (
            self.measured is None
            and len(self.precisions) == 1
            and not self.serial_steps.any()
            and (not moved.any() or bool((moved == self.memory_bytes).all()))
            and len(np.unique(self.overlaps)) == 1
        )

    def like_these(
        self, size_flop: FloatArray, intensity_flop_per_byte: FloatArray, memory_bytes: FloatArray
    ) -> Tasks:
        """Return tasks at time 0 that share with these what all of these share (`is_plain`).

        Args:
            size_flop: (n,) [FLOP].
            intensity_flop_per_byte: (n,) [FLOP/B].
            memory_bytes: (n,) [B].
        """
        moves = bool((self.transfer_bytes >= self.memory_bytes).all())
        return Tasks(
            np.zeros(len(size_flop)),
            size_flop,
            intensity_flop_per_byte,
            memory_bytes,
            precision=self.precision[0],
            transfer_bytes=np.array(np.inf if moves else 0.0),
            overlaps=self.overlaps[0],
        )

    @property
    def extra_columns(self) -> dict[str, npt.NDArray[Any]]:
        """The optional columns that say more than their default does, and what was measured."""
        moved = self.transfer_bytes < self.memory_bytes
        said = {
            "precision": self.precision.any(),
            "serial_steps": self.serial_steps.any(),
            "transfer_bytes": moved.any(),
            "overlaps": not self.overlaps.all(),
        }
        columns = {name: getattr(self, name) for name, is_said in said.items() if is_said}
        return columns if self.measured is None else {**columns, **self.measured.columns}

    def take(self, rows: npt.NDArray[np.integer[Any]], arrival_s: FloatArray) -> Tasks:
        """Return the given rows with other arrivals."""
        return Tasks(
            arrival_s,
            self.size_flop[rows],
            self.intensity_flop_per_byte[rows],
            self.memory_bytes[rows],
            self.precision[rows],
            self.serial_steps[rows],
            self.transfer_bytes[rows],
            self.overlaps[rows],
            None if self.measured is None else self.measured.take(rows),
        )

    @staticmethod
    def joined(tables: Sequence[Tasks]) -> Tasks:
        """Return the tasks of several tables, one after another, all at time 0.

        Raises:
            HybridClusterError: If costs were measured of some tables only, or not on the same
                devices.
        """
        return Tasks(
            np.zeros(sum(map(len, tables))),
            np.concatenate([table.size_flop for table in tables]),
            np.concatenate([table.intensity_flop_per_byte for table in tables]),
            np.concatenate([table.memory_bytes for table in tables]),
            np.concatenate([table.precision for table in tables]),
            np.concatenate([table.serial_steps for table in tables]),
            np.concatenate([table.transfer_bytes for table in tables]),
            np.concatenate([table.overlaps for table in tables]),
            MeasuredCosts.joined([table.measured for table in tables]),
        )

    @staticmethod
    def from_table(table: Any) -> Tasks:
        """Build tasks from anything of shape (num_tasks, 4) in the order of `COLUMNS`.

        Raises:
            HybridClusterError: If the shape or a value is wrong.
        """
        if isinstance(table, Tasks):
            return table
        array = as_numbers("tasks", table)
        if array.ndim != 2 or array.shape[1] != len(COLUMNS) or not len(array):
            raise HybridClusterError(
                f"tasks have shape {array.shape}; allowed: (num_tasks, 4) numbers with the columns "
                f"{', '.join(COLUMNS)}, or a cpu_gpu_env.Tasks"
            )
        return Tasks(*array.T)
