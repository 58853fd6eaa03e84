"""Asking an engine in another process for something."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError

from cpu_gpu_env.checks import check_count, check_number
from cpu_gpu_env.errors import not_allowed, unknown_name
from cpu_gpu_env.io.file_lock import is_held
from cpu_gpu_env.results.store import MAX_SPEED, MIN_SPEED
from cpu_gpu_env.results.store.database import (
    Store,
    UnknownError,
    reading_engine,
    reason,
    writing_engine,
)
from cpu_gpu_env.results.store.mailbox import Mailbox, mailbox_of
from cpu_gpu_env.results.store.schema import check_schema
from cpu_gpu_env.results.store.tables import DELETING, commands, runs

COMMANDS = ("pause", "resume", "speed", "stop")
"""What an engine can be asked for."""
_WAIT_S = 5.0


def send_command(
    url: str | os.PathLike[str], run: int, name: str, value: float | None = None
) -> None:
    """Ask the engine of a run for something; it looks every 0.2 s.

    Args:
        url: Path or URL of the store.
        run: Number of the run.
        name: pause, resume, speed or stop.
        value: Of speed: simulated seconds a second; None: as fast as it goes.

    Raises:
        HybridClusterError: If there is no such command or run, or no engine is playing the run.
    """
    if name not in COMMANDS:
        raise unknown_name("command", name, COMMANDS)
    if value is not None:
        if name != "speed":
            raise not_allowed(f"value of {name}", value, "none")
        check_number("value of speed", value, MIN_SPEED, MAX_SPEED)
    check_count("run", run, 2**31 - 1)
    store = Store.of(url)
    try:
        with reading_engine(store).connect() as connection:
            check_schema(connection, store)
            if not is_written(connection, store, run):
                raise store.error(f"run {run} is not being played by any process")
        if store.path is not None:
            _send_by_file(store.path, run, name, value)
            return
        with writing_engine(store).begin() as connection:
            connection.execute(
                commands.insert().values(run=run, name=name, value=value, issued_at=time.time())
            )
    except (DBAPIError, sqlite3.Error) as error:
        raise store.error(f"the command cannot be sent: {reason(error)}") from None


def is_written(connection: Connection, store: Store, run: int) -> bool:
    """Whether a process that is alive writes to a run.

    Raises:
        UnknownError: If there is no such run.
    """
    status = connection.execute(select(runs.c.status).where(runs.c.run == run)).scalar()
    if status in (None, DELETING):
        raise UnknownError(store.error(f"there is no run {run}"))
    if status != "running":
        return False
    if store.path is not None:
        from cpu_gpu_env.results.store.sqlite_session import lock_of

        return is_held(lock_of(store.path))
    from cpu_gpu_env.results.store.postgresql_session import holder

    return holder(connection, run) is not None


def is_taken(url: str | os.PathLike[str]) -> bool:
    """Whether a process writes to an SQLite store, which lets no other do so; PostgreSQL does.

    Raises:
        HybridClusterError: If it is neither a path nor a URL.
    """
    path = Store.of(url).path
    if path is None:
        return False
    from cpu_gpu_env.results.store.sqlite_session import lock_of

    return is_held(lock_of(path))


def _send_by_file(path: Path, run: int, name: str, value: float | None) -> None:
    mailbox = Mailbox(mailbox_of(path), _WAIT_S)
    try:
        mailbox.send(run, name, value)
    finally:
        mailbox.close()
