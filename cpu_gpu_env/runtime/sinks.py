"""Finished batches go to the store, each as one unit, with what a resumed run goes on from."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from cpu_gpu_env.results.store.rows import Rows
from cpu_gpu_env.results.store.writer import StoreWriter
from cpu_gpu_env.runtime.engine import Finished
from cpu_gpu_env.runtime.lanes import Lane
from cpu_gpu_env.runtime.online import OnlineLane
from cpu_gpu_env.runtime.storing import decision_rows, episode_rows, learner_row, model_row
from cpu_gpu_env.runtime.stream_measures import StreamMeasures

SAVE_LEARNERS_S = 15.0
"""How often what learners go on from is stored [s]."""
LAST_STATE_S = 30.0
"""How long it is waited for as the stream ends [s]."""


class Storing:
    """Hands each batch to the store as one unit, so that a run always ends with a whole one.

    Args:
        writer: Of the store.
        run: Number of the run.
        lanes: All of them; of those that learn, models and states are stored, too.
        measures: Have taken in each batch before.
        tasks: Tasks stored before, of each scheduler.
        tell: Takes lines for people.
    """

    def __init__(
        self,
        writer: StoreWriter,
        run: int,
        lanes: Sequence[Lane],
        measures: StreamMeasures,
        tasks: int = 0,
        tell: Callable[[str], None] = print,
    ) -> None:
        self._tell = tell
        self._writer, self.run, self._measures, self._tasks = writer, run, measures, tasks
        self._learning = [lane for lane in lanes if isinstance(lane, OnlineLane)]
        self._saved_at = time.monotonic()
        self._has_stored = False

    def add(self, finished: Finished) -> None:
        """Store a batch; waits while the store has too much to do."""
        batch, self._has_stored = finished.arrived.batch, True
        next_episode = batch.first + len(batch)
        self._tasks += len(batch) * batch.phase.problem.num_tasks
        rows = episode_rows(self.run, finished) + decision_rows(self.run, finished)
        for lane in self._learning:
            for model, episode in lane.take_news():
                rows.append(model_row(self.run, lane.name, model, episode))
                if model.state is not None:
                    rows.append(learner_row(self.run, lane.name, model.state, episode))
        if time.monotonic() - self._saved_at > SAVE_LEARNERS_S:
            self._saved_at = time.monotonic()
            rows += self._learner_rows(next_episode)
        self._put(rows, next_episode, float(finished.clock_s[-1]))

    def save_learners(self, next_episode: int, clock_s: float) -> None:
        """Store what the learners go on from, as the stream ends; waits for it, not for long."""
        until_s = time.monotonic() + LAST_STATE_S
        if self._has_stored and self._learning:
            rows = self._learner_rows(next_episode, until_s)
            self._put(rows, next_episode, clock_s)
            if len(rows) < len(self._learning):
                self._tell(
                    f"a learner has not told within {LAST_STATE_S:g} s what it goes on from: a "
                    "resumed run has what was stored of it before"
                )

    def _put(self, rows: Sequence[Rows], next_episode: int, clock_s: float) -> None:
        update = {
            "next_episode": next_episode,
            "tasks": self._tasks,
            "clock_s": clock_s,
            "measures": self._measures.to_json(),
        }
        self._writer.put(rows, self.run, update)

    def _learner_rows(self, next_episode: int, until_s: float = 0.0) -> list[Rows]:
        """Rows of what the learners go on from; waits for it until a time."""
        for lane in self._learning:
            lane.learner.state(0.0)  # asked for all of them first: they work side by side
        states = {
            lane.name: lane.learner.state(max(0.0, until_s - time.monotonic()))
            for lane in self._learning
        }
        return [
            learner_row(self.run, name, state, next_episode)
            for name, state in states.items()
            if state is not None
        ]
