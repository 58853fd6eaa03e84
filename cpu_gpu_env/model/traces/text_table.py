"""Tables in text files: read whole, with errors that name file, line, column and value."""

from __future__ import annotations

import csv
import io
import itertools
import math
import warnings
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.checks import MAX_FIGURE, as_number
from cpu_gpu_env.errors import HybridClusterError, not_allowed, printable
from cpu_gpu_env.io.bounded_files import read_bytes
from cpu_gpu_env.model.tasks import FloatArray, IntArray

MAX_BYTES = 2**27
"""Of a trace, unpacked, unless its mapping says otherwise."""
BYTES_A_ROW = 64
"""Of `MAX_BYTES`, at least: a row takes memory however short it is."""


@dataclass(frozen=True, eq=False)
class TraceTable:
    """Columns of text, and the line that each row stands in."""

    path: str
    """File that it was read from."""
    columns: Mapping[str, Sequence[str]]
    """Name -> text of each row."""
    lines: Sequence[int]
    """Line of each row, counted from 1."""

    def __len__(self) -> int:
        return len(self.lines)

    def numbers(self, column: str, low: float = 0.0, *, positive: bool = False) -> FloatArray:
        """Read a column as numbers, (rows,).

        Args:
            column: Its name.
            low: Least value.
            positive: Whether values must be above 0.

        Raises:
            HybridClusterError: If a value is not a number in range, `MAX_FIGURE` at most.
        """
        texts = self.columns[column]
        try:
            values = np.fromiter(map(float, texts), np.float64, len(texts))
        except ValueError:
            values = np.fromiter(map(as_number, texts), np.float64, len(texts))
        good = (values <= MAX_FIGURE) & ((values > 0) if positive else (values >= low))
        if not good.all():
            allowed = "a finite number > 0" if positive else f"a finite number >= {low:g}"
            if values[good.argmin()] > MAX_FIGURE:
                allowed += f", at most {MAX_FIGURE:g}"
            raise self.error(int(good.argmin()), column, allowed)
        return values

    def error(self, row: int, column: str, allowed: str) -> HybridClusterError:
        """Build the error for a bad value."""
        where = f"{self.path}: line {self.lines[row]}: {column}"
        return not_allowed(where, self.columns[column][row], allowed)

    def keep(self, mask: npt.NDArray[np.bool_]) -> TraceTable:
        """Leave out the rows where the mask (rows,) is False."""
        return self._select(np.flatnonzero(mask))

    def in_order(self, column: str, times_s: FloatArray) -> tuple[TraceTable, FloatArray]:
        """Sort rows and times (rows,) by the times; warn if they were not in order."""
        descents = np.flatnonzero(np.diff(times_s) < 0)
        if not len(descents):
            return self, times_s
        row = int(descents[0]) + 1
        text = printable(self.columns[column][row])
        warnings.warn(
            f"{printable(self.path)}: line {self.lines[row]}: {column} {text} lies before that of "
            "an earlier line; the trace is sorted by arrival",
            stacklevel=2,
        )
        order = np.argsort(times_s, kind="stable")
        return self._select(order), times_s[order]

    def _select(self, rows: IntArray) -> TraceTable:
        picked = rows.tolist()
        columns = {name: [texts[row] for row in picked] for name, texts in self.columns.items()}
        return TraceTable(self.path, columns, [self.lines[row] for row in picked])


def read_csv(path: str, columns: Sequence[str], max_bytes: int = MAX_BYTES) -> TraceTable:
    """Read some columns of a CSV file with a header; others are ignored.

    Args:
        path: The file, gzipped or not.
        columns: Names of the columns to keep.
        max_bytes: Bytes that it may have at most, unpacked.

    Raises:
        HybridClusterError: If the file cannot be read, is too large, a column is missing or there
            twice, a row has not as many values as the header, or there is no row.
    """
    reader = csv.reader(_open_text(path, max_bytes))
    try:
        header = [name.strip() for name in next(reader, [])]
        for name in columns:
            if header.count(name) != 1:
                raise HybridClusterError(
                    f"{path}: line 1: the columns are {_shorten(header)}; needed, once each: "
                    f"{', '.join(columns)}"
                )
        rows = ((reader.line_num, row) for row in reader if row)
        return _make_table(path, header, columns, rows, max_bytes)
    except csv.Error as error:
        raise HybridClusterError(f"{path}: line {reader.line_num}: no CSV: {error}") from None


def read_fields(
    path: str,
    fields: Sequence[str],
    columns: Sequence[str],
    comment: str,
    max_bytes: int = MAX_BYTES,
) -> TraceTable:
    """Read some columns of a file of fields between white space, with or without a header.

    Args:
        path: The file, gzipped or not.
        fields: Names of the fields of a line; those of more fields are left out.
        columns: Names of those to keep.
        comment: What lines that are left out begin with.
        max_bytes: Bytes that it may have at most, unpacked.

    Raises:
        HybridClusterError: If the file cannot be read, is too large, a line has fewer fields, or
            there is none.
    """
    numbered = enumerate(_open_text(path, max_bytes), start=1)
    split = ((i, line.split()) for i, line in numbered)
    rows = ((i, row) for i, row in split if row and not row[0].startswith(comment))
    count = len(fields)
    cut = ((i, row if len(row) < count else row[:count]) for i, row in _without_header(rows))
    return _make_table(path, fields, columns, cut, max_bytes)


def _without_header(rows: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    """Leave the first row out if it has names alone."""
    for place, (line, row) in enumerate(rows):
        if place or not all(math.isnan(as_number(text)) for text in row):
            yield line, row


def _make_table(
    path: str,
    header: Sequence[str],
    columns: Sequence[str],
    rows: Iterable[tuple[int, list[str]]],
    max_bytes: int,
) -> TraceTable:
    texts: dict[str, list[str]] = {name: [] for name in columns}
    kept = [(header.index(name), texts[name]) for name in columns]
    lines, max_rows = array("q"), max_bytes // BYTES_A_ROW
    for line, row in rows:
        if len(row) != len(header):
            raise HybridClusterError(
                f"{path}: line {line}: {len(row)} values ({_shorten(row)}); allowed: "
                f"{len(header)}, {_shorten(header)}"
            )
        if len(lines) == max_rows:
            raise HybridClusterError(
                f"{path}: it has more than {max_rows} rows, the most allowed: each counts as "
                f"{BYTES_A_ROW} of {max_bytes} bytes at least (argument max_bytes)"
            )
        lines.append(line)
        for index, column in kept:
            column.append(row[index])
    if not lines:
        raise HybridClusterError(f"{path}: the file holds no task; allowed: at least one")
    return TraceTable(path, texts, lines)


def _open_text(path: str, max_bytes: int) -> io.TextIOWrapper:
    """Read a text file, gzipped or not, to be taken line by line.

    Raises:
        HybridClusterError: If it cannot be read, is too large, empty, or a damaged gzip file.
    """
    content = read_bytes(path, max_bytes, "trace", gzipped=True)
    if not content or content.isspace():
        raise HybridClusterError(
            f"{path}: the file is empty; allowed: a trace of at least one task"
        )
    # Comments may be in any encoding; a damaged number is found when it is read.
    return io.TextIOWrapper(io.BytesIO(content), "utf-8-sig", errors="replace", newline="")


def _shorten(values: Iterable[str]) -> str:
    shown = list(itertools.islice(values, 19))
    return ", ".join(value[:30] for value in shown[:18]) + (", ..." if len(shown) > 18 else "")
