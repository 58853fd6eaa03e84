"""The audit of a task: what each scheduler saw, predicted, chose and got, and what that cost."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from cpu_gpu_env.dashboard.errors import UnavailableError
from cpu_gpu_env.dashboard.repositories.source import StoreSource
from cpu_gpu_env.dashboard.schemas.tasks import AuditAnswer, AuditLane, DecisionRow
from cpu_gpu_env.dashboard.services.clusters import gpu_fractions_of
from cpu_gpu_env.dashboard.services.decisions import decision_rows
from cpu_gpu_env.dashboard.services.prediction_process import PredictionProcess
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.results.store.database import StoreError
from cpu_gpu_env.results.store.reading import StoreReader
from cpu_gpu_env.runtime.stored_episode import StoredEpisode, load_episode
from cpu_gpu_env.runtime.trained_files import learns

MAX_EPISODES = 8
"""Episodes that are kept drawn: those looked at last."""
MAX_AUDITS = 8
"""At once: they wait for one another, and would take all threads from what is quick."""

_Key = tuple[int, float, int]
"""A run, when it began (its number may be given again), and an episode."""


class AuditService:
    """Audits decisions.

    Args:
        source: The store.
        predictions: Tells what learned schedulers thought.
    """

    def __init__(self, source: StoreSource, predictions: PredictionProcess) -> None:
        self._source, self._predictions = source, predictions
        self._episodes = _Episodes()
        self._places = threading.BoundedSemaphore(MAX_AUDITS)

    def warm_up(self) -> None:
        """Get ready for an audit, which else has to wait for libraries to load."""
        self._predictions.warm_up()

    def audit(self, run: int, sequence: int) -> AuditAnswer:
        """Audit what each scheduler decided on a task.

        Args:
            run: Number of the run.
            sequence: Number of the task within the run.

        Raises:
            NotFoundError: If there is no such run, or no decision on the task is kept.
            UnavailableError: If the store cannot be read, learned schedulers cannot be asked, or
                too many ask for audits.
        """
        if not self._places.acquire(blocking=False):
            raise UnavailableError("too many audits at once; try again later")
        try:
            return self._audit(run, sequence)
        finally:
            self._places.release()

    def _audit(self, run: int, sequence: int) -> AuditAnswer:
        with self._source.reading() as reader:
            row, rows = reader.run_row(run), reader.task(run, sequence)
            told = decision_rows(reader, row, list(rows.values()))
            costs, why_no_cost = self._costs(reader, row, told[0])
            learned = [name for name in rows if learns(row, name)]
            predictions = self._predictions.predict(run, learned, sequence)
            return AuditAnswer(
                run=run,
                sequence=sequence,
                episode=told[0].episode,
                task=told[0].task,
                gpu_fractions=gpu_fractions_of(row),
                lanes=[
                    AuditLane(
                        scheduler=name,
                        decision=decision,
                        cost=costs.get(name),
                        prediction=predictions.get(name),
                    )
                    for name, decision in zip(rows, told, strict=True)
                ],
                why_no_cost=why_no_cost,
            )

    def _costs(
        self, reader: StoreReader, row: Mapping[str, Any], decision: DecisionRow
    ) -> tuple[dict[str, float], str | None]:
        """What the decisions on a task cost by scheduler, or why that cannot be told."""
        try:
            episode = self._episodes.load(reader, row, decision.episode)
            return episode.costs(decision.task), None
        except StoreError:
            raise
        except HybridClusterError as error:
            return {}, str(error)


class _Episodes:
    """Keeps the episodes that were looked at last, so that the next task of one is quick."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._drawing = threading.Lock()
        self._kept: OrderedDict[_Key, StoredEpisode] = OrderedDict()

    def load(self, reader: StoreReader, row: Mapping[str, Any], episode: int) -> StoredEpisode:
        """Draw an episode, unless it is kept.

        Raises:
            HybridClusterError: If it cannot be drawn.
        """
        key = (row["run"], row["started_at"], episode)
        found = self._find(key)
        if found is None:
            with self._drawing:  # one at a time: whoever waited finds it there
                found = self._find(key) or load_episode(reader, row["run"], episode)
                self._keep(key, found)
        return found

    def _find(self, key: _Key) -> StoredEpisode | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def _keep(self, key: _Key, episode: StoredEpisode) -> None:
        with self._lock:
            self._kept[key] = episode
            while len(self._kept) > MAX_EPISODES:
                self._kept.popitem(last=False)
