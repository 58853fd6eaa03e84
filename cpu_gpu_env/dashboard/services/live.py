"""The newest state of what is watched: for sockets, for single questions, and for Prometheus."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from cpu_gpu_env import __version__
from cpu_gpu_env.dashboard.repositories import live as repository
from cpu_gpu_env.dashboard.repositories.source import StoreSource
from cpu_gpu_env.dashboard.schemas.live import OwnEngine, ServerState, State
from cpu_gpu_env.dashboard.services.hub import Client, Hub, Watched
from cpu_gpu_env.dashboard.services.process import ProcessMeter
from cpu_gpu_env.dashboard.services.replay import Replay
from cpu_gpu_env.dashboard.services.telemetry import Telemetry
from cpu_gpu_env.dashboard.services.watching import Watcher
from cpu_gpu_env.dashboard.settings import DashboardSettings

MAX_SOCKETS = 500
"""That are open at once."""


class LiveService:
    """Hubs, one for each run that somebody watches; its methods belong into the event loop.

    Args:
        settings: Set-up of the server.
        source: The store.
        replay: What is played instead of the newest run; None: nothing.
        engine: Tells of the engine that the server started.
        telemetry: Counts what happens.
    """

    def __init__(
        self,
        settings: DashboardSettings,
        source: StoreSource,
        replay: Replay | None,
        engine: Callable[[], OwnEngine],
        telemetry: Telemetry,
    ) -> None:
        self._settings, self._source, self._replay = settings, source, replay
        self._engine, self._telemetry = engine, telemetry
        self._hubs: dict[int | None, Hub] = {}
        self._process = ProcessMeter()
        self._started_at = time.time()
        self._clients = 0

    @property
    def is_full(self) -> bool:
        """Whether no more sockets may be opened."""
        return self._clients >= MAX_SOCKETS

    @contextmanager
    def watching(self, run: int | None) -> Iterator[Client]:
        """Watch a run, or the newest one (None), over a socket, for a block."""
        self._clients += 1
        self._telemetry.sockets.inc()
        try:
            with self._joined(run) as client:
                yield client
        finally:
            self._clients -= 1
            self._telemetry.sockets.dec()

    @contextmanager
    def _joined(self, run: int | None) -> Iterator[Client]:
        if self._replay is not None and run == self._replay.run:
            run = None
        hub = self._hubs.get(run)
        if hub is None:
            hub = self._hubs[run] = Hub(self._poll_of(run), self._describe)
        client = hub.join()
        try:
            yield client
        finally:
            if hub.leave(client) and self._hubs.get(run) is hub:
                del self._hubs[run]

    def _poll_of(self, run: int | None) -> Callable[[], Watched]:
        poll = Watcher(self._source, run).poll
        if self._replay is not None and run is None:
            poll = self._replay.poll
        return self._telemetry.timed(poll)

    async def state(self, run: int | None = None) -> State:
        """The newest state of a run, or of the newest one (None).

        Raises:
            NotFoundError: If there is no such run.
        """
        with self._joined(run) as client:
            return (await client.next_tick()).state

    def watched(self) -> int | None:
        """Number of the run that is watched unless told otherwise; None: there is none.

        Raises:
            UnavailableError: If the store cannot be read.
        """
        if self._replay is not None:
            return self._replay.run
        with self._source.reading() as reader:
            return repository.find_newest(reader, repository.find_written(reader))

    def close(self) -> None:
        """Look into the store no more."""
        for hub in self._hubs.values():
            hub.stop()

    def _describe(self, trouble: str | None) -> ServerState:
        mode: Literal["engine", "watch", "replay"] = "watch"
        if self._replay is not None:
            mode = "replay"
        elif self._settings.engine is not None:
            mode = "engine"
        return ServerState(
            version=__version__,
            store=self._source.store.name,
            mode=mode,
            started_at=self._started_at,
            clients=self._clients,
            process=self._process.state(),
            trouble=trouble,
            engine=self._engine(),
        )
