"""Deleting a run, which takes asking twice."""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass

from cpu_gpu_env.dashboard.errors import ConflictError
from cpu_gpu_env.dashboard.repositories import control as repository
from cpu_gpu_env.dashboard.schemas.runs import Confirmation, Deleted, RunSummary
from cpu_gpu_env.dashboard.services.runs import RunService

VALID_S = 60.0
"""How long a confirmation holds [s]."""
MAX_PENDING = 64
"""Confirmations at once; the oldest is forgotten first."""


@dataclass(frozen=True)
class _Pending:
    """A deletion that may be confirmed."""

    run: int
    state: tuple[object, ...]
    expires_s: float


class DeletionService:
    """Deletes runs; first it says what that would delete.

    Args:
        url: Path or URL of the store.
        runs: What is known of runs.
    """

    def __init__(self, url: str, runs: RunService) -> None:
        self._url, self._runs = url, runs
        self._pending: dict[str, _Pending] = {}
        self._lock = threading.Lock()

    def ask(self, run: int) -> Confirmation:
        """Say what would be deleted, and give the word that confirms it once.

        Raises:
            NotFoundError: If there is no such run.
            ConflictError: If it is being written.
            UnavailableError: If the store cannot be read.
        """
        summary = self._check(run)
        word = secrets.token_urlsafe(16)
        with self._lock:
            while len(self._pending) >= MAX_PENDING:
                del self._pending[next(iter(self._pending))]
            self._pending[word] = _Pending(run, _state(summary), time.monotonic() + VALID_S)
        what = (
            f"run {run}, a {summary.kind} of {len(summary.schedulers)} schedulers: "
            f"{summary.next_episode:,} episodes and {summary.tasks:,} tasks of each"
        )
        return Confirmation(run=run, confirmation=word, expires_at=time.time() + VALID_S, what=what)

    def delete(self, run: int, confirmation: str) -> Deleted:
        """Delete a run for good.

        Args:
            run: Its number.
            confirmation: What `ask` gave for it.

        Raises:
            NotFoundError: If there is no such run.
            ConflictError: If that is not, or no longer, what `ask` gave for it; if it has changed
                since, or is being written.
            UnavailableError: If the store cannot be read or written.
        """
        with self._lock:
            pending = self._pending.pop(confirmation, None)
        if pending is None or pending.run != run or pending.expires_s < time.monotonic():
            raise ConflictError(
                f"that does not confirm the deletion of run {run}: a confirmation is for one run, "
                f"once, within {VALID_S:g} s; ask for another"
            )
        if _state(self._check(run)) != pending.state:
            raise ConflictError(f"run {run} is not what it was as its deletion was confirmed")
        return Deleted(run=run, rows=repository.delete(self._url, run))

    def _check(self, run: int) -> RunSummary:
        summary = self._runs.summary(run)
        if summary.is_alive:
            raise ConflictError(f"run {run} is being written; stop its engine first")
        return summary


def _state(summary: RunSummary) -> tuple[object, ...]:
    return summary.started_at, summary.status, summary.next_episode, summary.tasks
