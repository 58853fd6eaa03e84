"""Episodes and decisions of a run as CSV or Parquet, page by page: no more in memory than one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

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
    for scheduler in schedulers:
        reader.check_scheduler(run, scheduler)
    as_csv, written = path.suffix.lower() == ".csv", 0
    schema = pa.schema([(column.name, _type(column, as_csv)) for column in table.c])
    with replacing(path) as file, _writer(file, schema, as_csv) as writer:
        for scheduler in schedulers:
            for page in reader.pages(table, run, scheduler, first, end):
                writer.write_table(_batch(page, schema, as_csv))
                rows = len(page["run"])
                written += rows
                progress(rows)
    return written


def _type(column: sa.Column[Any], as_csv: bool) -> pa.DataType:
    if isinstance(column.type, sa.JSON) and as_csv:
        return pa.string()
    return next(arrow for kind, arrow in _TYPES.items() if isinstance(column.type, kind))


def _writer(file: BinaryIO, schema: pa.Schema, as_csv: bool) -> Any:
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
