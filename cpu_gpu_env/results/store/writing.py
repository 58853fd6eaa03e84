"""The thread that writes: units in order, several to a transaction, each until it is committed."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection, update
from sqlalchemy.dialects import postgresql, sqlite

from cpu_gpu_env.results.store.database import reason
from cpu_gpu_env.results.store.removal import Deletions
from cpu_gpu_env.results.store.retention import (
    SLICE_ROWS,
    Retention,
    keep_newest_states,
    thin_models,
)
from cpu_gpu_env.results.store.rows import CheckedRows
from cpu_gpu_env.results.store.session import Command, Session
from cpu_gpu_env.results.store.tables import decisions, learners, live, models, runs

GROUP_ROWS = 50_000
"""Units share a transaction up to so many rows."""
SHOW_S, POLL_S = 0.1, 0.2
"""How often live states are written at most, and commands looked for [s]."""
_FIRST_WAIT_S, _MAX_WAIT_S = 0.1, 5.0
"""Between tries while a store does not answer [s]."""
SLOW_S = 10.0
"""A transaction that takes longer is trouble [s]."""

_States = Mapping[int, Mapping[str, Mapping[str, Any]]]
"""Run -> scheduler -> what JSON can hold."""


@dataclass(frozen=True, eq=False)
class Unit:
    """What is committed together."""

    rows: Sequence[CheckedRows]
    run: int
    update: Mapping[str, Any]

    @property
    def count(self) -> int:
        """How many rows it has."""
        return sum(rows.count for rows in self.rows)


class Call:
    """Something to be done in the thread, in a transaction, and what came of it."""

    def __init__(self, work: Callable[[Connection], Any]) -> None:
        self.work = work
        self.result: Any = None
        self.error: BaseException | None = None
        self.is_done = False


class _AbandonedError(Exception):
    """Nobody waits for the store any longer."""


class WritingThread(threading.Thread):
    """Writes what `units` brings, until None comes.

    Only this thread changes `acknowledged`, `rows_stored`, `has_ended` and `trouble`, so others may
    read them without a lock, which Ctrl-C could leave locked. (Nor may they join it: up to 3.12,
    Ctrl-C in `Thread.join` makes Python take a thread for ended that has not.)
    """

    def __init__(self, session: Session, retention: Retention, tell: Callable[[str], None]) -> None:
        super().__init__(name="store writer", daemon=True)
        self.session = session
        self.retention = retention
        self.units: queue.SimpleQueue[Unit | Call | None] = queue.SimpleQueue()
        self.shown: dict[int, Mapping[str, Mapping[str, Any]]] = {}
        self.commands: queue.SimpleQueue[tuple[int, Command]] = queue.SimpleQueue()
        self.acknowledged = 0
        self.rows_stored = 0
        self.has_ended = False
        self._tell = tell
        self._trouble: str | None = None
        self._failure: BaseException | None = None
        self._abandoned = threading.Event()
        self._began_s: float | None = None
        self._told_s: float | None = None
        self._show_s = self._poll_s = self._tidy_s = self._failed_s = 0.0
        self.runs: set[int] = set()
        self._deletions = Deletions(session, tell)
        self._next: Unit | Call | None = None
        self._is_ending = False

    @property
    def trouble(self) -> str | None:
        """Why the store does not answer; None: it does."""
        return self._trouble or self._silence()

    def _silence(self) -> str | None:
        """What to say of a transaction that takes suspiciously long; None: there is none."""
        began_s = self._began_s
        silent_s = 0.0 if began_s is None else time.monotonic() - began_s
        return f"no answer for {silent_s:.0f} s" if silent_s > SLOW_S else None

    def tell_silence(self) -> None:
        """Tell once of a transaction that takes suspiciously long: the thread itself cannot."""
        began_s = self._began_s
        if began_s != self._told_s and (silence := self._silence()) is not None:
            self._told_s = began_s
            self._tell(f"{self.session.store.name}: {silence}; what is not stored waits")

    def check(self) -> None:
        """Raise what ended the thread, if it has ended."""
        has_ended = self.has_ended  # it fails before it ends
        self.raise_failure()
        if has_ended:
            raise self.session.store.error("the writer is closed")

    def raise_failure(self) -> None:
        """Raise what ended the thread before its time."""
        if self._failure is not None:
            raise self._failure

    def abandon(self) -> None:
        """Stop trying; what waits is not stored."""
        self._abandoned.set()

    def run(self) -> None:
        """Write until None comes."""
        try:
            self._persist(self._take_stock)
            self._hear_wishes()
            while not self._is_ending:
                self._step()
        except _AbandonedError:
            pass
        except BaseException as error:
            self._failure = error
        finally:
            self.session.close()
            self.has_ended = True

    def _take_stock(self, connection: Connection, again: bool) -> None:
        """Find out what was left undone when processes were killed."""
        self.session.end_stale(connection)
        self._deletions.find(connection)

    def _step(self) -> None:
        group, call = self._take_group()
        now_s = time.monotonic()
        states: dict[int, Mapping[str, Mapping[str, Any]]] = {}
        if now_s >= self._show_s or self._is_ending:
            while self.shown:
                run, state = self.shown.popitem()
                states.setdefault(run, state)
        if group or states:
            self._show_s = now_s + SHOW_S if states else self._show_s
            self._write(group, states)
        if call is not None:
            self._do(call)
        self._delete_old(sum(unit.count for unit in group))
        if not self._is_ending:
            self._delete_run()
        self._attend()

    def _take_group(self) -> tuple[list[Unit], Call | None]:
        """Take the units that are to share a transaction, or what is to be called after them."""
        group: list[Unit] = []
        rows = 0
        wait_s = 0.5 * SHOW_S
        while not self._is_ending:
            try:
                item, self._next = self._next or self.units.get(timeout=wait_s), None
            except queue.Empty:
                break
            if item is None:
                self._is_ending = True
            elif isinstance(item, Call):
                return group, item
            elif group and rows + item.count > GROUP_ROWS:
                self._next = item
                break
            else:
                group.append(item)
                rows += item.count
            wait_s = 0.0
        return group, None

    def _write(self, group: Sequence[Unit], states: _States) -> None:
        """Commit units and live states; one by one if a unit among several is refused."""
        try:
            self._persist(lambda connection, again: self._insert(connection, group, states, again))
        except _AbandonedError:
            raise
        except Exception:
            if len(group) < 2:
                raise
            for unit in group:
                self._write([unit], {})
            return
        for unit in group:
            for rows in unit.rows:
                if rows.table is decisions:
                    self.retention.note(unit.run, rows)
        self.rows_stored += sum(unit.count for unit in group)
        self.acknowledged += len(group)

    def _insert(
        self, connection: Connection, group: Sequence[Unit], states: _States, again: bool
    ) -> None:
        for unit in group:
            for rows in unit.rows:
                self.session.insert(connection, rows, again)
                if rows.table is models:
                    thin_models(connection, unit.run, rows)
                elif rows.table is learners:
                    keep_newest_states(connection, unit.run, rows)
            if unit.update:
                mine = runs.c.run == unit.run
                connection.execute(update(runs).where(mine).values(**unit.update))
        for run, of_run in states.items():
            show_states(connection, run, of_run)

    def _do(self, call: Call) -> None:
        try:
            call.result = self._persist(lambda connection, _: call.work(connection))
        except _AbandonedError:
            raise
        except Exception as error:
            call.error = error
        call.is_done = True

    def _delete_old(self, inserted: int) -> None:
        """Delete decisions that are too old: more of them than came, but not for ever."""
        left = 2 * inserted + SLICE_ROWS
        while left > 0 and (due := self.retention.due()):
            self._persist(lambda connection, _: self.retention.delete(connection, due))
            self.retention.deleted(due)
            left -= SLICE_ROWS * len(due)

    def _attend(self) -> None:
        """Look for commands now and then, and do what the database needs after each step."""
        now_s = time.monotonic()
        is_poll_due = now_s >= self._poll_s
        try:
            if is_poll_due:
                self._poll_s = now_s + POLL_S
                for command in self.session.take_commands(self.runs):
                    self.commands.put(command)
            if now_s >= self._tidy_s:
                self.session.tidy()
        except Exception as error:
            if not self.session.will_pass(error):
                raise self._refused(error) from error
            self._fail(error)
            self._poll_s = self._tidy_s = now_s + _MAX_WAIT_S
        else:
            if is_poll_due:
                self._recover()
                self._hear_wishes()

    def _hear_wishes(self) -> None:
        """Mark runs that other processes want to be deleted; not those that are being written."""
        for wished in self.session.wishes():
            if wished not in self.runs:
                self._persist(partial(self._mark, wished))
            self.session.forget(wished)

    def _mark(self, wished: int, connection: Connection, again: bool) -> None:
        self._deletions.mark(connection, wished)

    def _delete_run(self) -> None:
        """Delete a slice of a run, if one is to go."""
        if self._deletions.due is None:
            return
        if not self._persist(lambda connection, _: self._deletions.step(connection)):
            self._deletions.finished()

    def _persist(self, work: Callable[[Connection, bool], Any]) -> Any:
        """Do something in a transaction, as often as it takes until that is committed.

        Args:
            work: Gets the connection, and whether it may have been committed before.
        """
        again, wait_s = False, _FIRST_WAIT_S
        while not self._abandoned.is_set():
            try:
                self._began_s = time.monotonic()
                with self.session.transaction() as connection:
                    result = work(connection, again)
                self._began_s = None
                self._recover()
                return result
            except Exception as error:
                self._began_s = None
                if again or not self.session.is_double(error):
                    if not self.session.will_pass(error):
                        raise self._refused(error) from error
                    self._fail(error)
                    self._abandoned.wait(wait_s)
                    wait_s = min(2.0 * wait_s, _MAX_WAIT_S)
                    again = again or self.session.is_unsure(error)
                else:
                    again = True
        raise _AbandonedError

    def _refused(self, error: Exception) -> Exception:
        """What the engine gets of an error that waiting does not cure."""
        if self.session.is_of_database(error):
            return self.session.store.error(f"it refuses what is written: {reason(error)}")
        return error

    def _fail(self, error: Exception) -> None:
        self.session.drop()
        is_new, self._trouble = self._trouble is None, reason(error)
        if is_new:
            self._failed_s = time.monotonic()
            self._tell(
                f"{self.session.store.name} does not answer: {self._trouble}; what is not stored "
                "waits, and it is tried again until it is"
            )

    def _recover(self) -> None:
        if self._trouble is not None:
            self._trouble = None
            lasted_s = time.monotonic() - self._failed_s
            self._tell(
                f"{self.session.store.name} answers again after {lasted_s:.0f} s; nothing was lost"
            )


def show_states(connection: Connection, run: int, states: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the newest state of each scheduler over the one before."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(live)
    now = {name: statement.excluded[name] for name in ("updated_at", "state")}
    rows = [
        {"run": run, "scheduler": name, "updated_at": time.time(), "state": state}
        for name, state in states.items()
    ]
    if rows:
        connection.execute(
            statement.on_conflict_do_update(index_elements=["run", "scheduler"], set_=now), rows
        )
