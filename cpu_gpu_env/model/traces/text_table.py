"""Tables in text files: read whole, with errors that name file, line, column and value."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import warnings
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.checks import as_number
from cpu_gpu_env.errors import HybridClusterError, not_allowed
from cpu_gpu_env.model.tasks import FloatArray, IntArray

_GZIP_MAGIC = b"\x1f\x8b"


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
            HybridClusterError: If a value is not a finite number in range.
        """
        texts = self.columns[column]
        try:
            values = np.fromiter(map(float, texts), np.float64, len(texts))
        except ValueError:
            values = np.fromiter(map(as_number, texts), np.float64, len(texts))
        good = np.isfinite(values) & ((values > 0) if positive else (values >= low))
        if not good.all():
            allowed = "a finite number > 0" if positive else f"a finite number >= {low:g}"
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
        warnings.warn(
            f"{self.path}: line {self.lines[row]}: {column} {self.columns[column][row]} lies before"
            " that of an earlier line; the trace is sorted by arrival",
            stacklevel=2,
        )
        order = np.argsort(times_s, kind="stable")
        return self._select(order), times_s[order]

    def _select(self, rows: IntArray) -> TraceTable:
        picked = rows.tolist()
        columns = {name: [texts[row] for row in picked] for name, texts in self.columns.items()}
        return TraceTable(self.path, columns, [self.lines[row] for row in picked])


def read_csv(path: str, columns: Sequence[str]) -> TraceTable:
    """Read some columns of a CSV file with a header; others are ignored.

    Raises:
        HybridClusterError: If the file cannot be read, a column is missing or there twice, a row
            has not as many values as the header, or there is no row.
    """
    reader = csv.reader(io.StringIO(read_text(path), newline=""))
    try:
        header = [name.strip() for name in next(reader, [])]
        rows = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise HybridClusterError(f"{path}: line {reader.line_num}: no CSV: {error}") from None
    for name in columns:
        if header.count(name) != 1:
            raise HybridClusterError(
                f"{path}: line 1: the columns are {_shorten(header)}; needed, once each: "
                f"{', '.join(columns)}"
            )
    return _make_table(path, header, columns, rows)


def read_fields(
    path: str, fields: Sequence[str], columns: Sequence[str], comment: str
) -> TraceTable:
    """Read some columns of a file of fields between white space, without a header.

    Args:
        path: The file.
        fields: Names of all fields of a line.
        columns: Names of those to keep.
        comment: What lines that are left out begin with.

    Raises:
        HybridClusterError: If the file cannot be read, a line has another number of fields, or
            there is none.
    """
    numbered = enumerate(read_text(path).splitlines(), start=1)
    rows = [(i, line.split()) for i, line in numbered if line.strip() and line[0] != comment]
    return _make_table(path, fields, columns, rows)


def _make_table(
    path: str, header: Sequence[str], columns: Sequence[str], rows: Sequence[tuple[int, list[str]]]
) -> TraceTable:
    if not rows:
        raise HybridClusterError(f"{path}: the file holds no task; allowed: at least one")
    for line, row in rows:
        if len(row) != len(header):
            raise HybridClusterError(
                f"{path}: line {line}: {len(row)} values ({_shorten(row)}); allowed: "
                f"{len(header)}, {_shorten(header)}"
            )
    where = {name: header.index(name) for name in columns}
    texts = {name: [row[index] for _, row in rows] for name, index in where.items()}
    return TraceTable(path, texts, [line for line, _ in rows])


def read_text(path: str) -> str:
    """Read a text file, gzipped or not.

    Raises:
        HybridClusterError: If it cannot be read, is empty, or is a damaged gzip file.
    """
    try:
        with open(path, "rb") as file:
            content = file.read()
        if content.startswith(_GZIP_MAGIC):
            content = gzip.decompress(content)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise HybridClusterError(f"{path}: truncated or damaged gzip file: {error}") from None
    except OSError as error:
        raise HybridClusterError(f"{path}: cannot read the trace: {error.strerror}") from None
    if not content.strip():
        raise HybridClusterError(
            f"{path}: the file is empty; allowed: a trace of at least one task"
        )
    # Comments may be in any encoding; a damaged number is found when it is read.
    return content.decode("utf-8-sig", errors="replace")


def _shorten(values: Iterable[str]) -> str:
    shown = list(itertools.islice(values, 19))
    return ", ".join(value[:30] for value in shown[:18]) + (", ..." if len(shown) > 18 else "")
