"""Decisions of a scheduler in a run: pages of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from cpu_gpu_env.results.store.queries import Page, rows_within
from cpu_gpu_env.results.store.reading import NO_END, StoreReader
from cpu_gpu_env.results.store.tables import decisions

_SEEN = 2_000
"""Newest decisions of a scheduler among which devices are looked for."""


def read_decisions(
    reader: StoreReader, run: int, scheduler: str, first: int, limit: int
) -> list[dict[str, Any]]:
    """Read decisions in order, at most `limit` from sequence `first` on."""
    within = rows_within(decisions, run, scheduler, first, NO_END)
    query = sa.select(decisions).where(*within).order_by(decisions.c.sequence)
    return reader.rows(query.limit(limit))


def read_newest(
    reader: StoreReader,
    run: int,
    scheduler: str,
    limit: int,
    before: int = NO_END,
    columns: Sequence[sa.Column[Any]] = tuple(decisions.c),
) -> Page:
    """Read the newest decisions before a sequence by column, the oldest of them first."""
    within = rows_within(decisions, run, scheduler, 0, before)
    newest = sa.select(*columns).where(*within).order_by(decisions.c.sequence.desc())
    page = reader.columns(newest.limit(limit))
    return {name: values[::-1] for name, values in page.items()}


def rows_in(page: Page) -> list[dict[str, Any]]:
    """Rows of a page, one after another."""
    return [dict(zip(page, row, strict=True)) for row in zip(*page.values(), strict=True)]


def read_column(
    reader: StoreReader, run: int, scheduler: str, first: int, end: int, column: sa.Column[Any]
) -> Page:
    """Read the sequence and one column of decisions from sequence `first` to before `end`."""
    within = rows_within(decisions, run, scheduler, first, end)
    query = sa.select(decisions.c.sequence, column).where(*within)
    return reader.columns(query.order_by(decisions.c.sequence))


def count_seen_cpus(reader: StoreReader, run: int, schedulers: Sequence[str]) -> int:
    """How many CPUs a run must have had, by those that its newest decisions used."""
    seen = -1
    for scheduler in schedulers:
        used = read_newest(reader, run, scheduler, _SEEN, columns=[decisions.c.cpu_device])
        seen = max([seen, *(d for d in used["cpu_device"] if d is not None)])
    return seen + 1
