"""Deleting a run slice by slice, so that no transaction is long: whoever is killed is gone on from.

First the run is marked, from when on readers do not know it any more; its own row goes last.
"""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy import Connection

from cpu_gpu_env.results.store.session import Session
from cpu_gpu_env.results.store.tables import (
    DELETING,
    commands,
    decisions,
    episodes,
    learners,
    live,
    models,
    runs,
)

_SLICES = (
    (decisions, decisions.c.sequence, 10_000),
    (episodes, episodes.c.episode, 10_000),
    (models, models.c.version, 10),
    (learners, learners.c.episode, 10),
)
"""What a run has of each scheduler, by which key, and how many rows go at a time: models and states
of learners have megabytes each."""


def mark(connection: Connection, run: int) -> bool:
    """Mark a run to be deleted; return whether there is such a run."""
    marked = connection.execute(sa.update(runs).where(runs.c.run == run).values(status=DELETING))
    return marked.rowcount > 0


def marked_runs(connection: Connection) -> list[int]:
    """Runs that are marked."""
    return list(connection.scalars(sa.select(runs.c.run).where(runs.c.status == DELETING)))


def delete_slice(connection: Connection, run: int) -> int:
    """Delete some rows of a marked run, the last one its own; return how many; 0: it is gone."""
    for table, key, size in _SLICES:
        own = table.c.run == run
        scheduler = connection.scalar(sa.select(sa.func.min(table.c.scheduler)).where(own))
        if scheduler is None:
            continue
        own &= table.c.scheduler == scheduler
        end = connection.scalar(sa.select(key).where(own).order_by(key).offset(size).limit(1))
        if end is not None:
            own &= key < end
        return connection.execute(sa.delete(table).where(own)).rowcount
    small = [sa.delete(table).where(table.c.run == run) for table in (live, commands)]
    rows = sum(connection.execute(statement).rowcount for statement in small)
    if connection.dialect.name == "sqlite":
        _remember(connection, run)
    own_row = (runs.c.run == run) & (runs.c.status == DELETING)
    return rows + connection.execute(sa.delete(runs).where(own_row)).rowcount


def _remember(connection: Connection, run: int) -> None:
    """Keep the number of a run from being given again: PostgreSQL's sequence does so by itself."""
    if run > highest_deleted(connection):
        connection.exec_driver_sql(f"PRAGMA user_version = {int(run)}")


def highest_deleted(connection: Connection) -> int:
    """The highest number of a run that was deleted from an SQLite store; 0: none was."""
    return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())


class Deletions:
    """Runs that a writer deletes, between what else it does.

    Args:
        session: Writes.
        tell: Takes lines for people.
    """

    def __init__(self, session: Session, tell: Callable[[str], None]) -> None:
        self._session, self._tell = session, tell
        self._runs: list[int] = []

    @property
    def due(self) -> int | None:
        """The run to go on with; None: there is none."""
        return self._runs[0] if self._runs else None

    def find(self, connection: Connection) -> None:
        """Find runs that somebody was killed over, and that nobody deletes now."""
        found = marked_runs(connection)
        self._runs = [run for run in found if not self._session.is_claimed(connection, run)]

    def mark(self, connection: Connection, wished: int) -> None:
        """Take up what another process has asked for."""
        if mark(connection, wished) and wished not in self._runs:
            self._runs.append(wished)

    def step(self, connection: Connection) -> int:
        """Delete a slice of the run that is due; return how many rows it had; 0: it is gone."""
        return delete_slice(connection, self._runs[0])

    def finished(self) -> None:
        """Note that the run that was due is gone."""
        self._tell(f"run {self._runs.pop(0)} is deleted from {self._session.store.name}")
