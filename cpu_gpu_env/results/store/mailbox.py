"""Commands to the process that writes to an SQLite store.

They do not go through the store itself, to which no other process may write, but through a small
file beside it. That has SQLite's rollback journal, with which several processes may write to it.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import suppress
from pathlib import Path

from cpu_gpu_env.results.store.session import Command

_TABLE = """CREATE TABLE IF NOT EXISTS commands (
    command INTEGER PRIMARY KEY AUTOINCREMENT,
    run INTEGER NOT NULL, name TEXT NOT NULL, value REAL, issued_at REAL NOT NULL)"""


DELETE = "delete"
"""Name of the wish that a run be deleted; it stays until `Mailbox.forget`."""


def mailbox_of(path: Path) -> Path:
    """The file through which other processes send commands to the writer of a store."""
    return path.with_name(f"{path.name}-commands")


class Mailbox:
    """The file of commands, open."""

    def __init__(self, path: Path, wait_s: float = 0.05) -> None:
        """Open the file; it is made if there is none.

        Raises:
            sqlite3.Error: If it cannot be.
        """
        self._connection = sqlite3.connect(
            path, timeout=wait_s, isolation_level=None, check_same_thread=False
        )
        try:
            self._connection.execute(_TABLE)
        except sqlite3.Error:
            self._connection.close()
            raise

    def take(self) -> list[tuple[int, Command]]:
        """Take out all commands, oldest first, each with its run; none while the file is busy."""
        with suppress(sqlite3.Error):  # it is looked into again soon
            others = "FROM commands WHERE name != ?"
            look = self._connection.execute(f"SELECT 1 {others} LIMIT 1", (DELETE,))
            if look.fetchone() is None:
                return []
            rows = self._connection.execute(
                f"DELETE {others} RETURNING command, run, name, value, issued_at", (DELETE,)
            ).fetchall()
            return [(run, Command(*rest)) for _, run, *rest in sorted(rows)]
        return []

    def wishes(self) -> list[int]:
        """Runs that are to be deleted, each until `forget`; none while the file is busy."""
        with suppress(sqlite3.Error):  # it is looked into again soon
            select = "SELECT DISTINCT run FROM commands WHERE name = ?"
            return [run for (run,) in self._connection.execute(select, (DELETE,)).fetchall()]
        return []

    def forget(self, run: int) -> None:
        """Throw away the wish that a run be deleted, once that is sure to happen.

        Raises:
            sqlite3.Error: If it cannot be.
        """
        delete = "DELETE FROM commands WHERE run = ? AND name = ?"
        self._connection.execute(delete, (run, DELETE))

    def discard(self, run: int) -> None:
        """Throw away the commands for a run.

        Raises:
            sqlite3.Error: If they cannot be.
        """
        delete = "DELETE FROM commands WHERE run = ? AND name != ?"
        self._connection.execute(delete, (run, DELETE))

    def send(self, run: int, name: str, value: float | None) -> None:
        """Put a command in.

        Raises:
            sqlite3.Error: If it cannot be.
        """
        self._connection.execute(
            "INSERT INTO commands (run, name, value, issued_at) VALUES (?, ?, ?, ?)",
            (run, name, value, time.time()),
        )

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
