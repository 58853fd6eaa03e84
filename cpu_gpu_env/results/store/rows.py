"""Rows for the store: checked as they are handed over, then as tuples or as COPY takes them."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import JSON, BigInteger, Boolean, Column, Float, Integer, SmallInteger, Table

from cpu_gpu_env.errors import HybridClusterError, shown
from cpu_gpu_env.results.store.database import json_text

COPY_BEGIN = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
COPY_END = struct.pack(">h", -1)
"""Around the blocks of `copy_blocks`: PostgreSQL's binary format of COPY."""
_BLOCK_ROWS = 8_192
_KINDS: tuple[tuple[type[Any], str], ...] = (
    (SmallInteger, "i2"),
    (BigInteger, "i8"),
    (Integer, "i4"),
    (Boolean, "?"),
    (Float, "f8"),
)
"""Types of columns -> NumPy's; the first that fits."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of one table. Whoever hands them over leaves the arrays as they are from then on."""

    table: Table
    """The table."""
    columns: Mapping[str, Any]
    """Name -> a value for each row, as an array or a sequence, or one value for all rows. No value
    (null) is None, nan or masked; columns that are left out have none. JSON is given as what it
    holds."""
    count: int
    """How many rows."""


@dataclass(frozen=True, eq=False)
class Constant:
    """A column that has one value in all rows."""

    value: Any


@dataclass(frozen=True, eq=False)
class Numbers:
    """A column of numbers."""

    values: npt.NDArray[Any]
    """(rows,), of the type that the table has."""
    missing: npt.NDArray[np.bool_] | None
    """(rows,): where there is none; None: nowhere."""

    def tolist(self) -> list[Any]:
        """The values as Python has them, None where there is none."""
        if self.missing is None:
            return self.values.tolist()  # type: ignore[no-any-return]
        values = self.values.astype(object)
        values[self.missing] = None
        return values.tolist()  # type: ignore[no-any-return]


@dataclass(frozen=True, eq=False)
class CheckedRows:
    """Rows of which every column has been checked."""

    table: Table
    columns: Mapping[str, Constant | Numbers | list[Any]]
    count: int

    @property
    def is_plain(self) -> bool:
        """Whether each column is of numbers or the same in all rows: what can be copied."""
        return not any(isinstance(column, list) for column in self.columns.values())

    def tuples(self) -> Iterator[tuple[Any, ...]]:
        """Each row, as drivers take it."""
        return zip(
            *(
                repeat(column.value, self.count)
                if isinstance(column, Constant)
                else column
                if isinstance(column, list)
                else column.tolist()
                for column in self.columns.values()
            ),
            strict=True,
        )

    def values(self, name: str) -> list[Any]:
        """The values of a column, one a row."""
        column = self.columns[name]
        if isinstance(column, Constant):
            return [column.value] * self.count
        return column if isinstance(column, list) else column.tolist()


def check_rows(rows: Rows) -> CheckedRows:
    """Check rows, and give numbers the types that the table has.

    Raises:
        HybridClusterError: If a column is unknown, missing, of another length, or holds what the
            table does not: no number, too large a one, or none where there must be one.
    """
    table, known = rows.table, rows.table.columns
    for name in rows.columns:
        if name not in known:
            raise HybridClusterError(f"table {table.name} has no column {shown(name)}")
    for column in known:
        needed = not column.nullable and column.default is None
        numbered = column.primary_key and column is table.autoincrement_column
        if needed and not numbered and column.name not in rows.columns:
            raise HybridClusterError(f"table {table.name}: column {column.name} is missing")
    checked = {
        name: _checked(known[name], values, rows.count) for name, values in rows.columns.items()
    }
    return CheckedRows(table, checked, rows.count)


def _checked(column: Column[Any], values: Any, count: int) -> Constant | Numbers | list[Any]:
    where = f"{column.table.name}.{column.name}"
    is_json = isinstance(column.type, JSON)
    many = isinstance(values, (list, tuple)) or (isinstance(values, np.ndarray) and values.ndim > 0)
    if many and len(values) != count:
        raise HybridClusterError(f"{where} has {len(values)} values for {count} rows")
    kind = next((kind for known, kind in _KINDS if isinstance(column.type, known)), None)
    if kind is not None:
        numbers = _as_numbers(where, values if many else [values], kind)
        if numbers.missing is not None and not column.nullable:
            raise HybridClusterError(f"{where} has rows without a value; allowed: one in each")
        return numbers if many else Constant(numbers.tolist()[0])
    if not many:
        values = [values]
    given = values.tolist() if isinstance(values, np.ndarray) else list(values)
    if not column.nullable and any(value is None for value in given):
        raise HybridClusterError(f"{where} has rows without a value; allowed: one in each")
    if is_json:
        given = [None if value is None else json_text(value) for value in given]
    return given if many else Constant(given[0])


def _as_numbers(where: str, values: Any, kind: str) -> Numbers:
    """Turn values into numbers of a type, of which some may be missing."""
    missing = None
    if isinstance(values, np.ma.MaskedArray):
        missing, values = np.ma.getmaskarray(values), values.filled(0)
    array = np.asarray(values)
    if array.dtype == object:
        nothing = np.array([value is None for value in values])
        missing = nothing if missing is None else missing | nothing
        array = np.asarray([0.0 if value is None else value for value in values])
    if array.dtype.kind not in "iufb" or array.ndim != 1:
        raise HybridClusterError(f"{where} holds {shown(values)}; allowed: numbers")
    if array.dtype.kind == "f":
        nan = np.isnan(array)
        if nan.any():
            missing = nan if missing is None else missing | nan
            array = np.where(nan, 0.0, array)
    if missing is not None and not missing.any():
        missing = None
    if kind[0] == "i" and array.dtype.kind != "b" and array.size:
        _check_whole(where, array, np.iinfo(kind))
    return Numbers(np.ascontiguousarray(array.astype(kind, copy=False)), missing)


def _check_whole(where: str, array: npt.NDArray[Any], limits: np.iinfo[Any]) -> None:
    low, high = array.min(), array.max()
    broken = array.dtype.kind == "f" and bool((array != np.floor(array)).any())
    if broken or low < limits.min or high > limits.max:
        raise HybridClusterError(
            f"{where} has numbers from {low} to {high}; allowed: whole, {limits.min} to "
            f"{limits.max}"
        )


def copy_blocks(rows: CheckedRows) -> Iterator[bytes]:
    """Write plain rows in the binary format of COPY, some thousands a block.

    Rows whose values are missing in the same columns have the same layout, so those are written
    together, an array of records at once.
    """
    code = np.zeros(rows.count, dtype=np.int64)
    for bit, column in enumerate(rows.columns.values()):
        if isinstance(column, Numbers) and column.missing is not None:
            code |= column.missing.astype(np.int64) << bit
    for pattern in np.unique(code).tolist():
        chosen = np.flatnonzero(code == pattern)
        for begin in range(0, len(chosen), _BLOCK_ROWS):
            yield _block(rows, pattern, chosen[begin : begin + _BLOCK_ROWS])


def _block(rows: CheckedRows, missing: int, chosen: npt.NDArray[np.intp]) -> bytes:
    """Write rows of one layout: those of whose columns the bits in `missing` are set have none."""
    fields: list[tuple[str, str]] = [("fields", ">i2")]
    content: dict[str, Any] = {"fields": len(rows.columns)}
    for bit, (name, column) in enumerate(rows.columns.items()):
        value: Any
        if missing >> bit & 1 or (isinstance(column, Constant) and column.value is None):
            kind, size, value = "", -1, None
        elif isinstance(column, Constant):
            kind, value = _constant(rows.table.columns[name], column.value)
            size = np.dtype(kind).itemsize if kind else 0
        else:
            assert isinstance(column, Numbers)
            kind, value = column.values.dtype.newbyteorder(">").str, column.values[chosen]
            size = column.values.dtype.itemsize
        fields.append((f"size_of_{name}", ">i4"))
        content[f"size_of_{name}"] = size
        if kind:
            fields.append((name, kind))
            content[name] = value
    records = np.empty(len(chosen), dtype=fields)
    for name, value in content.items():
        records[name] = value
    return records.tobytes()


def _constant(column: Column[Any], value: Any) -> tuple[str, Any]:
    kind = next((kind for known, kind in _KINDS if isinstance(column.type, known)), None)
    if kind is not None:
        return f">{kind}" if kind != "?" else kind, value
    octets = value.encode() if isinstance(value, str) else bytes(value)
    return (f"S{len(octets)}" if octets else ""), octets
