"""A stored run, played once more."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from cpu_gpu_env.checks import check_count, check_number
from cpu_gpu_env.dashboard.errors import ConflictError, NotFoundError, UnavailableError
from cpu_gpu_env.dashboard.repositories.runs import find_alive
from cpu_gpu_env.dashboard.repositories.source import StoreSource
from cpu_gpu_env.dashboard.schemas.live import ReplayState
from cpu_gpu_env.dashboard.services.hub import Watched
from cpu_gpu_env.dashboard.services.played import PlayedRun
from cpu_gpu_env.dashboard.services.runs import summary_of
from cpu_gpu_env.results.store import MAX_SPEED, MIN_SPEED
from cpu_gpu_env.results.store.reading import StoreReader

DEFAULT_SPEED = 10.0
"""Episodes a second, unless told."""
_SUMMING_S = 0.1
"""How long the sums over all episodes may take before the state is told without them [s]."""
_GROWN_S = 1.0
_TROUBLE_S = 0.5


class Replay:
    """A position that moves through the episodes of a stored run; any thread may use it.

    It begins at the first episode, and ends, paused, at the last.

    Args:
        source: The store.
        run: Number of the run.
        clock: Seconds that go by.
    """

    def __init__(
        self, source: StoreSource, run: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.run = run
        """Number of the run."""
        self._source, self._clock = source, clock
        self._reading = threading.Lock()
        self._played: PlayedRun | None = None
        # Of what follows: never held for long, so that it can be steered while the store is slow.
        self._lock = threading.RLock()
        self._paused, self._speed = False, DEFAULT_SPEED
        self._anchor_s, self._anchor = 0.0, 0.0
        self._looked_s = -_GROWN_S
        self._watched = Watched()

    def pause(self) -> None:
        """Stand still."""
        with self._lock:
            self._hold()
            self._paused = True

    def resume(self) -> None:
        """Go on; from the end, begin anew."""
        with self._lock:
            self._hold()
            played = self._played
            if played is not None and self._anchor >= played.last:
                self._anchor = float(played.first)
            self._paused = False

    def set_speed(self, episodes_per_s: float | None) -> None:
        """Go faster or slower.

        Args:
            episodes_per_s: Episodes a second; None: as fast as it goes.

        Raises:
            HybridClusterError: If it is not from `MIN_SPEED` to `MAX_SPEED`.
        """
        speed = MAX_SPEED if episodes_per_s is None else episodes_per_s
        check_number("speed", speed, MIN_SPEED, MAX_SPEED)
        with self._lock:
            self._hold()
            self._speed = float(speed)

    def seek(self, episode: int) -> None:
        """Go to an episode, and go on from there unless it is paused.

        Raises:
            ConflictError: If the run has no episodes.
            HybridClusterError: If the episode is not one of the run's.
            NotFoundError: If there is no such run.
            UnavailableError: If the store cannot be read.
        """
        played = self._played
        if played is None:
            with self._reading, self._source.reading() as reader:
                played = self._open(reader)
        if played.last < played.first:
            raise ConflictError(f"run {self.run} has no episodes to play")
        check_count("episode", episode, played.last, low=played.first)
        with self._lock:
            self._hold()
            self._anchor = float(episode)

    def poll(self) -> Watched:
        """The state at the position; if the run cannot be read, the one before, and why."""
        try:
            with self._reading, self._source.reading() as reader:
                self._watched = self._read(reader)
        except (NotFoundError, UnavailableError) as error:
            return replace(self._watched, trouble=str(error), rest_s=_TROUBLE_S)
        return self._watched

    def _open(self, reader: StoreReader) -> PlayedRun:
        self._played = played = PlayedRun(reader, reader.run_row(self.run))
        with self._lock:
            self._anchor_s, self._anchor = self._clock(), float(played.first)
        return played

    def _read(self, reader: StoreReader) -> Watched:
        now_s = self._clock()
        played = self._played
        if played is None or played.last < played.first:
            played = self._open(reader)
        elif now_s - self._looked_s >= _GROWN_S:
            self._looked_s = now_s
            played.look_again(reader)
        row = reader.run_row(self.run)
        summary = summary_of(row, self.run in find_alive(reader, [row]))
        if played.last < played.first:
            return Watched(run=summary)
        state = self._state(played)
        played.move(reader, state.position, time.monotonic() + _SUMMING_S)
        return Watched(run=summary, lanes=played.lanes(), replay=state)

    def _state(self, played: PlayedRun) -> ReplayState:
        """Where it has come to; at the last episode it pauses."""
        with self._lock:
            self._hold()
            if self._anchor >= played.last:
                self._paused = True
            return ReplayState(
                run=self.run,
                first=played.first,
                last=played.last,
                position=int(self._anchor),
                paused=self._paused,
                speed=self._speed,
            )

    def _hold(self) -> None:
        """Let the position be where it has come to by now."""
        now_s = self._clock()
        if not self._paused:
            self._anchor += (now_s - self._anchor_s) * self._speed
        self._anchor_s = now_s
        if self._played is not None:
            self._anchor = min(self._anchor, float(self._played.last))
