"""Episodes and decisions of a run as CSV or Parquet, page by page: no more in memory than one."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import sqlalchemy as sa

from cpu_gpu_env.io.atomic_files import as_cell, replacing
from cpu_gpu_env.results.store.reading import NO_END, StoreReader

SUFFIXES = (".csv", ".parquet")
"""What the name of an export may end in; it decides the format."""
_TYPES: dict[type[sa.types.TypeEngine[Any]], pa.DataType] = {
    sa.Text: pa.string(),
    sa.Float: pa.float64(),
    sa.Boolean: pa.bool_(),
    sa.SmallInteger: pa.int16(),
    sa.BigInteger: pa.int64(),
    sa.Integer: pa.int32(),
    sa.JSON: pa.list_(pa.float64()),
}


def export_rows(
    reader: StoreReader,
    table: sa.Table,
    run: int,
    path: Path,
    schedulers: Sequence[str],
    first: int = 0,
    end: int = NO_END,
    progress: Callable[[int], None] = lambda rows: None,
) -> int:
    """Write rows of episodes or decisions, a scheduler after another, whole or not at all.

    The columns are those of the table. In Parquet the utilisation of the devices is a list of
    numbers, in CSV JSON; what there is not is null, in CSV empty. In CSV a text that a spreadsheet
    would compute gets an apostrophe before it.

    Args:
        reader: The store.
        table: `tables.episodes`, or `tables.decisions`.
        run: Number of the run.
        path: File to write; its name ends in one of `SUFFIXES`.
        schedulers: Whose rows.
        first: Number of the first episode, or sequence of the first decision.
        end: That of the one after the last.
        progress: Called with the number of rows that have been written, page by page.

    Returns:
        How many rows were written.

    Raises:
        HybridClusterError: If the run or a scheduler is unknown, or the store cannot be read.
    """
    written = 0

    def count(rows: int) -> None:
        nonlocal written
        written += rows
        progress(rows)

    form = path.suffix.lower()
    blocks = export_blocks(reader, table, run, form, schedulers, first, end, count)
    with replacing(path) as file:
        for block in blocks:
            file.write(block)
    return written


def export_blocks(
    reader: StoreReader,
    table: sa.Table,
    run: int,
    suffix: str,
    schedulers: Sequence[str],
    first: int = 0,
    end: int = NO_END,
    progress: Callable[[int], None] = lambda rows: None,
) -> Iterator[bytes]:
    """Give the file that `export_rows` writes piece by piece, each as soon as its rows are read.

    Args:
        reader: The store.
        table: `tables.episodes`, or `tables.decisions`.
        run: Number of the run.
        suffix: One of `SUFFIXES`.
        schedulers: Whose rows.
        first: Number of the first episode, or sequence of the first decision.
        end: That of the one after the last.
        progress: Called with the number of rows that have been written, page by page.

    Raises:
        HybridClusterError: If the run or a scheduler is unknown, which is found at once, or the
            store cannot be read.
    """
    for scheduler in schedulers:
        reader.check_scheduler(run, scheduler)
    as_csv = suffix == ".csv"
    schema = pa.schema([(column.name, _type(column, as_csv)) for column in table.c])

    def blocks() -> Iterator[bytes]:
        sink = _Sink()
        with _writer(sink, schema, as_csv) as writer:
            for scheduler in schedulers:
                for page in reader.pages(table, run, scheduler, first, end):
                    writer.write_table(_batch(page, schema, as_csv))
                    progress(len(page["run"]))
                    yield sink.take()
        yield sink.take()

    return blocks()


class _Sink(io.RawIOBase):
    """Takes what a writer writes, until somebody takes it away."""

    def __init__(self) -> None:
        self._written = bytearray()

    def writable(self) -> bool:
        """Writers ask."""
        return True

    def write(self, octets: Any) -> int:
        """Take some octets."""
        self._written += octets
        return len(memoryview(octets))

    def take(self) -> bytes:
        """Give what was written since the last time."""
        taken = bytes(self._written)
        self._written.clear()
        return taken


def _type(column: sa.Column[Any], as_csv: bool) -> pa.DataType:
    if isinstance(column.type, sa.JSON) and as_csv:
        return pa.string()
    return next(arrow for kind, arrow in _TYPES.items() if isinstance(column.type, kind))


def _writer(file: io.RawIOBase, schema: pa.Schema, as_csv: bool) -> Any:
    if as_csv:
        return pyarrow.csv.CSVWriter(file, schema)
    return pyarrow.parquet.ParquetWriter(file, schema)


def _batch(page: Mapping[str, Sequence[Any]], schema: pa.Schema, as_csv: bool) -> pa.Table:
    columns = dict(page)
    if as_csv:
        for name, values in columns.items():
            if pa.types.is_string(schema.field(name).type):
                columns[name] = [_text(value) for value in values]
    return pa.table(columns, schema)


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return str(as_cell(value)) if isinstance(value, str) else json.dumps(value)
