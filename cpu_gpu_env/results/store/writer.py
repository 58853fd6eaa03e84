"""The one writer of a store: a thread with a connection, behind a bounded queue."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from sqlalchemy import Connection, select, update

from cpu_gpu_env.errors import HybridClusterError, printable, unknown_name, without_password
from cpu_gpu_env.results.store import schema
from cpu_gpu_env.results.store.database import Store, check_driver, reading_engine, reason
from cpu_gpu_env.results.store.retention import KEEP_DECISIONS, Retention
from cpu_gpu_env.results.store.rows import Rows, check_rows
from cpu_gpu_env.results.store.session import Command, Session
from cpu_gpu_env.results.store.tables import DELETING, runs
from cpu_gpu_env.results.store.writing import Call, Unit, WritingThread

MAX_WAITING_ROWS = 200_000
"""`StoreWriter.put` waits while the queue has more rows."""
PATIENCE_S = 60.0
"""For how long `StoreWriter.close` waits for a store that does not answer [s]."""
LAST_CHANCE_S = 5.0
"""How much longer it waits after Ctrl-C [s]."""
_PARTING_S = 0.5
"""How long a thread that gives up gets to close its connection [s]."""
_STEP_S = 0.005
"""Waiting is in steps, between which Ctrl-C gets through [s]."""

Result = TypeVar("Result")


def tell_on_stderr(line: str) -> None:
    """Write a line for people, if anybody listens."""
    if sys.stderr is not None:
        with suppress(OSError):
            print(printable(line), file=sys.stderr)


class StoreWriter:
    """Writes to a store, in a thread of its own, so that nobody waits for a disk or a server.

    What is handed over waits in a bounded queue until it is committed with full synchronisation. A
    disk that is full or a server that is gone is waited for: nothing is dropped, and nothing is
    written twice. One thread at a time may use a writer.
    """

    def __init__(
        self,
        url: str | os.PathLike[str],
        tell: Callable[[str], None] = tell_on_stderr,
        keep_decisions: int | None = KEEP_DECISIONS,
        max_waiting_rows: int = MAX_WAITING_ROWS,
    ) -> None:
        """Open a store, make or migrate its tables, and keep other writers out.

        Args:
            url: Path or URL.
            tell: Takes lines for people, from any thread.
            keep_decisions: Rows of decisions that are kept of each scheduler of a run; older ones
                are deleted. None: all.
            max_waiting_rows: `put` waits while more rows wait.

        Raises:
            HybridClusterError: If it is no store, of a newer version, in use by another process,
                cannot be reached, or the library for it is missing.
        """
        self.store = Store.of(url)
        self._max_waiting_rows = max_waiting_rows
        self._tell = tell
        self._tickets = 0
        self._rows_put = 0
        self._is_closed = False
        self._commands: dict[int, list[Command]] = {}
        session = _open(self.store, tell)
        self._thread = WritingThread(session, Retention(keep_decisions), tell)
        self._thread.start()

    def new_run(self, **columns: Any) -> int:
        """Add a run, and return its number when it is committed.

        Args:
            columns: Of the table of runs. What is left out is that of a run that begins now: its
                status "running", nothing stored yet. Passwords of URLs are blotted out.

        Raises:
            HybridClusterError: If a column is unknown or missing.
        """
        row: dict[str, Any] = {
            "status": "running",
            "started_at": time.time(),
            "notes": [],
            "next_episode": 0,
            "tasks": 0,
            "clock_s": 0.0,
            **_masked(columns),
        }
        for name in row:
            if name not in runs.c:
                raise unknown_name("column of runs", name, runs.c.keys())
        missing = [c.name for c in runs.c if not c.nullable and c.name not in {"run", *row}]
        if missing:
            raise HybridClusterError(f"table runs: column {missing[0]} is missing")
        session = self._thread.session
        number = self._call(session.new_number)

        def add(connection: Connection) -> None:
            session.claim(connection, number)
            known = connection.execute(select(runs.c.run).where(runs.c.run == number)).first()
            if known is None:  # else the reply to the first try was lost
                connection.execute(runs.insert().values(run=number, **row))

        self._call(add)
        self._thread.runs.add(number)
        return number

    def resume_run(self, run: int) -> Mapping[str, Any]:
        """Go on with a run, and return its row as it is now: running.

        Raises:
            HybridClusterError: If there is no such run, or a process that is alive writes to it.
        """

        def resume(connection: Connection) -> Mapping[str, Any]:
            row = connection.execute(select(runs).where(runs.c.run == run)).mappings().first()
            if row is None or row["status"] == DELETING:
                there = select(runs.c.run).where(runs.c.status != DELETING).order_by(runs.c.run)
                known = connection.execute(there).scalars().all()
                few = ", ".join(map(str, known[-10:])) or "none yet"
                raise self.store.error(f"there is no run {run}; known, the newest last: {few}")
            self._thread.session.claim(connection, run)
            now: dict[str, Any] = {"status": "running", "ended_at": None}
            connection.execute(update(runs).where(runs.c.run == run).values(**now))
            self._thread.retention.resume(connection, run)
            return {**row, **now}

        if run in self._thread.runs:
            raise self.store.error(f"run {run} is being written by this process")
        row = self._call(resume)
        self._thread.runs.add(run)
        return row

    def put(self, rows: Sequence[Rows], run: int, update: Mapping[str, Any] | None = None) -> int:
        """Hand over a unit, which is committed whole or not at all, after those before it.

        Waits while the queue is full.

        Args:
            rows: Of any tables; those that are there already are left as they are.
            run: A run of this writer.
            update: What changes in its row.

        Returns:
            The ticket of the unit: 1, 2, ...

        Raises:
            HybridClusterError: If the rows do not fit their tables, or the store has refused what
                was put before.
        """
        if self._is_closed:
            raise self.store.error("the writer is closed")
        if run not in self._thread.runs:
            raise self.store.error(f"run {run} is none that this writer has begun or resumed")
        checked = [check_rows(some) for some in rows]
        changes = dict(update or {})
        for name in changes:
            if name not in runs.c or name == "run":
                raise unknown_name("column of runs", name, runs.c.keys())
        while self.waiting_rows > self._max_waiting_rows:
            self._thread.check()
            self._thread.tell_silence()
            time.sleep(_STEP_S)
        self._thread.check()
        return self._hand_over(Unit(checked, run, changes))

    def _hand_over(self, unit: Unit) -> int:
        self._tickets += 1
        self._rows_put += unit.count
        self._thread.units.put(unit)
        return self._tickets

    @property
    def acknowledged(self) -> int:
        """The last ticket whose COMMIT has returned; 0: none."""
        return self._thread.acknowledged

    @property
    def waiting_rows(self) -> int:
        """Rows that were put and are not acknowledged."""
        return self._rows_put - self._thread.rows_stored

    @property
    def trouble(self) -> str | None:
        """Why the store does not answer at the moment; None: it does."""
        return self._thread.trouble

    def show(self, run: int, states: Mapping[str, Mapping[str, Any]]) -> None:
        """Show the newest state of each scheduler; never waits.

        Args:
            run: A run of this writer.
            states: Scheduler -> what JSON can hold. Older ones that are not written yet are left
                out: at most 10 a second are.
        """
        self._thread.shown[run] = states

    def commands(self, run: int) -> list[Command]:
        """What other processes have asked of a run, each given once; never waits."""
        self._thread.check()
        while not self._thread.commands.empty():
            number, command = self._thread.commands.get()
            self._commands.setdefault(number, []).append(command)
        return self._commands.pop(run, [])

    def flush(self) -> None:
        """Wait until all that was put is acknowledged.

        Raises:
            HybridClusterError: If the store has refused it.
        """
        while self.acknowledged < self._tickets:
            self._thread.check()
            time.sleep(_STEP_S)

    def close(
        self, run: int | None = None, status: str = "finished", patience_s: float = PATIENCE_S
    ) -> None:
        """Wait until all is acknowledged, set the status of a run, and close the store.

        Args:
            run: A run of this writer that ends.
            status: Of it from now on.
            patience_s: After that long a store that does not answer is given up; after Ctrl-C it
                has `LAST_CHANCE_S`, after a second one nothing [s].

        Raises:
            HybridClusterError: If rows were not stored; it tells how many, and why.
        """
        if run is not None and not self._is_closed:
            self._hand_over(Unit([], run, {"status": status, "ended_at": time.time()}))
        self._is_closed = True
        self._thread.units.put(None)
        interrupted = self._wait_for_end(patience_s)
        self._thread.raise_failure()
        if self.acknowledged < self._tickets:
            what = f"{self.waiting_rows} rows were not stored"
            if not self.waiting_rows:
                what = f"that run {run} has ended was not stored"
            raise self.store.error(f"{what}: {self.trouble or 'given up'}")
        if interrupted:
            raise KeyboardInterrupt

    def _wait_for_end(self, patience_s: float) -> bool:
        """Wait for the thread, not for ever; return whether Ctrl-C came."""
        thread, interrupts, last_s = self._thread, 0, time.monotonic() + patience_s
        has_told = False
        while not thread.has_ended:
            try:
                if thread.trouble is None and not interrupts:
                    last_s = time.monotonic() + patience_s
                elif not has_told:
                    has_told = True
                    left_s = max(last_s - time.monotonic(), 0.0)
                    self._tell(
                        f"{self.waiting_rows} rows wait for {self.store.name} for {left_s:.0f} s "
                        "more; Ctrl-C gives them up"
                    )
                if time.monotonic() > last_s or interrupts > 1:
                    thread.abandon()
                    time.sleep(_PARTING_S)
                    break
                time.sleep(_STEP_S)
            except KeyboardInterrupt:
                interrupts += 1
                last_s, has_told = time.monotonic() + LAST_CHANCE_S, False
        return interrupts > 0

    def _call(self, work: Callable[[Connection], Result]) -> Result:
        """Do something in the thread, in a transaction; wait for what comes of it."""
        call = Call(work)
        self._thread.check()
        self._thread.units.put(call)
        while not call.is_done:
            self._thread.check()
            time.sleep(_STEP_S)
        if call.error is not None:
            raise call.error
        result: Result = call.result
        return result


def _open(store: Store, tell: Callable[[str], None]) -> Session:
    """Open a store and bring its tables to this version."""
    check_driver(store)
    session: Session
    if store.path is not None:
        from cpu_gpu_env.results.store.sqlite_session import SqliteSession

        session = SqliteSession(store, tell)
    else:
        from cpu_gpu_env.results.store.postgresql_session import PostgresqlSession

        session = PostgresqlSession(store, tell)
    try:
        if store.path is not None and store.path.exists() and store.path.stat().st_size:
            with reading_engine(store).connect() as connection:  # before anything is changed
                schema.find_schema(connection, store)
        with session.transaction() as connection:
            schema.migrate(connection, store)
    except HybridClusterError:
        session.close()
        raise
    except Exception as error:
        session.close()
        if not session.is_of_database(error):
            raise
        raise store.error(f"it cannot be opened: {reason(error)}") from None
    return session


def _masked(value: Any) -> Any:
    """Blot out passwords in texts, and in what JSON holds."""
    if isinstance(value, str):
        return without_password(value)
    if isinstance(value, Mapping):
        return {key: _masked(one) for key, one in value.items()}
    return [_masked(one) for one in value] if isinstance(value, (list, tuple)) else value


__all__ = ["Command", "Rows", "StoreWriter"]
