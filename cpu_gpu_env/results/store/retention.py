"""Which rows go: old decisions, old contents of models, old states of learners."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from sqlalchemy import Connection, delete, func, select, update

from cpu_gpu_env.results.store.rows import CheckedRows, Constant, Numbers
from cpu_gpu_env.results.store.tables import decisions, learners, models, runs

KEEP_DECISIONS = 1_000_000
"""Decisions that are kept of each scheduler of a run."""
SLICE_ROWS = 10_000
"""Decisions of a scheduler that go at a time."""
KEEP_MODELS = 16
"""So many contents of models of each power of this number are kept, see `thin_models`."""


class Retention:
    """Knows which decisions are there, and deletes the oldest in slices."""

    def __init__(self, keep_decisions: int | None) -> None:
        """Keep so many decisions of each scheduler of a run; None: all."""
        self._keep = keep_decisions
        self._stored: dict[tuple[int, str], list[int]] = {}

    def resume(self, connection: Connection, run: int) -> None:
        """Find out which decisions of a run are there."""
        names = connection.execute(select(runs.c.schedulers).where(runs.c.run == run)).scalar_one()
        for name in names:
            first, last = connection.execute(
                select(func.min(decisions.c.sequence), func.max(decisions.c.sequence)).where(
                    decisions.c.run == run, decisions.c.scheduler == name
                )
            ).one()
            if first is not None:
                self._stored[run, name] = [first, last + 1]

    def note(self, run: int, rows: CheckedRows) -> None:
        """Note rows of decisions that are committed."""
        schedulers, sequence = rows.columns["scheduler"], rows.columns["sequence"]
        if not rows.count or not isinstance(sequence, Numbers):
            return
        if isinstance(schedulers, Constant):
            self._extend(run, schedulers.value, sequence.values)
            return
        names = np.array(rows.values("scheduler"))
        for name in np.unique(names).tolist():
            self._extend(run, name, sequence.values[names == name])

    def _extend(self, run: int, scheduler: str, sequence: np.ndarray) -> None:
        first, after = int(sequence.min()), int(sequence.max()) + 1
        known = self._stored.setdefault((run, scheduler), [first, after])
        known[:] = min(known[0], first), max(known[1], after)

    def due(self) -> Sequence[tuple[int, str, int]]:
        """What is to be deleted now: of which run and scheduler, and before which decision."""
        if self._keep is None:
            return []
        return [
            (run, scheduler, min(first + SLICE_ROWS, after - self._keep))
            for (run, scheduler), (first, after) in self._stored.items()
            if after - first > self._keep + min(SLICE_ROWS, self._keep // 10)
        ]

    def delete(self, connection: Connection, due: Iterable[tuple[int, str, int]]) -> None:
        """Delete a slice of each of some schedulers."""
        for run, scheduler, before in due:
            connection.execute(
                delete(decisions).where(
                    decisions.c.run == run,
                    decisions.c.scheduler == scheduler,
                    decisions.c.sequence < before,
                )
            )

    def deleted(self, due: Iterable[tuple[int, str, int]]) -> None:
        """Note that slices are deleted for good."""
        for run, scheduler, before in due:
            self._stored[run, scheduler][0] = before


def thin_models(connection: Connection, run: int, rows: CheckedRows) -> None:
    """Drop most of the contents of old models.

    The newest `KEEP_MODELS` versions keep their contents; of the older ones those whose number it
    divides do, as many again; beyond those the ones that its square divides, and so on. So version
    0 stays, and a run of any length keeps some 16 of each. Scores and times stay, of all versions.
    """
    newest: dict[str, int] = {}
    for name, version in zip(rows.values("scheduler"), rows.values("version"), strict=True):
        newest[name] = max(version, newest.get(name, version))
    for name, version in newest.items():
        mine = (models.c.run == run) & (models.c.scheduler == name)
        power = KEEP_MODELS
        while power <= version:
            too_old = models.c.version <= version - power
            thinned = (
                mine & too_old & (models.c.version % power != 0) & models.c.content.is_not(None)
            )
            connection.execute(update(models).where(thinned).values(content=None))
            power *= KEEP_MODELS


def keep_newest_states(connection: Connection, run: int, rows: CheckedRows) -> None:
    """Drop all states of learners but the newest of each."""
    for name, episode in zip(rows.values("scheduler"), rows.values("episode"), strict=True):
        mine = (learners.c.run == run) & (learners.c.scheduler == name)
        connection.execute(delete(learners).where(mine & (learners.c.episode < episode)))
