"""Columns of times in traces: dates and numbers, read as what they are or refused.

Either all rows of a column are dates (ISO 8601, to the nanosecond, with a time zone or in UTC), or
all are numbers of one unit. What a number is, its size tells where it can be one thing only:
seconds from some beginning below `MAX_RELATIVE_S`, or a time since 1970 within `EPOCHS`; all others
need the argument ``time_unit``.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.model.traces.text_table import TraceTable

AUTO = "auto"
UNITS_S = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
"""Units that numbers may have [s]."""
TIME_UNITS = {AUTO: "as the numbers tell", **{unit: f"numbers in {unit}" for unit in UNITS_S}}
"""What the unit of a column of times may be said to be."""

MAX_RELATIVE_S = 1e7
"""Numbers below it are seconds from some beginning, unless told otherwise: a third of a year."""
EPOCHS = {"s": (5e8, 2e9), "ms": (5e11, 2e12), "us": (5e14, 2e15), "ns": (5e17, 2e18)}
"""From where up to where numbers are times since 1970, by unit: from 1985 to 2033. The ranges are
apart, so what lies in one of them is of no other unit; dates without separators (20231116,
2023111618, 202311161817, 20231116181703) lie in none."""

_DATE = re.compile(
    r"([0-9]{4})-[0-9]{2}-[0-9]{2}"
    r"(?:[ T][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?"
    r" ?(Z|[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?)?)?"
)
_NUMBER = re.compile(r"[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")
_YEARS = range(1970, 2262)
"""Whole years whose differences 64 bits of nanoseconds hold."""
_DATES = f"a time such as 2023-11-16 18:17:03.97+00:00, {_YEARS[0]} to {_YEARS[-1]}"
_SAY = "or say what numbers are by the argument time_unit=s, ms, us or ns"


def read_times_s(table: TraceTable, column: str, unit: str = AUTO) -> FloatArray:
    """Read a column of times as seconds.

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
    if not texts:
        return np.zeros(0)
    if _NUMBER.fullmatch(texts[0]):
        return _read_numbers(table, column, texts, unit)
    return _read_dates(table, column, texts)


def read_spans_s(table: TraceTable, start: str, end: str, unit: str = AUTO) -> FloatArray:
    """Read the times between two columns, as `read_times_s` reads them, in seconds, (rows,)."""
    column = f"{start} or {end}"
    texts = [*table.columns[start], *table.columns[end]]
    both = TraceTable(table.path, {column: texts}, [*table.lines, *table.lines])
    times_s = read_times_s(both, column, unit)
    return times_s[len(table) :] - times_s[: len(table)]


def _read_dates(table: TraceTable, column: str, texts: list[str]) -> FloatArray:
    matches = [_DATE.fullmatch(text) for text in texts]
    good = [match is not None and int(match[1]) in _YEARS for match in matches]
    if not all(good):
        row = good.index(False)
        allowed = f"{_DATES}, as in the lines before" if row else f"{_DATES}, or a number >= 0"
        raise table.error(row, column, allowed)
    zones = [match[2] for match in matches if match is not None]
    offsets_min = {zone: _offset_min(zone) for zone in set(zones)}
    if any(offsets_min.values()) and None in offsets_min:
        raise table.error(zones.index(None), column, f"{_DATES}, with its zone as other lines have")
    plain = [
        text[: -len(zone)].rstrip() if zone else text
        for text, zone in zip(texts, zones, strict=True)
    ]
    times = _as_nanoseconds(table, column, plain)
    seconds: FloatArray = (times - times[0]) / np.timedelta64(1, "s")
    if any(offsets_min.values()):
        minutes = np.array([offsets_min[zone] for zone in zones])
        seconds -= 60.0 * (minutes - minutes[0])
    return seconds


def _offset_min(zone: str | None) -> int:
    """Minutes that a zone is ahead of UTC."""
    if zone is None or zone == "Z":
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    minutes = 60 * int(digits[:2]) + int(digits[2:])
    return -minutes if zone[0] == "-" else minutes


def _as_nanoseconds(table: TraceTable, column: str, texts: list[str]) -> npt.NDArray[np.datetime64]:
    """Read dates of one form; names the first that no calendar has, as the 30th of February."""
    try:
        return np.array(texts, dtype="datetime64[ns]")
    except ValueError:
        for row, text in enumerate(texts):
            try:
                np.datetime64(text, "ns")
            except ValueError:
                raise table.error(row, column, f"{_DATES}; no calendar has this one") from None
        raise


def _read_numbers(table: TraceTable, column: str, texts: list[str], unit: str) -> FloatArray:
    good = [_NUMBER.fullmatch(text) is not None for text in texts]
    if not all(good):
        raise table.error(good.index(False), column, "a number >= 0, as in the lines before")
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
    for unit, low, high in [("s", 0.0, MAX_RELATIVE_S), *((u, *e) for u, e in EPOCHS.items())]:
        if low <= values[0] < high:
            good = (values >= low) & (values < high)
            if not good.all():
                allowed = f"a number in [{low:g}, {high:g}), as in the lines before, {_SAY}"
                raise table.error(int(good.argmin()), column, allowed)
            return unit
    raise table.error(
        0,
        column,
        f"{_DATES}, seconds from the beginning (below {MAX_RELATIVE_S:g}), s, ms, us or ns since "
        f"1970 (from 1985 to 2033), {_SAY}",
    )
