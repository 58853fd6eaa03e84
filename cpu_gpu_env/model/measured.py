"""Measured costs: execution times and energies that tasks bring along instead of their work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.checks import MAX_FIGURE, MAX_TIME_S, MIN_FIGURE, as_numbers, check_within
from cpu_gpu_env.errors import HybridClusterError, shown
from cpu_gpu_env.model.cluster import Device

_Column = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MeasuredCosts:
    """What whole tasks took, by where: ``"cpu"``, ``"gpu"``, or the name of a device.

    The name of a device comes before its kind. Launch, transfers and all else are part of a time.

    Raises:
        HybridClusterError: If there is no time at all, an energy without its time, lengths differ,
            a time is not in [`MIN_FIGURE`, `MAX_TIME_S`] or an energy not in [0, `MAX_FIGURE`].
    """

    time_s: Mapping[str, _Column]
    """Execution times (num_tasks,) [s]."""
    energy_j: Mapping[str, _Column] = field(default_factory=dict)
    """Energies (num_tasks,) of the device meanwhile, idle power included [J]; where there are none
    it draws its active power."""

    def __post_init__(self) -> None:
        if not self.time_s:
            raise HybridClusterError("measured costs: no times; allowed: of CPUs and of GPUs")
        for name, low, high in (("time_s", MIN_FIGURE, MAX_TIME_S), ("energy_j", 0.0, MAX_FIGURE)):
            table: Mapping[str, Any] = getattr(self, name)
            columns = {
                where: _column(f"measured {name} on {shown(where)}", values, low, high)
                for where, values in table.items()
            }
            object.__setattr__(self, name, columns)
        for where in self.energy_j:
            if where not in self.time_s:
                raise HybridClusterError(
                    f"measured costs: energies on {where!r}, but no times; allowed: both"
                )
        lengths = {len(column) for column in (*self.time_s.values(), *self.energy_j.values())}
        if len(lengths) > 1:
            raise HybridClusterError(
                f"measured costs: columns of {sorted(lengths)} tasks; allowed: equally many"
            )

    def __len__(self) -> int:
        return len(next(iter(self.time_s.values())))

    @property
    def columns(self) -> dict[str, _Column]:
        """All columns by their names in a table: ``gpu_time_s``, ``gpu_energy_j``, ..."""
        tables = {"time_s": self.time_s, "energy_j": self.energy_j}
        return {
            f"{where}_{name}": column
            for name, table in tables.items()
            for where, column in table.items()
        }

    def time_on(self, device: Device) -> _Column:
        """Execution times on a device, (num_tasks,) [s].

        Raises:
            HybridClusterError: If none were measured on it, nor on its kind.
        """
        return self.time_s[self._where(device)]

    def energy_on(self, device: Device) -> _Column | None:
        """Energies on a device, (num_tasks,) [J]; None: not measured."""
        return self.energy_j.get(self._where(device))

    def take(self, rows: npt.NDArray[np.integer[Any]]) -> MeasuredCosts:
        """Return the costs of some tasks."""
        time_s, energy_j = (
            {where: column[rows] for where, column in table.items()}
            for table in (self.time_s, self.energy_j)
        )
        return MeasuredCosts(time_s, energy_j)

    @staticmethod
    def joined(tables: Sequence[MeasuredCosts | None]) -> MeasuredCosts | None:
        """Return the costs of several tables, one after another; None if none were measured.

        Raises:
            HybridClusterError: If they were measured in some only, or not on the same devices.
        """
        known = [table for table in tables if table is not None]
        if not known:
            return None
        kinds = {(frozenset(table.time_s), frozenset(table.energy_j)) for table in known}
        if len(known) < len(tables) or len(kinds) > 1:
            raise HybridClusterError(
                "tasks to be joined: costs were measured of some only, or not on the same devices; "
                "allowed: the same columns in all"
            )
        time_s, energy_j = (
            {
                where: np.concatenate([getattr(table, name)[where] for table in known])
                for where in getattr(known[0], name)
            }
            for name in ("time_s", "energy_j")
        )
        return MeasuredCosts(time_s, energy_j)

    def _where(self, device: Device) -> str:
        for where in (device.name, device.kind):
            if where in self.time_s:
                return where
        raise HybridClusterError(
            f"device {device.name!r}: the tasks have measured times, but none on it; allowed: "
            f"times on {device.kind!r} or on {device.name!r} (there are: "
            f"{', '.join(map(repr, self.time_s))})"
        )


def _column(what: str, values: Any, low: float, high: float) -> _Column:
    column: _Column = as_numbers(what, values)
    if column.ndim != 1 or not len(column):
        raise HybridClusterError(f"{what}: shape {column.shape}; allowed: one value a task")
    check_within(f"{what}: ", column, low, high)
    column.setflags(write=False)
    return column
