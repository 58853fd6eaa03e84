"""Which runs there are, and what is stored of each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal, get_args

import sqlalchemy as sa

from cpu_gpu_env.results.store.commands import is_written
from cpu_gpu_env.results.store.database import UnknownError
from cpu_gpu_env.results.store.reading import StoreReader, telling
from cpu_gpu_env.results.store.tables import live, models, runs

Sort = Literal["run", "kind", "status", "started_at", "tasks"]
"""Columns that runs may be sorted by."""
Order = Literal["asc", "desc"]
"""Which way."""

_OF_LIST = ("provenance", *(c.name for c in runs.c if not isinstance(c.type, sa.JSON)))
_LISTED = [c for c in runs.c if c.name in (*_OF_LIST, "schedulers", "notes")]


def read_runs(
    reader: StoreReader, offset: int, limit: int, sort: Sort, order: Order
) -> list[dict[str, Any]]:
    """Rows of the table of runs without settings and measures, a page of them in an order."""
    assert sort in get_args(Sort)
    by = [runs.c[sort], runs.c.run] if sort != "run" else [runs.c.run]
    ordered = [column.desc() if order == "desc" else column.asc() for column in by]
    return reader.rows(sa.select(*_LISTED).order_by(*ordered).offset(offset).limit(limit))


def count_runs(reader: StoreReader) -> int:
    """How many runs there are."""
    count = sa.select(sa.func.count().label("count")).select_from(runs)
    return int(reader.rows(count)[0]["count"])


def newest_run(reader: StoreReader) -> int | None:
    """Number of the run that was begun last; None: there is none."""
    newest = sa.select(runs.c.run).order_by(runs.c.run.desc()).limit(1)
    return next((int(row["run"]) for row in reader.rows(newest)), None)


def find_alive(reader: StoreReader, rows: Collection[Mapping[str, Any]]) -> set[int]:
    """Numbers of those runs, given by their rows, that a process writes to now."""
    running = [row for row in rows if row["status"] == "running"]
    if not running:
        return set()
    with telling(reader.store), reader.engine.connect() as connection:
        alive = set()
        for row in running:
            with suppress(UnknownError):  # deleted just now
                if is_written(connection, reader.store, row["run"]):
                    alive.add(int(row["run"]))
    if len(alive) < 2 or reader.store.path is None:
        return alive
    # SQLite tells that some process writes: to the run that was heard of last.
    return {max(alive, key=lambda run: _heard(reader, run))}


def _heard(reader: StoreReader, run: int) -> float:
    """When something was written to a run last, or it began."""
    began = sa.select(runs.c.started_at).where(runs.c.run == run)
    newest = sa.select(live.c.updated_at).where(live.c.run == run)
    newest = newest.order_by(live.c.updated_at.desc()).limit(1)
    found = [row for query in (began, newest) for row in reader.rows(query)]
    return max((float(value) for row in found for value in row.values()), default=0.0)


def read_models(reader: StoreReader, run: int, first: int, end: int) -> list[dict[str, Any]]:
    """Scheduler, version and first episode of models that begin to play in a stretch of a run.

    Args:
        reader: The store.
        run: Number of the run.
        first: Number of the first episode.
        end: Number of the one after the last.
    """
    columns = (models.c.scheduler, models.c.version, models.c.episode)
    within = (models.c.run == run, models.c.episode >= first, models.c.episode < end)
    query = sa.select(*columns).where(*within)
    return reader.rows(query.order_by(models.c.episode, models.c.scheduler, models.c.version))


def read_engine(reader: StoreReader, run: int) -> Mapping[str, Any] | None:
    """What the engine of a run said last of itself; None: nothing."""
    query = sa.select(live.c.state).where(live.c.run == run)
    found: Sequence[dict[str, Any]] = reader.rows(query.order_by(live.c.updated_at.desc()).limit(1))
    engine = found[0]["state"].get("engine") if found else None
    return engine if isinstance(engine, Mapping) else None
