"""A run as its engine tells of it: what a hub polls."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from cpu_gpu_env.dashboard.errors import NotFoundError, UnavailableError
from cpu_gpu_env.dashboard.repositories import live as repository
from cpu_gpu_env.dashboard.repositories.source import StoreSource
from cpu_gpu_env.dashboard.schemas.live import EngineState, LaneState
from cpu_gpu_env.dashboard.services.hub import TICK_S, Watched
from cpu_gpu_env.dashboard.services.played import played_lanes
from cpu_gpu_env.dashboard.services.runs import summary_of
from cpu_gpu_env.results.store.reading import StoreReader

MAX_LOG_LINES = 200
"""Of an engine's log at most, the newest."""
_IDLE_S = 0.5
"""Between looks at a run that nobody writes, and at which run is the newest [s]."""
_TROUBLE_S = 0.5
"""Between tries while the store cannot be read [s]."""


class Watcher:
    """Reads the newest state of a run again and again; used by one thread at a time.

    Args:
        source: The store.
        run: Number of the run; None: the newest one, see `repository.find_watched`.
    """

    def __init__(self, source: StoreSource, run: int | None) -> None:
        self._source, self._asked = source, run
        self._run = run
        self._looked_s = -_IDLE_S
        self._row: dict[str, Any] = {}
        self._is_alive = False
        self._now: tuple[int, dict[str, Mapping[str, Any]]] = (-1, {})
        self._played: dict[str, LaneState] | None = None
        self._watched = Watched()

    def poll(self) -> Watched:
        """Read the newest state; if the store cannot be read, it is the one before, and why.

        Raises:
            NotFoundError: If there is no such run, or it has been deleted.
        """
        try:
            with self._source.reading() as reader:
                self._watched = self._read(reader)
        except UnavailableError as error:
            self._looked_s = -_IDLE_S  # another store may be there when it is back
            return replace(self._watched, trouble=str(error), rest_s=_TROUBLE_S)
        return self._watched

    def _read(self, reader: StoreReader) -> Watched:
        if time.monotonic() - self._looked_s >= _IDLE_S:
            self._look(reader)
        run = self._run
        if run is None:
            return Watched(rest_s=_IDLE_S)
        progress = repository.read_progress(reader, run)
        if progress is None:
            self._looked_s = -_IDLE_S
            if self._asked is not None:
                raise NotFoundError(f"run {run} is not in the store any more")
            return replace(self._watched, rest_s=TICK_S)
        self._row |= progress
        rows = repository.read_live(reader, run)
        return Watched(
            run=summary_of(self._row, self._is_alive),
            engine=engine_state(run, rows) if self._is_alive else None,
            lanes=self._lanes(reader, rows),
            rest_s=TICK_S if self._is_alive else _IDLE_S,
        )

    def _look(self, reader: StoreReader) -> None:
        """Find out which run it is, and whether a process writes to it."""
        written = repository.find_written(reader)
        run = self._asked
        if run is None:
            run = repository.find_newest(reader, written)
        if run is not None:
            row = reader.run_row(run)
            if run != self._run or row["started_at"] != self._row.get("started_at"):
                self._now, self._played = (-1, {}), None
            self._row = row
        self._run, self._is_alive = run, run in written
        self._looked_s = time.monotonic()

    def _lanes(
        self, reader: StoreReader, rows: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, LaneState]:
        run, names, done = self._row["run"], self._row["schedulers"], self._row["next_episode"]
        if not rows:
            if self._is_alive:
                return {}
            if self._played is None:
                self._played = played_lanes(reader, self._row)
            return self._played
        if done != self._now[0]:
            self._now = done, repository.read_episode(reader, run, names, done - 1)
        return {
            name: lane_state(run, name, rows[name]["state"], self._now[1].get(name, {}))
            for name in names
            if name in rows
        }


def lane_state(
    run: int, scheduler: str, state: Mapping[str, Any], now: Mapping[str, Any]
) -> LaneState:
    """The newest state of a lane.

    Args:
        run: Number of the run.
        scheduler: Name of the lane.
        state: What the engine keeps of it in the table `live`.
        now: How its newest episode went.

    Raises:
        UnavailableError: If that is not what an engine writes.
    """
    known = {name: state[name] for name in LaneState.model_fields if name in state}
    absent: dict[str, Any] = {"percentiles": {}, "waits_s": None, "difference": None}
    try:
        return LaneState.model_validate({**absent, **known, "scheduler": scheduler, "now": now})
    except ValidationError as error:
        raise _damaged(run, scheduler, error) from None


def engine_state(run: int, rows: Mapping[str, Mapping[str, Any]]) -> EngineState | None:
    """What the engine says of itself in the newest of its live states; None: nothing yet.

    Raises:
        UnavailableError: If that is not what an engine writes.
    """
    newest = max(rows.values(), key=lambda row: float(row["updated_at"]), default=None)
    if newest is None or not isinstance(state := newest["state"].get("engine"), Mapping):
        return None
    known = {name: state[name] for name in EngineState.model_fields if name in state}
    log = known.get("log") or []
    lines = log[-MAX_LOG_LINES:] if isinstance(log, list) else log
    try:
        return EngineState.model_validate(
            {
                "process": None,
                **known,
                "log": [
                    {"at": line[0], "text": line[1]} if isinstance(line, list) else line
                    for line in lines
                ],
                "updated_at": newest["updated_at"],
            }
        )
    except (ValidationError, IndexError) as error:
        raise _damaged(run, "engine", error) from None


def _damaged(run: int, what: str, error: Exception) -> UnavailableError:
    reason = str(error)
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        reason = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return UnavailableError(f"run {run}: its live state of {what} is damaged: {reason}"[:300])
