"""Which rows of the tables a reader asks for, and pages of them put together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from cpu_gpu_env.results.store.tables import decisions

Page = Mapping[str, Sequence[Any]]
"""Some rows by column."""


def key_of(table: sa.Table) -> sa.Column[int]:
    """What numbers the rows of a scheduler."""
    return table.c.sequence if table is decisions else table.c.episode


def rows_of(table: sa.Table, run: int, scheduler: str | None = None) -> sa.ColumnElement[bool]:
    """Rows of a run, or of one of its schedulers."""
    own = table.c.run == run
    return own if scheduler is None else own & (table.c.scheduler == scheduler)


def rows_within(
    table: sa.Table, run: int, scheduler: str, first: int, end: int
) -> tuple[sa.ColumnElement[bool], ...]:
    """Rows of a scheduler from key `first` to before `end`."""
    key = key_of(table)
    return rows_of(table, run, scheduler), key >= first, key < end


def join_pages(pages: Iterable[Page], columns: Sequence[Any]) -> Page:
    """Put pages under one another."""
    joined: dict[str, list[Any]] = {column.name: [] for column in columns}
    for page in pages:
        for name, values in joined.items():
            values += page[name]
    return joined
