"""The engine: lets the stream flow through all lanes, and tells what came of it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.runtime.control import Control
from cpu_gpu_env.runtime.lanes import Arrived, Lane
from cpu_gpu_env.runtime.records import LaneEpisodes
from cpu_gpu_env.runtime.solver import Pending, Solver
from cpu_gpu_env.runtime.stream import EpisodeStream, spans_s

MAX_BATCH = 256
"""Episodes played at once at most: by then a decision costs little more than in larger batches."""
MAX_BATCH_TASKS = 200_000
"""Tasks of a batch at most: some hundred megabytes with what is recorded of them."""
LEAST_BATCH = 16
"""Episodes played at once at least, where no oracle plans each of them for a second: a batch of one
costs nearly as much."""
BATCH_S = 2.0
"""How long a batch is to take, about: how old the news are [s]."""


@dataclass(frozen=True, eq=False)
class Finished:
    """A batch of n episodes that all lanes have played."""

    arrived: Arrived
    """The episodes."""
    lanes: Mapping[str, LaneEpisodes]
    """What each scheduler made of them, by name."""
    clock_s: FloatArray
    """(n + 1,): simulated time as each episode began, and as the next one will [s]."""


class Sink(Protocol):
    """What is told of finished batches."""

    def add(self, finished: Finished) -> None:
        """Take in a batch; the stream waits meanwhile."""


class BatchSize:
    """How many episodes to play at once so that a batch takes about `BATCH_S`.

    Args:
        least: Episodes at least.
        most: Episodes at most.
    """

    def __init__(self, least: int, most: int) -> None:
        self._least, self._most = least, max(least, most)
        self.episodes = least
        """How many to play at once now."""

    def took(self, episodes: int, time_s: float) -> None:
        """Learn how long a batch of so many episodes took."""
        wanted = episodes * BATCH_S / max(time_s, 1e-9)
        # Never more than twice as many at once: the first batches pay for what is built then.
        wanted = min(wanted, 2.0 * self.episodes)
        self.episodes = int(np.clip(wanted, self._least, self._most))


class Engine:
    """Plays the stream in all lanes, batch by batch; every lane gets the same tasks.

    As fast as it goes, a batch holds many episodes, and lanes play it one after another. At a pace,
    it holds one, and the lanes place each task as it arrives.

    Args:
        stream: The episodes.
        lanes: The schedulers.
        solver: Makes the oracle's plans and the bounds.
        control: Whether and how fast the stream flows.
        sinks: Told of each finished batch, in order.
        first: Number of the first episode to play.
        clock_s: Simulated time as it begins [s].
        batch: Episodes to play at once; None: as many as take about `BATCH_S`.
    """

    def __init__(
        self,
        stream: EpisodeStream,
        lanes: Sequence[Lane],
        solver: Solver,
        control: Control,
        sinks: Sequence[Sink],
        first: int = 0,
        clock_s: float = 0.0,
        batch: int | None = None,
    ) -> None:
        self._stream, self.lanes, self._solver = stream, lanes, solver
        self._control, self._sinks = control, sinks
        self.next_episode = first
        """Number of the first episode that has not been played whole."""
        self.clock_s = clock_s
        """Simulated time: at a pace as of the last task that arrived [s]."""
        self.placed = 0
        """Tasks placed of the episode that is being played at a pace."""
        self.phase = ""
        """Name of the phase of the newest episode."""
        num_tasks = stream.phases[0].problem.num_tasks
        most = max(1, min(MAX_BATCH, MAX_BATCH_TASKS // num_tasks))
        self._size = BatchSize(min(solver.at_once or LEAST_BATCH, most), most)
        if batch is not None:
            self._size = BatchSize(batch, batch)

    def run(self) -> None:
        """Let it flow until the stream ends, a command stops it, or Ctrl-C does.

        What is begun when Ctrl-C comes is dropped; all before has been told.
        """
        try:
            pending = self._submit(self.next_episode)
            began = time.monotonic()
            while pending is not None and not self._control.stopping:
                arrived = self._wait_for(pending)
                if arrived is None:
                    return
                pending = self._submit(self.next_episode + len(arrived.batch))
                finished = self._play(arrived)
                if finished is None:
                    return
                for sink in self._sinks:
                    sink.add(finished)
                self.next_episode += len(arrived.batch)
                self.clock_s = float(finished.clock_s[-1])
                now = time.monotonic()
                self._size.took(len(arrived.batch), now - began)
                began = now
        finally:
            self._solver.close()

    def _submit(self, first: int) -> Pending | None:
        size = 1 if self._control.speed is not None else self._size.episodes
        batch = self._stream.batch(first, size)
        return None if batch is None else self._solver.submit(batch)

    def _wait_for(self, pending: Pending) -> Arrived | None:
        """Wait until a batch is solved; None if a command stops the stream before."""
        while not pending.done:
            pending.join(0.01)
            self._control.attend()
            if self._control.stopping:
                return None
        return pending.result()

    def _play(self, arrived: Arrived) -> Finished | None:
        """Play a batch in all lanes; None if a command stops the stream in its midst."""
        self.phase = arrived.batch.phase.name
        arrivals_s = [instance.release_s for instance in arrived.instances]
        clock_s = self.clock_s + np.append(0.0, np.cumsum(spans_s(arrived.batch, arrivals_s)))
        if len(arrived.batch) == 1 and self._control.speed is not None:
            self._play_at_pace(arrived, arrivals_s[0])
        else:
            for lane in self.lanes:
                lane.begin(arrived)
                while not self._control.stopping and lane.step():
                    self._control.attend()
        if self._control.stopping:
            return None
        self.placed = 0
        return Finished(arrived, {lane.name: lane.finish() for lane in self.lanes}, clock_s)

    def _play_at_pace(self, arrived: Arrived, arrival_s: FloatArray) -> None:
        began_s = self.clock_s
        for lane in self.lanes:
            lane.begin(arrived)
        for task, arrives_s in enumerate(arrival_s.tolist()):
            self._control.wait_until(began_s + arrives_s)
            if self._control.stopping:
                return
            self.clock_s = began_s + arrives_s
            for lane in self.lanes:
                lane.step()
            self.placed = task + 1
