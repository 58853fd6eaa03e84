"""Columns of times in traces: dates and numbers, read as what they are or refused."""

from __future__ import annotations

import re

import numpy as np

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.model.traces.text_table import TraceTable

AUTO = "auto"
UNITS_S = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
"""Units that numbers may have [s]."""
TIME_UNITS = {AUTO: "as the numbers tell", **{unit: f"numbers in {unit}" for unit in UNITS_S}}
"""What the unit of a column of times may be said to be."""

MAX_RELATIVE_S = 1e7
"""Numbers below it are seconds from some beginning, unless told otherwise: a third of a year."""
EPOCHS = {"s": (1e8, 1e10), "ms": (1e11, 1e13), "us": (1e14, 1e16), "ns": (1e17, 1e19)}
"""From where up to where numbers are times since 1970, by unit: from 1973 to 2286. The ranges are
apart, so what lies in one of them is of no other unit; `20231116`, a date, lies in none."""

_DATE = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|\+00:?00)?"
)
_ZONE = re.compile(r"(Z|\+00:?00)$")
_NUMBER = re.compile(r"[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")
_YEARS = range(1678, 2262)
"""Whole years that 64 bits of nanoseconds reach."""
_DATES = "a UTC time such as 2023-11-16 18:17:03.9799600"


def read_times_s(table: TraceTable, column: str, unit: str = AUTO) -> FloatArray:
    """Read a column of times as seconds, from the first row for dates and since 1970, else as told.

    Either all rows are dates in UTC, or all are numbers of one unit.

    Args:
        table: The table.
        column: Its column.
        unit: Of numbers, one of `TIME_UNITS`.

    Returns:
        Shape (rows,), relative to the first row.

    Raises:
        HybridClusterError: If a value is neither a date nor a number, is not what the first row is,
            or a number might be more than one thing.
    """
    texts = [text.strip() for text in table.columns[column]]
    if _NUMBER.fullmatch(texts[0]):
        return _read_numbers(table, column, texts, unit)
    return _read_dates(table, column, texts)


def _read_dates(table: TraceTable, column: str, texts: list[str]) -> FloatArray:
    for row, text in enumerate(texts):
        if not _DATE.fullmatch(text) or int(text[:4]) not in _YEARS:
            allowed = _DATES if row == 0 else f"{_DATES}, as in the lines before"
            raise table.error(row, column, allowed)
    plain = [_ZONE.sub("", text) for text in texts]
    try:
        times = np.array(plain, dtype="datetime64[ns]")
    except ValueError:
        raise _first_bad_date(table, column, plain) from None
    return np.asarray((times - times[0]) / np.timedelta64(1, "s"), dtype=np.float64)


def _first_bad_date(table: TraceTable, column: str, texts: list[str]) -> HybridClusterError:
    """The error for the first date that no calendar has, such as the 30th of February."""
    for row, text in enumerate(texts):
        try:
            np.datetime64(text, "ns")
        except ValueError:
            return table.error(row, column, f"{_DATES}; no calendar has this one")
    return table.error(0, column, _DATES)


def _read_numbers(table: TraceTable, column: str, texts: list[str], unit: str) -> FloatArray:
    for row, text in enumerate(texts):
        if not _NUMBER.fullmatch(text):
            raise table.error(row, column, "a number, as in the lines before")
    values = table.numbers(column)
    unit = _unit_of(table, column, values) if unit == AUTO else unit
    # Of nanoseconds since 1970 a float has no digits left; whole numbers have.
    if all(text.isdigit() for text in texts):
        first = int(texts[0])
        values = np.array([int(text) - first for text in texts], dtype=np.float64)
    else:
        values = values - values[0]
    return values * UNITS_S[unit]


def _unit_of(table: TraceTable, column: str, values: FloatArray) -> str:
    """Tell the unit of numbers by their size.

    Raises:
        HybridClusterError: If one might be something else.
    """
    ranges = {"s": [(0.0, MAX_RELATIVE_S), EPOCHS["s"]]}
    ranges |= {unit: [EPOCHS[unit]] for unit in ("ms", "us", "ns")}
    for unit, allowed in ranges.items():
        for low, high in allowed:
            if low <= values[0] < high:
                good = (values >= low) & (values < high)
                if not good.all():
                    what = f"a number in [{low:g}, {high:g}), as in the lines before"
                    raise table.error(int(good.argmin()), column, f"{what}; {_SAY}")
                return unit
    raise table.error(
        0,
        column,
        f"{_DATES}, seconds from the beginning (below {MAX_RELATIVE_S:g}), or s, ms, us or ns "
        f"since 1970; {_SAY}",
    )


_SAY = "or say what numbers are by the argument time_unit=s, ms, us or ns"
