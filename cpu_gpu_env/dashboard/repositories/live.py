"""What the store tells of a run while it is being written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from cpu_gpu_env.dashboard.repositories.runs import find_alive
from cpu_gpu_env.results.store.reading import StoreReader
from cpu_gpu_env.results.store.records import STORED_METRICS
from cpu_gpu_env.results.store.tables import episodes, live, runs

MAX_LANES = 100
"""Lanes of a run that are read at most."""
NOW_COLUMNS = ("bound", *(metric.key for metric in STORED_METRICS))
"""Columns that tell how an episode went."""
_PROGRESS = ("status", "ended_at", "tasks", "next_episode", "clock_s", "notes")


def find_written(reader: StoreReader) -> dict[int, str]:
    """Runs that a process writes to now: number -> kind."""
    columns = (runs.c.run, runs.c.kind, runs.c.status)
    running = reader.rows(sa.select(*columns).where(runs.c.status == "running"))
    alive = find_alive(reader, running)
    return {int(row["run"]): row["kind"] for row in running if row["run"] in alive}


def find_newest(reader: StoreReader, written: Mapping[int, str]) -> int | None:
    """Number of the newest stream that is being written, else of the newest stream, else run.

    Args:
        reader: Of the store.
        written: What `find_written` gave.

    Returns:
        None: There are no runs.
    """
    if streams := [run for run, kind in written.items() if kind == "stream"]:
        return max(streams)
    for kinds in ([runs.c.kind == "stream"], []):
        newest = sa.select(runs.c.run).where(*kinds).order_by(runs.c.run.desc()).limit(1)
        for row in reader.rows(newest):
            return int(row["run"])
    return None


def read_progress(reader: StoreReader, run: int) -> Mapping[str, Any] | None:
    """Those columns of the row of a run that change while it is written; None: no such run."""
    columns = [runs.c[name] for name in _PROGRESS]
    return next(iter(reader.rows(sa.select(*columns).where(runs.c.run == run))), None)


def read_live(reader: StoreReader, run: int) -> dict[str, Mapping[str, Any]]:
    """The newest row of the table `live` of each scheduler of a run."""
    columns = (live.c.scheduler, live.c.updated_at, live.c.state)
    query = sa.select(*columns).where(live.c.run == run).limit(MAX_LANES)
    return {row["scheduler"]: row for row in reader.rows(query)}


def read_episode(
    reader: StoreReader, run: int, schedulers: Sequence[str], episode: int
) -> dict[str, Mapping[str, Any]]:
    """How an episode of a run went, for each scheduler that has played it: `NOW_COLUMNS`."""
    columns = [episodes.c[name] for name in ("scheduler", *NOW_COLUMNS)]
    query = sa.select(*columns).where(
        episodes.c.run == run,
        episodes.c.scheduler.in_(list(schedulers)[:MAX_LANES]),
        episodes.c.episode == episode,
    )
    return {row.pop("scheduler"): row for row in reader.rows(query)}
