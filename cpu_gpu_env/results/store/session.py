"""The one connection that writes to a store, and what SQLite and PostgreSQL do differently."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from sqlalchemy import Connection

from cpu_gpu_env.results.store.database import Store, writing_engine
from cpu_gpu_env.results.store.rows import CheckedRows


@dataclass(frozen=True)
class Command:
    """What another process asks of the engine."""

    name: str
    """pause, resume, speed or stop."""
    value: float | None
    """Of speed: simulated seconds a second; None: as fast as it goes."""
    issued_at: float
    """Unix time [s]."""


class Session(ABC):
    """A connection that is made again when it breaks."""

    def __init__(self, store: Store, tell: Callable[[str], None]) -> None:
        """Prepare; nothing is opened yet.

        Args:
            store: Where it writes.
            tell: Takes lines for people.

        Raises:
            HybridClusterError: If the library for the database is missing.
        """
        self.store = store
        self._tell = tell
        self._engine = writing_engine(store)
        self._connection: Connection | None = None

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Do what is within whole or not at all; on return it is on the disk."""
        if self._connection is None:
            self._connection = self._connect()
        transaction = self._connection.begin()
        try:
            yield self._connection
            transaction.commit()
        except BaseException:
            with suppress(Exception):  # the connection may be broken, and the first error counts
                transaction.rollback()
            raise
        self._check_committed()

    def _connect(self) -> Connection:
        connection = self._engine.connect()
        try:
            self._prepare(connection)
        except BaseException:
            connection.invalidate()
            connection.close()
            raise
        return connection

    def drop(self) -> None:
        """Give the connection up; the next transaction makes another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):  # it may be broken in any way
                connection.invalidate()
                connection.close()

    @abstractmethod
    def _prepare(self, connection: Connection) -> None:
        """Set up a new connection, and claim again what the one before had."""

    def _check_committed(self) -> None:  # noqa: B027
        """Find out that what was just committed is lost.

        Raises:
            HybridClusterError: If it is.
        """

    @abstractmethod
    def insert(self, connection: Connection, rows: CheckedRows, again: bool) -> None:
        """Write rows; those that are there stay as they are.

        Args:
            connection: In a transaction.
            rows: What to write.
            again: Whether some may be there. If not, finding one may be an error.
        """

    @abstractmethod
    def new_number(self, connection: Connection) -> int:
        """Take the number of the next run."""

    @abstractmethod
    def claim(self, connection: Connection, run: int) -> None:
        """Keep other processes from writing to a run; what they asked of it before is void.

        Raises:
            HybridClusterError: If one does.
        """

    @abstractmethod
    def take_commands(self, runs: Collection[int]) -> list[tuple[int, Command]]:
        """Take what other processes have asked of runs since the last time."""

    def end_stale(self, connection: Connection) -> None:  # noqa: B027
        """Set the status of runs whose process was killed, where that is sure."""

    def is_claimed(self, connection: Connection, run: int) -> bool:
        """Whether another process writes to a run."""
        return False

    def wishes(self) -> list[int]:
        """Runs that other processes want to be deleted."""
        return []

    def forget(self, run: int) -> None:  # noqa: B027
        """Take the wish that a run be deleted for heard."""

    @abstractmethod
    def is_of_database(self, error: BaseException) -> bool:
        """Whether an error comes from the database, not from this program."""

    @abstractmethod
    def will_pass(self, error: BaseException) -> bool:
        """Whether waiting may cure an error: a full disk, a server that is gone."""

    def is_double(self, error: BaseException) -> bool:
        """Whether an error says that rows are there already."""
        return False

    def is_unsure(self, error: BaseException) -> bool:
        """Whether it may be committed all the same: the reply may have been lost."""
        return True

    def tidy(self) -> None:  # noqa: B027
        """Do what has to be done now and then, between transactions."""

    def close(self) -> None:
        """Close the connection, and let other processes write."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):  # all that matters is committed
                connection.close()
        self._engine.dispose()
