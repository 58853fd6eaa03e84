"""Tables in text files: read whole, with errors that name file, line, column and value."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import math
import warnings
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
_NONE = ("", "nan", "none", "null", "na", "n/a")
"""What stands where a value is not known, in lower case."""
_UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


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

    def known(self, column: str) -> npt.NDArray[np.bool_]:
        """Which rows, (rows,), have a value there."""
        return np.array([is_known(text) for text in self.columns[column]], dtype=bool)

    def numbers(self, column: str, low: float = 0.0, *, positive: bool = False) -> FloatArray:
        """Read a column as numbers, (rows,), written in ASCII and without underscores.

        Args:
            column: Its name.
            low: Least value.
            positive: Whether values must be above 0.

        Raises:
            HybridClusterError: If a value is not a number in range, `MAX_FIGURE` at most.
        """
        texts = self.columns[column]
        try:
            read = float if _is_plain("".join(texts)) else _as_plain_number
            values = np.fromiter(map(read, texts), np.float64, len(texts))
        except ValueError:
            values = np.fromiter(map(_as_plain_number, texts), np.float64, len(texts))
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
        return self if mask.all() else self._select(np.flatnonzero(mask))

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


def read_csv(
    path: str,
    columns: Sequence[str] | Callable[[Sequence[str]], Sequence[str]],
    max_bytes: int = MAX_BYTES,
    *,
    optional: Sequence[str] = (),
    hint: str = "",
) -> TraceTable:
    """Read some columns of a CSV file with a header; others are ignored.

    Args:
        path: The file, gzipped or not.
        columns: Names of the columns to keep, or what chooses them by those in the header.
        max_bytes: Bytes that it may have at most, unpacked.
        optional: Names of columns to keep where the file has them.
        hint: What the error of a missing column says besides.

    Raises:
        HybridClusterError: If the file cannot be read, is too large, a column is missing or there
            twice, a row has not as many values as the header, or there is no row.
    """
    # Strict: an open quote would swallow the rows to the end of the file.
    reader = csv.reader(open_text(path, max_bytes), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        while header and not header[-1]:  # of a comma at the end
            header.pop()
        columns = columns(header) if callable(columns) else columns
        present = [name for name in optional if name in header]
        for name in (*columns, *present):
            if header.count(name) != 1:
                raise HybridClusterError(
                    f"{path}: line {reader.line_num}: the columns are {_shorten(header)}; needed, "
                    f"once each: {', '.join(columns)}{hint}"
                )
        rows = ((reader.line_num, _without_blanks(row, len(header))) for row in reader if row)
        return _make_table(path, header, (*columns, *present), rows, max_bytes)
    except csv.Error as error:
        raise HybridClusterError(f"{path}: line {reader.line_num}: no CSV: {error}") from None


def read_fields(
    path: str,
    fields: Sequence[str],
    columns: Sequence[str],
    comment: str,
    max_bytes: int = MAX_BYTES,
) -> TraceTable:
    """Read some columns of a file of fields between white space, with or without a row of names.

    Args:
        path: The file, gzipped or not.
        fields: Names of the fields of a line; what stands behind them is ignored.
        columns: Names of those to keep.
        comment: What a comment begins with; it goes on to the end of the line.
        max_bytes: Bytes that it may have at most, unpacked.

    Raises:
        HybridClusterError: If the file cannot be read, is too large, a line has fewer fields, or
            there is none.
    """
    numbered = enumerate(open_text(path, max_bytes), start=1)
    # White space is what Unicode calls so: form feeds, next lines and line separators too.
    split = ((i, line.partition(comment)[0].split()) for i, line in numbered)
    rows = ((i, row[: len(fields)]) for i, row in split if row)
    return _make_table(path, fields, columns, _without_names(rows, len(fields)), max_bytes)


def _without_names(
    rows: Iterable[tuple[int, list[str]]], num_fields: int
) -> Iterator[tuple[int, list[str]]]:
    """Leave the first row out if it is one of names: all its fields, none a number."""
    for place, (line, row) in enumerate(rows):
        if place or len(row) < num_fields or not all(map(_is_name, row)):
            yield line, row


def is_known(text: str) -> bool:
    """Whether a text is a value and not blank or one of the words for none."""
    return text.strip().lower() not in _NONE


def _is_name(text: str) -> bool:
    return text[0].isalpha() and is_known(text) and math.isnan(as_number(text))


def _without_blanks(row: list[str], count: int) -> list[str]:
    """Cut what lies behind so many values if it is blank, as of a comma at the end."""
    if len(row) <= count or any(text.strip() for text in row[count:]):
        return row
    return row[:count]


def _is_plain(text: str) -> bool:
    return text.isascii() and "_" not in text


def _as_plain_number(text: str) -> float:
    """Read a number; nan if Python alone would call it one: 1_000, or digits of other scripts."""
    text = text.strip()
    return as_number(text) if _is_plain(text) else math.nan


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


def open_text(path: str, max_bytes: int) -> io.TextIOWrapper:
    """Read a text file, gzipped or not, in UTF-8 or with the mark of UTF-16, to be taken by lines.

    Raises:
        HybridClusterError: If it cannot be read, is too large, empty, or a damaged gzip file.
    """
    content = read_bytes(path, max_bytes, "trace", gzipped=True)
    if not content or content.isspace():
        raise HybridClusterError(
            f"{path}: the file is empty; allowed: a trace of at least one task"
        )
    return decode(content)


def decode(content: bytes) -> io.TextIOWrapper:
    """Take bytes as text, in UTF-8 or with the mark of UTF-16."""
    # Comments may be in any encoding; a damaged number is found when it is read.
    encoding = "utf-16" if content.startswith(_UTF_16_MARKS) else "utf-8-sig"
    return io.TextIOWrapper(io.BytesIO(content), encoding, errors="replace", newline="")


def _shorten(values: Iterable[str]) -> str:
    shown = list(itertools.islice(values, 19))
    return ", ".join(value[:30] for value in shown[:18]) + (", ..." if len(shown) > 18 else "")
