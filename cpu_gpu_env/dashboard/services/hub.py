"""Whoever watches a run gets its newest state: polled by one thread, encoded once for all."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

from cpu_gpu_env.dashboard.errors import NotFoundError
from cpu_gpu_env.dashboard.schemas.live import (
    Change,
    EngineState,
    LaneState,
    ReplayState,
    ServerState,
    Snapshot,
    State,
)
from cpu_gpu_env.dashboard.schemas.runs import RunSummary

TICK_S = 0.1
"""At least so long from one message to the next [s]."""
HEARTBEAT_S = 3.0
"""After so long without a change an empty one is sent, so that clients know that we live [s]."""
SILENCE_S = 2.0
"""A store that has not answered for so long is in trouble [s]."""
_ATTEND_S, _BUSY_S = 0.5, 10.0
_STALE_S = 1.0
"""That an engine is alive is told so often, if nothing else of it changes [s]."""

_log = logging.getLogger("uvicorn.error")


@dataclass(frozen=True)
class Watched:
    """What a store tells of a run at a moment."""

    run: RunSummary | None = None
    """The run; None: there is none."""
    engine: EngineState | None = None
    """None: no engine plays it now."""
    lanes: dict[str, LaneState] | None = None
    """By scheduler; None: none."""
    replay: ReplayState | None = None
    """None: it is no replay."""
    trouble: str | None = None
    """Why the store cannot be read; all else is then what it was before."""
    rest_s: float = TICK_S
    """How long to wait before the store is looked at again [s]."""


class Tick:
    """The state at a moment; each message that tells of it is encoded once, when first needed.

    Args:
        sequence: Its number: one more than that of the tick before.
        state: The state.
        before: The one before; None: there is none that it could be told as a change of.
    """

    def __init__(self, sequence: int, state: State, before: State | None) -> None:
        self.sequence, self.state = sequence, state
        comparable = before is not None and _same_lanes(before, state)
        self._changes = None if before is None or not comparable else _changes(before, state)

    @property
    def is_switch(self) -> bool:
        """Whether it shows another run, or the first state of all: no change tells of it."""
        return self._changes is None

    @property
    def is_empty(self) -> bool:
        """Whether nothing has changed."""
        return self._changes == {}

    @cached_property
    def snapshot(self) -> str:
        """All of the state, as a message."""
        return Snapshot(type="snapshot", sequence=self.sequence, state=self.state).model_dump_json()

    @cached_property
    def change(self) -> str:
        """What has changed since the tick before, as a message."""
        change = Change(type="change", sequence=self.sequence, **(self._changes or {}))
        return change.model_dump_json(exclude_unset=True)


def _same_lanes(before: State, now: State) -> bool:
    """Whether two states are of one run with the same lanes."""
    runs = [None if state.run is None else state.run.run for state in (before, now)]
    return runs[0] == runs[1] and list(before.lanes) == list(now.lanes)


def _changes(before: State, now: State) -> dict[str, Any]:
    found: dict[str, Any] = {
        name: getattr(now, name)
        for name in ("run", "server", "replay")
        if getattr(before, name) != getattr(now, name)
    }
    if not _same_engine(before.engine, now.engine):
        found["engine"] = now.engine
    if lanes := {name: lane for name, lane in now.lanes.items() if lane != before.lanes[name]}:
        found["lanes"] = lanes
    return found


def _same_engine(before: EngineState | None, now: EngineState | None) -> bool:
    if before is None or now is None:
        return before is now
    is_stale = now.updated_at - before.updated_at >= _STALE_S
    return not is_stale and before == now.model_copy(update={"updated_at": before.updated_at})


class Client:
    """A socket's one slot: the newest tick, whatever it has missed before."""

    def __init__(self) -> None:
        self._news = asyncio.Event()
        self._tick: Tick | None = None
        self._told = 0
        self._error: NotFoundError | None = None

    def put(self, tick: Tick) -> None:
        """Fill the slot."""
        self._tick = tick
        self._news.set()

    def fail(self, error: NotFoundError) -> None:
        """Let whoever waits for the next message get an error instead."""
        self._error = error
        self._news.set()

    async def next_tick(self) -> Tick:
        """Wait for news.

        Raises:
            NotFoundError: If the run that is watched is not there.
        """
        await self._news.wait()
        self._news.clear()
        if self._error is not None:
            raise self._error
        assert self._tick is not None
        return self._tick

    async def next_message(self) -> str:
        """Wait for news, as a message: a change if it has the one before, else a snapshot.

        Raises:
            NotFoundError: If the run that is watched is not there.
        """
        tick = await self.next_tick()
        follows = self._told == tick.sequence - 1 and not tick.is_switch
        self._told = tick.sequence
        return tick.change if follows else tick.snapshot


class Hub:
    """All who watch one run, or the newest one; made and used in the event loop.

    A thread looks into the store while somebody watches, and only then.

    Args:
        poll: Reads the newest state, in that thread.
        describe_server: Tells of the server, given the trouble with the store.
    """

    def __init__(
        self, poll: Callable[[], Watched], describe_server: Callable[[str | None], ServerState]
    ) -> None:
        self._poll, self._describe_server = poll, describe_server
        self._clients: set[Client] = set()
        self._newest: Tick | None = None
        self._watched = Watched()
        self._error: NotFoundError | None = None
        self._published_s = self._polled_s = 0.0
        self._stopped, self._taken = threading.Event(), threading.Event()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def state(self) -> State | None:
        """The newest state; None: there is none yet."""
        return None if self._newest is None else self._newest.state

    def join(self) -> Client:
        """Begin to watch; the store is looked at from the first who does."""
        client = Client()
        if not self._clients:
            self._start()
        self._clients.add(client)
        if self._error is not None:
            client.fail(self._error)
        elif self._newest is not None:
            client.put(self._newest)
        return client

    def leave(self, client: Client) -> bool:
        """End to watch; return whether nobody does any more, and the hub is of no more use."""
        self._clients.discard(client)
        if not self._clients:
            self.stop()
        return not self._clients

    def stop(self) -> None:
        """Look into the store no more."""
        self._stopped.set()
        self._taken.set()
        if self._timer is not None:
            self._timer.cancel()

    def _start(self) -> None:
        loop = asyncio.get_running_loop()
        self._published_s = self._polled_s = time.monotonic()
        # A daemon: a store that does not answer must not keep the process from ending.
        threading.Thread(target=self._look, args=(loop,), name="hub", daemon=True).start()
        self._timer = loop.call_later(_ATTEND_S, self._attend)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """In the thread: poll until nobody watches."""
        watched = Watched()
        while not self._stopped.is_set():
            tell: Callable[[], None]
            try:
                watched = self._poll()
                tell = partial(self._take, watched)
            except NotFoundError as error:
                tell = partial(self._fail, error)
                self._stopped.set()
            except Exception as error:
                _log.exception("the state cannot be made out")
                watched = replace(watched, trouble=f"{type(error).__name__}: {error}", rest_s=1.0)
                tell = partial(self._take, watched)
            self._taken.clear()
            try:
                loop.call_soon_threadsafe(tell)
            except RuntimeError:  # the loop has ended
                return
            # A loop that is busy is not told more than it can take, nor then all at once.
            self._taken.wait(_BUSY_S)
            self._stopped.wait(watched.rest_s)

    def _take(self, watched: Watched) -> None:
        self._polled_s, self._watched = time.monotonic(), watched
        self._publish(watched, watched.trouble)
        self._taken.set()

    def _publish(self, watched: Watched, trouble: str | None, is_due: bool = False) -> None:
        """Tell all of the newest state, if it has changed or it is time to."""
        if self._stopped.is_set():
            return
        before = self._newest
        state = State(
            run=watched.run,
            engine=watched.engine,
            lanes=watched.lanes or {},
            server=self._describe_server(trouble),
            replay=watched.replay,
        )
        sequence, known = (1, None) if before is None else (before.sequence + 1, before.state)
        tick = Tick(sequence, state, known)
        if tick.is_empty and not is_due:
            return
        self._newest, self._published_s = tick, time.monotonic()
        for client in self._clients:
            client.put(tick)

    def _fail(self, error: NotFoundError) -> None:
        self._error = error
        for client in self._clients:
            client.fail(error)

    def _attend(self) -> None:
        """Now and then: tell clients of a store that is silent, and that the server lives."""
        if self._stopped.is_set():
            return
        now_s = time.monotonic()
        silent_s = now_s - self._polled_s - self._watched.rest_s
        is_due = now_s - self._published_s >= HEARTBEAT_S
        if silent_s > SILENCE_S:
            trouble = f"the store has not answered for {silent_s:.0f} s"
            self._publish(self._watched, trouble, is_due)
        elif is_due:
            self._publish(self._watched, self._watched.trouble, is_due)
        self._timer = asyncio.get_running_loop().call_later(_ATTEND_S, self._attend)
