"""What the socket sends, and `/api/status` answers: the newest state."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cpu_gpu_env.dashboard.schemas.base import Answer, Number
from cpu_gpu_env.dashboard.schemas.runs import RunSummary


class DeviceState(Answer):
    """A device in a lane."""

    name: str
    kind: Literal["cpu", "gpu"]
    load: Number
    """Utilisation in the newest episode, 0 to 1."""
    queue: Number
    """Mean number of shares that waited for it in the newest episode."""
    utilisation: Number
    """Over all episodes, 0 to 1."""
    window_utilisation: Number
    """Over the window, 0 to 1."""


class Difference(Answer):
    """Mean difference of J to a reference, with an interval that holds at all times at once."""

    reference: str
    mean: Number
    low: Number
    high: Number
    differs: bool


class LaneState(Answer):
    """The newest state of one scheduler."""

    scheduler: str
    episodes: int
    window_episodes: int
    tasks: int
    model_version: int
    exploration: float
    """Part of the decisions that it draws at random."""
    now: dict[str, Number]
    """Metrics by key of the newest episode."""
    window: dict[str, Number]
    """Metrics by key over the last episodes, and the mean `bound`."""
    all: dict[str, Number]
    """Metrics by key over all episodes, and the mean `bound`."""
    percentiles: dict[Literal["all", "window"], dict[str, dict[str, Number]]]
    """Span -> `wait_s`, `response_s` or `slowdown` of single tasks -> "50", "90", "99" -> value;
    empty: not measured."""
    series: dict[str, list[Number]]
    """Over the window, the oldest first: `objective` and `gap`."""
    devices: list[DeviceState]
    waits_s: dict[Literal["cpus", "gpus"], list[float]] | None
    """At a pace: how long each device is busy still, ascending [s]; null: not at a pace."""
    difference: Difference | None


class LogLine(Answer):
    """Something that happened."""

    at: float
    text: str


class ProcessState(Answer):
    """What a process costs the machine that it is on."""

    pid: int
    cpu_percent: float
    """Of one core, children included: 200 is two cores."""
    rss_bytes: int
    """Resident memory, children included [B]."""


class EngineState(Answer):
    """The newest state of the engine that plays the run."""

    episode: int
    """Number of the first episode that has not been played."""
    clock_s: float
    """Simulated time of the stream [s]."""
    placed: int
    """At a pace: tasks of the episode at hand that are placed."""
    speed: float | None
    """Simulated seconds a second; null: as fast as it goes."""
    paused: bool
    phase: str
    trouble: str | None
    """Why the store does not answer."""
    updated_at: float
    process: ProcessState | None
    log: list[LogLine]
    """The newest lines, the oldest first."""


class OwnEngine(Answer):
    """The engine that the server has started."""

    state: Literal["none", "starting", "running", "stopping", "ended"]
    """none: the server may not start one, or has not yet."""
    may_start: bool
    pid: int | None
    exit_code: int | None
    command: str | None
    log: list[LogLine]
    """The last lines that it wrote."""


class ReplayState(Answer):
    """Where the replay of a stored run is."""

    run: int
    first: int
    last: int
    """Numbers of the first and of the last episode."""
    position: int
    """Number of the episode that is shown as the newest."""
    paused: bool
    speed: float
    """Episodes a second."""


class ServerState(Answer):
    """The server itself."""

    version: str
    store: str
    """Where the results are, without a password."""
    mode: Literal["engine", "watch", "replay"]
    """engine: it may start one; watch: it only serves; replay: it plays a stored run."""
    started_at: float
    clients: int
    """Sockets that are open."""
    process: ProcessState
    trouble: str | None
    """Why the store cannot be read at the moment."""
    engine: OwnEngine


class State(Answer):
    """All that is shown live."""

    run: RunSummary | None
    """The run that is watched; null: the store has none."""
    engine: EngineState | None
    """null: no engine plays the run now."""
    lanes: dict[str, LaneState]
    """By scheduler, in the order of the lanes."""
    server: ServerState
    replay: ReplayState | None


class Snapshot(Answer):
    """The first message of a socket, and the one after messages were left out."""

    type: Literal["snapshot"] = "snapshot"
    sequence: int
    state: State


class Change(Answer):
    """What has changed since the message with the sequence before this one.

    A field that is absent has not changed; `lanes` has those that have.
    """

    type: Literal["change"] = "change"
    sequence: int
    run: RunSummary | None = None
    engine: EngineState | None = None
    lanes: dict[str, LaneState] | None = None
    server: ServerState | None = None
    replay: ReplayState | None = None


Message = Annotated[Snapshot | Change, Field(discriminator="type")]
"""A message of the socket, one JSON text each."""
