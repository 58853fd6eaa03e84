"""Writing to SQLite: one process, in WAL mode, with a bounded write-ahead log."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

from sqlalchemy import Connection, func, select, update
from sqlalchemy.exc import DBAPIError

from cpu_gpu_env.io.file_lock import HeldError, hold, let_go
from cpu_gpu_env.results.store.database import DATABASE_ERRORS, Store, check_file, driver_error
from cpu_gpu_env.results.store.mailbox import Mailbox, mailbox_of
from cpu_gpu_env.results.store.removal import highest_deleted
from cpu_gpu_env.results.store.rows import CheckedRows
from cpu_gpu_env.results.store.session import Command, Session
from cpu_gpu_env.results.store.tables import commands, runs

SAFE_VERSION = (3, 51, 3)
"""First version of SQLite in which several connections may write or checkpoint in WAL mode."""
MAX_WAL_BYTES = 64 * 2**20
"""The write-ahead log is emptied as soon as it is larger."""
_PASSING = (
    "database or disk is full",
    "disk i/o error",
    "database is locked",
    "database table is locked",
    "unable to open database file",
    "attempt to write a readonly database",
    "locking protocol",
)
_LOCK_WAIT_S = 0.5
_PINNED_WAIT_S = 2.0
"""Between tries to empty a log that a reader pins [s]: each waits for it a little."""


def lock_of(path: Path) -> Path:
    """The file that the one process that writes to a store holds."""
    return path.with_name(f"{path.name}-lock")


class SqliteSession(Session):
    """The one connection to an SQLite store that writes."""

    def __init__(self, store: Store, tell: Callable[[str], None]) -> None:
        """Take the lock of the store; its folder is made if there is none.

        Raises:
            HybridClusterError: If another process writes, or the file cannot be opened.
        """
        super().__init__(store, tell)
        assert store.path is not None
        self._path = store.path
        self._lock: int | None = self._take_lock()
        self._mailbox: Mailbox | None = None
        self._files: dict[Path, os.stat_result] = {}
        self._next_checkpoint_s = 0.0
        self._is_pinned = False
        is_new = not store.path.exists() or store.path.stat().st_size == 0
        if is_new and sqlite3.sqlite_version_info < SAFE_VERSION:
            tell(
                f"SQLite {sqlite3.sqlite_version} can lose what is committed when several "
                f"processes write to one file (mended in 3.51.3): only this process writes to "
                f"{store.name}, and others have to open it read-only, as this package does"
            )

    def _take_lock(self) -> int:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            check_file(self.store)
            until_s = time.monotonic() + _LOCK_WAIT_S  # somebody may just be looking
            while True:
                try:
                    return hold(lock_of(self._path))
                except HeldError as error:
                    if time.monotonic() > until_s:
                        raise self.store.error(
                            f"{error} is writing into it; allowed: wait until it has ended, "
                            "another store, or PostgreSQL, which takes several at once"
                        ) from None
                time.sleep(0.02)
        except OSError as error:
            folder = self._path.parent
            raise self.store.error(f"cannot write into folder {folder}: {error.strerror}") from None

    def _prepare(self, connection: Connection) -> None:
        if self._files:
            self._check_there(self._path)
        driver = connection.connection.driver_connection
        assert driver is not None
        if driver.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
            raise self.store.error(
                "its file system does not have what SQLite needs to be read while it is written; "
                "allowed: a local disk"
            )
        for setting in (
            "synchronous = FULL",
            "wal_autocheckpoint = 0",
            f"journal_size_limit = {MAX_WAL_BYTES}",
            "foreign_keys = ON",
            "cache_size = -32768",
        ):
            driver.execute(f"PRAGMA {setting}")
        self._files.pop(self._wal, None)
        self._mailbox = self._open_mailbox()

    def _open_mailbox(self) -> Mailbox:
        path = mailbox_of(self._path)
        try:
            return Mailbox(path)
        except sqlite3.OperationalError:  # a full disk, for one
            raise
        except sqlite3.DatabaseError as error:
            raise self.store.error(f"{path.name}: {error}; allowed: to remove it") from None

    def _check_committed(self) -> None:
        # SQLite does not see that its file has lost its name: it would write on into nothing.
        self._check_there(self._path)
        self._check_there(self._wal)

    def _check_there(self, path: Path) -> None:
        try:
            now = path.stat()
        except FileNotFoundError:
            now = None
        if now is None or not os.path.samestat(now, self._files.setdefault(path, now)):
            raise self.store.error(f"{path} was moved, removed or replaced while it was written")

    @property
    def _wal(self) -> Path:
        return self._path.with_name(f"{self._path.name}-wal")

    def insert(self, connection: Connection, rows: CheckedRows, again: bool) -> None:
        """Write rows; those that are there stay as they are."""
        names = ", ".join(rows.columns)
        marks = ", ".join("?" * len(rows.columns))
        # Not INSERT OR IGNORE, which would also leave out rows that break another constraint.
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.executemany(
            f"INSERT INTO {rows.table.name} ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING",
            rows.tuples(),
        )

    def new_number(self, connection: Connection) -> int:
        """Take the number of the next run."""
        highest = connection.execute(select(func.coalesce(func.max(runs.c.run), 0))).scalar_one()
        return max(int(highest), highest_deleted(connection)) + 1

    def end_stale(self, connection: Connection) -> None:
        """Runs that are running are none of others: there is but one process that writes."""
        stale = update(runs).where(runs.c.status == "running").values(status="interrupted")
        connection.execute(stale)

    def claim(self, connection: Connection, run: int) -> None:
        """Void what was asked of a run before; the lock of the file is on all runs."""
        assert self._mailbox is not None
        self._mailbox.discard(run)

    def take_commands(self, runs: Collection[int]) -> list[tuple[int, Command]]:
        """Take what other processes have asked of runs since the last time."""
        if self._mailbox is None or not (taken := self._mailbox.take()):
            return []
        now_s = time.time()
        rows = [{"run": run, "done_at": now_s, **vars(command)} for run, command in taken]
        with suppress(DBAPIError), self.transaction() as connection:  # obeyed, stored or not
            connection.execute(commands.insert(), rows)
        return [(run, command) for run, command in taken if run in runs]

    def wishes(self) -> list[int]:
        """Runs that other processes want to be deleted."""
        return [] if self._mailbox is None else self._mailbox.wishes()

    def forget(self, run: int) -> None:
        """Take the wish that a run be deleted for heard."""
        if self._mailbox is not None:
            with suppress(sqlite3.Error):  # then it is heard again, and there is no such run
                self._mailbox.forget(run)

    def is_of_database(self, error: BaseException) -> bool:
        """Whether an error comes from the database."""
        return isinstance(driver_error(error), (sqlite3.Error, *DATABASE_ERRORS))

    def will_pass(self, error: BaseException) -> bool:
        """Whether waiting may cure an error."""
        found = driver_error(error)
        return isinstance(found, sqlite3.OperationalError) and str(found).lower() in _PASSING

    def tidy(self) -> None:
        """Empty the write-ahead log if it is large; say so once if a reader keeps it from that."""
        try:
            size = self._wal.stat().st_size
        except OSError:
            return
        if size <= MAX_WAL_BYTES or time.monotonic() < self._next_checkpoint_s:
            return
        is_busy = self._checkpoint()
        self._next_checkpoint_s = time.monotonic() + (_PINNED_WAIT_S if is_busy else 0.0)
        if is_busy and not self._is_pinned and size > 2 * MAX_WAL_BYTES:
            self._is_pinned = True
            self._tell(
                f"a reader of {self.store.name} holds on to an old state, so {self._wal.name} "
                f"cannot be emptied and has {size // 2**20} MiB: end whatever reads for so long"
            )
        elif not is_busy and self._is_pinned:
            self._is_pinned = False
            self._tell(f"{self._wal.name} is emptied again")

    def _checkpoint(self) -> bool:
        """Bring what is committed into the file itself; return whether a reader is in the way."""
        if self._connection is None:
            return False
        driver = self._connection.connection.driver_connection
        assert driver is not None
        return bool(driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0])

    def drop(self) -> None:
        """Give the connection up; the next transaction makes another."""
        super().drop()
        self._close_mailbox()

    def close(self) -> None:
        """Close the file, and let other processes write."""
        with suppress(sqlite3.Error, DBAPIError):
            self._checkpoint()
        super().close()
        self._close_mailbox()
        if self._lock is not None:
            let_go(lock_of(self._path), self._lock)
            self._lock = None

    def _close_mailbox(self) -> None:
        mailbox, self._mailbox = self._mailbox, None
        if mailbox is not None:
            mailbox.close()
