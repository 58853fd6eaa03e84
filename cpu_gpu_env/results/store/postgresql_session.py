"""Writing to PostgreSQL: rows by COPY, and a lock for each run."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Any

import psycopg
from sqlalchemy import Connection, text, update

from cpu_gpu_env.results.store.database import DATABASE_ERRORS, Store, driver_error
from cpu_gpu_env.results.store.rows import COPY_BEGIN, COPY_END, CheckedRows, copy_blocks
from cpu_gpu_env.results.store.session import Command, Session
from cpu_gpu_env.results.store.tables import commands

_PASSING_CLASSES = ("08", "40", "53", "57", "58")
"""Connection lost, deadlock, disk or memory full, shut down or cancelled, I/O error."""
_PASSING_STATES = ("25006", "55P03")
"""A server that only reads at the moment, and a lock that was not to be had."""
_LOST = ("08", "57P")
"""Connection lost, or the server shut down."""
_MIN_COPIED = 50
"""Fewer rows go by INSERT."""
_HOLDER = text(
    """SELECT l.pid, a.application_name, host(a.client_addr) AS host, a.backend_start
    FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND l.classid = 'runs'::regclass::oid AND l.objid = :run"""
)
_CLAIM = text(
    "SELECT pg_try_advisory_lock(('x' || lpad(to_hex('runs'::regclass::oid::bigint), 8, '0'))"
    "::bit(32)::int, :run)"
)


_MYSELF = text("SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()")
_LOCK_WAIT_S = 2.0


def holder(connection: Connection, run: int) -> Any:
    """Find the session that writes to a run: pid, application_name, host; None if there is none."""
    return connection.execute(_HOLDER, {"run": run}).first()


class PostgresqlSession(Session):
    """A connection to a PostgreSQL store that writes."""

    def __init__(self, store: Store, tell: Callable[[str], None]) -> None:
        """Prepare; nothing is opened yet.

        Raises:
            HybridClusterError: If psycopg is missing.
        """
        super().__init__(store, tell)
        self._claimed: set[int] = set()
        self._mine: set[tuple[Any, ...]] = set()

    def _prepare(self, connection: Connection) -> None:
        with connection.begin():
            self._mine.add(tuple(connection.execute(_MYSELF).one()))
            for run in sorted(self._claimed):
                self._claim(connection, run)
            if not self._claimed and connection.execute(text("SHOW fsync")).scalar() != "on":
                self._tell(
                    f"the server of {self.store.name} has fsync off: what it says is stored may be "
                    "lost when its machine fails"
                )

    def claim(self, connection: Connection, run: int) -> None:
        """Keep other processes from writing to a run, by an advisory lock of this connection.

        What they asked of it before is void.

        Raises:
            HybridClusterError: If one does.
        """
        if run not in self._claimed:
            self._claim(connection, run)
            self._claimed.add(run)
            old = (commands.c.run == run) & commands.c.done_at.is_(None)
            connection.execute(update(commands).where(old).values(done_at=time.time()))

    def _claim(self, connection: Connection, run: int) -> None:
        until_s = time.monotonic() + _LOCK_WAIT_S
        while not connection.execute(_CLAIM, {"run": run}).scalar_one():
            other = holder(connection, run)
            if other is not None and (other.pid, other.backend_start) in self._mine:
                # A connection of ours that was cut, which the server has not noticed yet.
                connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": other.pid})
            elif time.monotonic() > until_s:
                who = (other and other.application_name) or "another process"
                where = f"at {other.host}" if other and other.host else "on the server's machine"
                raise self.store.error(
                    f"run {run} is being written by {who} {where}; allowed: wait until it has ended"
                )
            time.sleep(0.05)

    def is_claimed(self, connection: Connection, run: int) -> bool:
        """Whether another process writes to a run."""
        return run not in self._claimed and holder(connection, run) is not None

    def insert(self, connection: Connection, rows: CheckedRows, again: bool) -> None:
        """Write rows; those that are there stay as they are, if `again`; else they are an error."""
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        table, names = rows.table.name, ", ".join(rows.columns)
        with driver.cursor() as cursor:
            if not rows.is_plain or rows.count < _MIN_COPIED:
                marks = ", ".join(["%s"] * len(rows.columns))
                insert = f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING"
                cursor.executemany(insert.encode(), rows.tuples())
            elif again:
                cursor.execute(f"CREATE TEMP TABLE again (LIKE {table}) ON COMMIT DROP".encode())
                _copy(cursor, "again", names, rows)
                cursor.execute(
                    f"INSERT INTO {table} ({names}) SELECT {names} FROM again "
                    "ON CONFLICT DO NOTHING".encode()
                )
                cursor.execute("DROP TABLE again")
            else:
                _copy(cursor, table, names, rows)

    def new_number(self, connection: Connection) -> int:
        """Take the number of the next run."""
        sequence = text("SELECT nextval(pg_get_serial_sequence('runs', 'run'))")
        return int(connection.execute(sequence).scalar_one())

    def take_commands(self, runs: Collection[int]) -> list[tuple[int, Command]]:
        """Take what other processes have asked of runs since the last time."""
        if not runs:
            return []
        with self.transaction() as connection:
            taken = connection.execute(
                update(commands)
                .where(commands.c.run.in_(sorted(runs)), commands.c.done_at.is_(None))
                .values(done_at=time.time())
                .returning(*commands.c)
            ).all()
        return [
            (row.run, Command(row.name, row.value, row.issued_at))
            for row in sorted(taken, key=lambda row: int(row.command))
        ]

    def is_of_database(self, error: BaseException) -> bool:
        """Whether an error comes from the database."""
        return isinstance(driver_error(error), (psycopg.Error, *DATABASE_ERRORS))

    def will_pass(self, error: BaseException) -> bool:
        """Whether waiting may cure an error."""
        found = driver_error(error)
        if not isinstance(found, psycopg.Error):
            return False
        if found.sqlstate is None:
            return isinstance(found, (psycopg.OperationalError, psycopg.InterfaceError))
        return found.sqlstate in _PASSING_STATES or found.sqlstate[:2] in _PASSING_CLASSES

    def is_unsure(self, error: BaseException) -> bool:
        """Whether it may be committed all the same: the server has not said that it is not."""
        found = driver_error(error)
        state = found.sqlstate if isinstance(found, psycopg.Error) else None
        return state is None or state.startswith(_LOST)

    def is_double(self, error: BaseException) -> bool:
        """Whether an error says that rows are there already."""
        return isinstance(driver_error(error), psycopg.errors.UniqueViolation)


def _copy(cursor: psycopg.Cursor[Any], table: str, names: str, rows: CheckedRows) -> None:
    with cursor.copy(f"COPY {table} ({names}) FROM STDIN (FORMAT BINARY)".encode()) as copy:
        copy.write(COPY_BEGIN)
        for block in copy_blocks(rows):
            copy.write(block)
        copy.write(COPY_END)
