"""Episodes as they were played: one after another, and summed up by the database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from cpu_gpu_env.results.metrics import MAKESPAN
from cpu_gpu_env.results.store.queries import Page, rows_within
from cpu_gpu_env.results.store.reading import NO_END, StoreReader
from cpu_gpu_env.results.store.records import STORED_METRICS
from cpu_gpu_env.results.store.tables import episodes

SUMMED = ("bound", *(metric.key for metric in STORED_METRICS if not metric.of_all_tasks))
"""Columns whose sums over episodes mean something; of decision times only within a comparison."""
BUSY, PRESENT = "busy_s of ", "present_s of "
"""Before the number of a device: how long it worked, and how long the episodes had it."""
_READ = ("episode", "tasks", "model_version", "exploration", "utilisation", "bound")
_COLUMNS = [episodes.c[name] for name in (*_READ, *(metric.key for metric in STORED_METRICS))]


def read_ends(reader: StoreReader, run: int, schedulers: Sequence[str]) -> tuple[int, int] | None:
    """Numbers of the first and of the last episode that all of these have played; None: none."""
    key = episodes.c.episode
    lows: list[int] = []
    highs: list[int] = []
    for scheduler in schedulers:
        within = rows_within(episodes, run, scheduler, 0, NO_END)
        for order, found in ((key.asc(), lows), (key.desc(), highs)):
            rows = reader.rows(sa.select(key).where(*within).order_by(order).limit(1))
            found += [int(row["episode"]) for row in rows]
    if len(lows) < len(schedulers) or not lows or max(lows) > min(highs):
        return None
    return max(lows), min(highs)


def read_played(
    reader: StoreReader, run: int, scheduler: str, first: int, end: int
) -> Iterator[Page]:
    """Episodes of a scheduler from number `first` to before `end`, by column, in pages."""
    return reader.pages(episodes, run, scheduler, first, end, _COLUMNS)


def sum_played(
    reader: StoreReader, run: int, scheduler: str, first: int, end: int, num_devices: int
) -> Mapping[str, tuple[int, float]]:
    """Sum up episodes of a scheduler from number `first` to before `end`, in the database.

    Args:
        reader: Of the store.
        run: Number of the run.
        scheduler: Name of the scheduler.
        first: Number of the first episode.
        end: Number of the episode after the last.
        num_devices: How many devices they had at the most.

    Returns:
        How many values there are, and their sum: of ``tasks``, of the columns `SUMMED`, and of each
        device the seconds after `BUSY` and after `PRESENT`.
    """
    terms: dict[str, sa.ColumnElement[Any]] = {
        name: episodes.c[name] for name in ("tasks", *SUMMED)
    }
    makespan_s = episodes.c[MAKESPAN.key]
    for device in range(num_devices):
        # Beyond the end of the list there is nothing, as of a device that has left.
        utilisation = episodes.c.utilisation[device].as_float()
        terms[f"{BUSY}{device}"] = utilisation * makespan_s
        terms[f"{PRESENT}{device}"] = sa.case((utilisation.is_not(None), makespan_s))
    asked: list[Any] = []
    for number, term in enumerate(terms.values()):
        asked.append(sa.func.count(term).label(f"count_{number}"))
        asked.append(sa.func.sum(term).label(f"sum_{number}"))
    query = sa.select(*asked).select_from(episodes)
    row = reader.rows(query.where(*rows_within(episodes, run, scheduler, first, end)))[0]
    return {
        name: (int(row[f"count_{number}"]), float(row[f"sum_{number}"] or 0.0))
        for number, name in enumerate(terms)
    }
