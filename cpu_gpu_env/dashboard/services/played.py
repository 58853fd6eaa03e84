"""The state of a run up to one of its episodes, made of what is stored of them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cpu_gpu_env.checks import is_number
from cpu_gpu_env.dashboard.repositories import played as repository
from cpu_gpu_env.dashboard.repositories.live import MAX_LANES, NOW_COLUMNS
from cpu_gpu_env.dashboard.repositories.played import BUSY, PRESENT, SUMMED
from cpu_gpu_env.dashboard.schemas.live import DeviceState, LaneState
from cpu_gpu_env.dashboard.services.clusters import Devices, find_devices
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.results.metrics import (
    CUMULATIVE_METRICS,
    DECISION_METRICS,
    GAP,
    MAKESPAN,
    OBJECTIVE,
    STREAM_METRICS,
)
from cpu_gpu_env.results.running_sum import RunningSum
from cpu_gpu_env.results.store.queries import Page
from cpu_gpu_env.results.store.reading import StoreReader
from cpu_gpu_env.runtime.column_window import ColumnWindow
from cpu_gpu_env.runtime.measures import DEFAULT_WINDOW, MAX_WINDOW, stretch_means

STRETCH = 5_000
"""Episodes that the database sums up at a time; sums up to their multiples are kept."""
_KEYS = (
    "bound",
    *(metric.key for metric in (*STREAM_METRICS, *CUMULATIVE_METRICS.values())),
    *(metric.key for metric in DECISION_METRICS.values()),
)
_OF_DECISIONS = frozenset(metric.key for metric in DECISION_METRICS.values())

Totals = Mapping[str, tuple[int, float]]
"""Number and sum of values, by column."""


class PlayedRun:
    """A stored run up to an episode, in memory that its length does not matter to.

    Args:
        reader: Of the store.
        row: Of the table of runs.

    Attributes:
        first: Number of the first episode.
        last: Number of the last one; less than `first`: there are none.
        position: Number of the newest episode that is shown.
    """

    def __init__(self, reader: StoreReader, row: Mapping[str, Any]) -> None:
        self._row = row
        self._names: list[str] = row["schedulers"][:MAX_LANES]
        given = row["settings"].get("window")
        is_given = isinstance(given, int) and 1 <= given <= MAX_WINDOW
        self._window = int(given) if is_given else DEFAULT_WINDOW
        found = repository.read_ends(reader, row["run"], self._names)
        self.first, self.last = (0, -1) if found is None else found
        self.position = self.first - 1
        self._devices = find_devices(reader, row)
        self._lanes = {name: _Lane(self._window, self._devices) for name in self._names}
        self._summed = self.first
        """Number of the episode after those in the sums."""
        self._sums: dict[str, Totals] = {name: {} for name in self._names}
        self._kept = {self._summed: self._sums}

    def look_again(self, reader: StoreReader) -> None:
        """Find out whether the run has become longer."""
        found = repository.read_ends(reader, self._row["run"], self._names)
        if found is not None:
            self.last = max(found[1], self.last)

    def move(self, reader: StoreReader, position: int, until_s: float) -> None:
        """Go to an episode.

        Its own values and those of the window are read at once; the sums over all before it are
        made as far as the time allows, and go on at the next call.

        Args:
            reader: Of the store.
            position: Number of the episode, from the first to the last.
            until_s: When to end with summing, as `time.monotonic` counts.
        """
        begin = self.position + 1
        if self.position < position < begin + self._window:
            self._read_on(reader, begin, position + 1)
        elif position != self.position:
            self._lanes = {name: _Lane(self._window, self._devices) for name in self._names}
            self._read_on(reader, max(position + 1 - self._window, self.first), position + 1)
        self.position = position
        if self._summed > position + 1:
            self._summed = max(end for end in self._kept if end <= position + 1)
            self._sums = self._kept[self._summed]
        while self._summed <= position and time.monotonic() < until_s:
            self._sum_on(reader, position + 1)

    def _read_on(self, reader: StoreReader, begin: int, end: int) -> None:
        """Read episodes, and add them to the sums if those end where they begin."""
        sums = {
            name: _added(self._sums[name], lane.read(reader, self._row["run"], name, begin, end))
            for name, lane in self._lanes.items()
        }
        if self._summed == begin:
            self._sums, self._summed = sums, end

    def _sum_on(self, reader: StoreReader, end: int) -> None:
        """Add a stretch of episodes to the sums, up to a number at the most."""
        end = min((self._summed // STRETCH + 1) * STRETCH, end)
        count = len(self._devices.names)
        run = self._row["run"]
        self._sums = {
            name: _added(before, repository.sum_played(reader, run, name, self._summed, end, count))
            for name, before in self._sums.items()
        }
        self._summed = end
        if end % STRETCH == 0:
            self._kept[end] = self._sums

    def lanes(self) -> dict[str, LaneState]:
        """The state of each lane; what is not known is null."""
        is_summed = self._summed == self.position + 1
        is_timed_at_once = self._row["kind"] != "stream"
        return {
            name: lane.state(
                name,
                self.position + 1 - self.first,
                self._sums[name] if is_summed else {},
                int(self._sums[name].get("tasks", (0, 0.0))[1]),
                is_timed_at_once,
            )
            for name, lane in self._lanes.items()
        }


class _Lane:
    """The last episodes of a lane."""

    def __init__(self, window: int, devices: Devices) -> None:
        self._devices = devices
        self._columns = ColumnWindow(window)
        self._newest: dict[str, Any] = {}

    def read(self, reader: StoreReader, run: int, name: str, first: int, end: int) -> Totals:
        """Read episodes from number `first` to before `end`; return their sums."""
        totals: Totals = {}
        for page in repository.read_played(reader, run, name, first, end):
            columns = self._columns_of(page)
            self._columns.add(columns, len(page["episode"]))
            self._newest = {name: values[-1] for name, values in page.items()}
            sums = {key: RunningSum.of(values) for key, values in columns.items()}
            more = {key: (one.count, one.total) for key, one in sums.items() if one.count}
            totals = _added(totals, more)
        return totals

    def _columns_of(self, page: Page) -> dict[str, FloatArray]:
        columns = {name: np.array(page[name], np.float64) for name in ("tasks", *NOW_COLUMNS)}
        makespan_s = columns[MAKESPAN.key]
        for device in range(len(self._devices.names)):
            load = np.array([_load(used, device) for used in page["utilisation"]])
            columns[f"{BUSY}{device}"] = load * makespan_s
            columns[f"{PRESENT}{device}"] = np.where(np.isnan(load), np.nan, makespan_s)
        return columns

    def state(
        self, name: str, episodes: int, totals: Totals, tasks: int, is_timed_at_once: bool
    ) -> LaneState:
        """The state as a page shows it.

        Args:
            name: Of the lane.
            episodes: How many it has played.
            totals: Sums over them; empty: not known.
            tasks: How many those that are summed up have.
            is_timed_at_once: Whether the decisions of all episodes were timed together.
        """
        newest = self._newest
        recent = {key: (one.count, one.total) for key, one in self._columns.sums().items()}
        told = {key: newest.get(key) for key in _OF_DECISIONS} if is_timed_at_once else {}
        return LaneState(
            scheduler=name,
            episodes=episodes,
            window_episodes=len(self._columns),
            tasks=tasks,
            model_version=newest.get("model_version", 0),
            exploration=newest.get("exploration", 0.0),
            now={key: newest.get(key) for key in NOW_COLUMNS},
            window=_measures(recent) | told,
            all=_measures(totals) | told,
            percentiles={},
            series={
                metric.key: stretch_means(self._columns.ordered(metric.key)).tolist()
                for metric in (GAP, OBJECTIVE)
            },
            devices=self._device_states(totals, recent),
            waits_s=None,
            difference=None,
        )

    def _device_states(self, totals: Totals, recent: Totals) -> list[DeviceState]:
        """Those of the newest episode."""
        used, devices = self._newest.get("utilisation") or [], self._devices
        return [
            DeviceState(
                name=name,
                kind="cpu" if number < devices.num_cpus else "gpu",
                load=_load(used, number),
                queue=None,
                utilisation=_ratio(totals, number),
                window_utilisation=_ratio(recent, number),
            )
            for number, name in enumerate(devices.names[: len(used)])
        ]


def _added(before: Totals, more: Totals) -> Totals:
    found = dict(before)
    for key, (count, value) in more.items():
        count_before, value_before = before.get(key, (0, 0.0))
        found[key] = count_before + count, value_before + value
    return found


def _measures(totals: Totals) -> dict[str, Any]:
    """Metrics over some episodes: means, and sums of what is summed.

    Percentiles over all their tasks cannot be made of those of each episode.
    """
    found: dict[str, Any] = dict.fromkeys(_KEYS)
    for key in SUMMED:
        count, value = totals.get(key, (0, 0.0))
        found[key] = value / count if count and key not in _OF_DECISIONS else None
    for metric, cumulative in CUMULATIVE_METRICS.items():
        count, value = totals.get(metric.key, (0, 0.0))
        found[cumulative.key] = value if count else None
    return found


def _ratio(totals: Totals, device: int) -> float | None:
    """Utilisation of a device: busy time over the time that it was there."""
    present_s = totals.get(f"{PRESENT}{device}", (0, 0.0))[1]
    return totals[f"{BUSY}{device}"][1] / present_s if present_s else None


def _load(used: Sequence[Any] | None, device: int) -> float:
    """Utilisation of a device in an episode; nan: it is not told, or the device was not there."""
    known = used is not None and device < len(used) and is_number(used[device])
    return float(used[device]) if known and used is not None else float("nan")


def played_lanes(reader: StoreReader, row: Mapping[str, Any]) -> dict[str, LaneState]:
    """The lanes of a run of which no live state is stored, as they were at its end.

    Args:
        reader: Of the store.
        row: Of the table of runs.
    """
    played = PlayedRun(reader, row)
    if played.last < played.first:
        return {}
    played.move(reader, played.last, until_s=float("inf"))
    return played.lanes()
