"""Deleting a run with all that is stored of it."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, select

from cpu_gpu_env.checks import check_count
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.io.file_lock import is_held
from cpu_gpu_env.results.store.commands import is_written
from cpu_gpu_env.results.store.database import (
    DATABASE_ERRORS,
    Store,
    UnknownError,
    reading_engine,
    reason,
)
from cpu_gpu_env.results.store.mailbox import DELETE, Mailbox, mailbox_of
from cpu_gpu_env.results.store.removal import delete_slice, mark, marked_runs
from cpu_gpu_env.results.store.schema import check_schema
from cpu_gpu_env.results.store.session import Session
from cpu_gpu_env.results.store.tables import DELETING, runs
from cpu_gpu_env.results.store.writer import tell_on_stderr

_WAIT_S = 5.0
"""For the mailbox [s]."""
_HEARD_S = 2.0
"""How long a writer may take to hear a wish, before it is left to itself [s]."""


def delete_run(
    url: str | os.PathLike[str], run: int, tell: Callable[[str], None] = tell_on_stderr
) -> int | None:
    """Delete a run with all its rows, in slices, so that nobody waits for long.

    From the first moment on readers do not know the run any more. If this process is killed over
    it, the next call of this function, or the next process that writes to the store, goes on. The
    number of the run is not given again. A file of SQLite does not become smaller: what comes next
    takes the room.

    Args:
        url: Path or URL of the store.
        run: Number of the run.
        tell: Takes lines for people.

    Returns:
        How many rows were deleted; None: the process that writes to the SQLite store deletes them
        now, between what it writes.

    Raises:
        UnknownError: If there is no such run.
        HybridClusterError: If a process is writing the run.
        StoreError: If the store cannot be read or written.
    """
    check_count("run", run, 2**31 - 1)
    store = Store.of(url)
    try:
        with reading_engine(store).connect() as connection:
            check_schema(connection, store)
            _check(connection, store, run)
        if store.path is None:
            from cpu_gpu_env.results.store.postgresql_session import PostgresqlSession

            return _delete(PostgresqlSession(store, tell), run)
        return _delete_in_file(store, store.path, run, tell)
    except (sqlite3.Error, *DATABASE_ERRORS) as error:
        raise store.error(f"run {run} cannot be deleted: {reason(error)}") from None


def is_half_deleted(url: str | os.PathLike[str], run: int) -> bool:
    """Whether the deletion of a run has begun and not ended; readers do not know it then.

    Raises:
        StoreError: If the store cannot be read.
    """
    store = Store.of(url)
    try:
        with reading_engine(store).connect() as connection:
            check_schema(connection, store)
            return _status(connection, run) == DELETING
    except DATABASE_ERRORS as error:
        raise store.error(reason(error)) from None


def _check(connection: Connection, store: Store, run: int) -> None:
    """Check that there is a run, and nobody writes it; one that is half deleted may be, too."""
    if _status(connection, run) != DELETING and is_written(connection, store, run):
        raise HybridClusterError(
            f"store {store.name}: run {run} is being written by a process; allowed: stop it first"
        )


def _status(connection: Connection, run: int) -> str | None:
    return connection.scalar(select(runs.c.status).where(runs.c.run == run))


def _delete(session: Session, run: int) -> int:
    """Delete a run, and what others were killed over."""
    with closing(session):
        with session.transaction() as connection:
            session.claim(connection, run)
            if not mark(connection, run):
                raise UnknownError(session.store.error(f"there is no run {run}"))
        session.forget(run)
        rows = _delete_marked(session, run)
        with session.transaction() as connection:
            others = [r for r in marked_runs(connection) if not session.is_claimed(connection, r)]
        for other in others:
            _delete_marked(session, other)
    return rows


def _delete_marked(session: Session, run: int) -> int:
    rows = 0
    while True:
        with session.transaction() as connection:
            deleted = delete_slice(connection, run)
        rows += deleted
        if not deleted:
            return rows
        session.tidy()


def _delete_in_file(store: Store, path: Path, run: int, tell: Callable[[str], None]) -> int | None:
    """Delete a run from an SQLite store, or ask the process for it that writes to that."""
    from cpu_gpu_env.results.store.sqlite_session import SqliteSession, lock_of

    if not is_held(lock_of(path)):
        return _delete(SqliteSession(store, tell), run)
    with closing(Mailbox(mailbox_of(path), _WAIT_S)) as mailbox:
        mailbox.send(run, DELETE, None)
    until_s = time.monotonic() + _HEARD_S
    while time.monotonic() < until_s:
        with reading_engine(store).connect() as connection:
            if _status(connection, run) in (None, DELETING):
                return None
        if not is_held(lock_of(path)):  # it has just ended: perhaps it has not heard
            return _delete(SqliteSession(store, tell), run)
        time.sleep(0.05)
    return None
