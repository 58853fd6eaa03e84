"""What is measured of a lane of a stream, over all episodes and over the last ones."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from cpu_gpu_env.checks import check_count, check_field, check_number
from cpu_gpu_env.model.cluster import Cluster, DeviceKind
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.results.electricity import electricity_cost
from cpu_gpu_env.results.gap import plain_json
from cpu_gpu_env.results.metrics import (
    CUMULATIVE_METRICS,
    DECISION_METRICS,
    ELECTRICITY_COST,
    ENERGY,
    GAP,
    MAKESPAN,
    OBJECTIVE,
    P99_RESPONSE,
    P99_WAIT,
    STREAM_METRICS,
    Metric,
)
from cpu_gpu_env.results.quantile_sketch import QuantileSketch, WindowSketch, find_buckets
from cpu_gpu_env.results.running_sum import RunningSum
from cpu_gpu_env.runtime.column_window import ColumnWindow
from cpu_gpu_env.runtime.records import LaneEpisodes

DEFAULT_WINDOW = 100
"""Episodes of the sliding window unless told."""
MAX_WINDOW = 100_000
"""Of a larger window the waits and responses would take gigabytes."""
SERIES_POINTS = 60
"""Of a series at most: as many as a sparkline has."""

Span = Literal["all", "window"]
"""All episodes so far, or the last ones."""
_SPANS: tuple[Span, ...] = ("all", "window")

MEANS = tuple(metric for metric in STREAM_METRICS if not metric.of_all_tasks)
"""Metrics that are means over the episodes."""
_BOUND = "bound"
_BUSY, _PRESENT = "busy_s of ", "present_s of "
_SKETCHED: dict[str, dict[int, Metric]] = {
    "wait_s": {99: P99_WAIT},
    "response_s": {99: P99_RESPONSE},
    "slowdown": {},
    "decision_s": DECISION_METRICS,
}
"""Of what percentiles are taken, and those that are metrics of the stream."""
_OF_TASKS = ("wait_s", "response_s", "slowdown")
"""Those of which each task has one value."""
_LATER = ("slowdown",)
"""Those that the first runs did not keep."""
PERCENTS = (50, 90, 99)
"""What is told of the values of single tasks."""


class LaneMeasures:
    """Measures of one lane in constant memory, over all episodes and over a sliding window.

    Objective, gap, makespan, energy, wait, response, slowdown (response over the least execution
    time: Feitelson, Rudolph, Schwiegelshohn, Sevcik and Wong, Theory and practice in parallel job
    scheduling, 1997), regret and electricity are means over the episodes, each of which counts
    alike, as in a comparison; those that have no value, such as the gap without a bound, do not
    count. The p99 of wait and response is of all tasks, the percentiles of decision times are of
    all that were timed: within `quantile_sketch.RELATIVE_ERROR` of the value of that rank. The
    utilisation of a device is its busy time over the makespans of the episodes that had it.
    Cumulative regret is the sum of objective less bound (as in Lattimore and Szepesvári, Bandit
    Algorithms, 2020, but for the bound in place of the best arm). Sums are compensated: see
    `RunningSum`.

    Args:
        name: The scheduler's.
        window: Episodes of the sliding window.
        electricity_price: Per kWh; None: the cost is nan.

    Raises:
        HybridClusterError: If the window or price is not allowed.
    """

    def __init__(
        self, name: str, window: int = DEFAULT_WINDOW, electricity_price: float | None = None
    ) -> None:
        self.name = name
        self.window = check_count("window", window, MAX_WINDOW)
        if electricity_price is not None:
            electricity_price = check_number("electricity price", electricity_price, 0.0)
        self._price = electricity_price
        self.episodes = 0
        """How many so far."""
        self.tasks = 0
        """How many in these."""
        self.model_version = 0
        """Of the model that decided last."""
        self.exploration = 0.0
        """Part of the decisions that it draws at random."""
        self._sums: dict[str, RunningSum] = defaultdict(RunningSum)
        self._sketches = {key: QuantileSketch() for key in _SKETCHED}
        self._last = ColumnWindow(window)
        self._last_sketches = {key: WindowSketch(window) for key in _SKETCHED}
        self._devices: list[dict[str, Any]] = []
        self._now: dict[str, float] = {}

    def add(self, lane: LaneEpisodes, bounds: FloatArray | None, cluster: Cluster) -> None:
        """Add the next n episodes.

        Args:
            lane: What the scheduler made of them.
            bounds: (n,): lower bounds of their objectives; None: there are none.
            cluster: Where they ran; by its name a device is known again when another has left.
        """
        count, num_tasks = lane.actions.shape
        columns = _columns(lane, bounds, cluster, self._price)
        for key, values in columns.items():
            self._sums[key].add(values)
        self._last.add(columns, count)
        of_tasks = {
            "wait_s": lane.placed.wait_s,
            "response_s": lane.placed.response_s,
            "slowdown": lane.placed.slowdown,
            "decision_s": lane.decision_s,
        }
        for key in _SKETCHED:
            buckets = find_buckets(of_tasks[key])
            self._sketches[key].add_buckets(buckets)
            # Decisions are timed here and there while a batch plays: they are shared out evenly.
            self._last_sketches[key].add(np.array_split(buckets, count))
        self.episodes += count
        self.tasks += count * num_tasks
        self.model_version, self.exploration = lane.model_version, lane.exploration
        self._devices = _devices_now(lane, cluster)
        newest = {metric.key: values for metric, values in lane.values.items()}
        newest |= {key: columns[key] for key in (ELECTRICITY_COST.key, _BOUND) if key in columns}
        self._now = {key: float(values[-1]) for key, values in newest.items()}

    def summary(self, span: Span = "all") -> dict[Metric, float]:
        """Each metric of a stream over all episodes, or over the last ones; nan without values."""
        sums, sketches = (
            (self._sums, self._sketches)
            if span == "all"
            else (self._last.sums(), self._last_sketches)
        )
        found = {
            metric: sketches[key].percentile(percent)
            for key, metrics in _SKETCHED.items()
            for percent, metric in metrics.items()
        }
        found |= {metric: sums.get(metric.key, RunningSum()).mean for metric in MEANS}
        return found | {
            cumulative: sums.get(metric.key, RunningSum()).total
            for metric, cumulative in CUMULATIVE_METRICS.items()
        }

    def percentiles(self, span: Span = "all") -> dict[str, dict[str, float]]:
        """Percentiles `PERCENTS` of the waits, responses and slowdowns of single tasks.

        Those of all tasks are nan if a resumed run has not kept the values of some.

        Returns:
            ``wait_s``, ``response_s``, ``slowdown`` -> percent, as a text -> value.
        """
        sketches = self._sketches if span == "all" else self._last_sketches
        found = {}
        for key in _OF_TASKS:
            values = sketches[key].percentiles(PERCENTS)
            if span == "all" and sketches[key].count != self.tasks:
                values = [math.nan] * len(PERCENTS)
            found[key] = {str(p): value for p, value in zip(PERCENTS, values, strict=True)}
        return found

    def mean_bound(self, span: Span = "all") -> float:
        """Mean of the lower bounds of the objective; nan without bounds."""
        return (self._sums if span == "all" else self._last.sums())[_BOUND].mean

    def sum_of(self, metric: Metric) -> RunningSum:
        """Sum of a metric over the episodes so far; not to be written."""
        return self._sums[metric.key]

    def pool_utilisation(self, kind: DeviceKind) -> float:
        """Mean utilisation over the window of the devices of a kind that there are now."""
        last = self._last.sums()
        devices = [device["name"] for device in self._devices if device["kind"] == kind]
        return sum(_ratio(last, name) for name in devices) / len(devices) if devices else math.nan

    def series(self, metric: Metric) -> FloatArray:
        """The window in at most `SERIES_POINTS` stretches: means of a metric, the oldest first."""
        return stretch_means(self._last.ordered(metric.key))

    def state(self) -> dict[str, Any]:
        """The newest state as JSON, for whoever watches: nan is None, infinity a text.

        ``all`` and ``window`` hold the metrics by key, and the mean ``bound``; ``now`` those of the
        newest episode; ``percentiles`` what `percentiles` gives of both spans; ``series`` the gap
        and the objective over the window; ``devices`` of each device of the newest episode its
        utilisation over all and over the window, and in that episode its ``load`` (utilisation)
        and ``queue`` (mean number of shares that wait for it).
        """
        spans: dict[str, Any] = {"now": self._now}
        for span in _SPANS:
            values = {metric.key: value for metric, value in self.summary(span).items()}
            spans[span] = values | {_BOUND: self.mean_bound(span)}
        last, series = self._last.sums(), {m.key: self.series(m).tolist() for m in (GAP, OBJECTIVE)}
        devices = [
            {
                **device,
                "utilisation": _ratio(self._sums, device["name"]),
                "window_utilisation": _ratio(last, device["name"]),
            }
            for device in self._devices
        ]
        content = {
            "scheduler": self.name,
            "episodes": self.episodes,
            "window_episodes": len(self._last),
            "tasks": self.tasks,
            "model_version": self.model_version,
            "exploration": self.exploration,
            **spans,
            "percentiles": {span: self.percentiles(span) for span in _SPANS},
            "series": series,
            "devices": devices,
        }
        plain: dict[str, Any] = plain_json(content)
        return plain

    def to_json(self) -> dict[str, Any]:
        """Describe the measures over all episodes in plain values; the window is left out."""
        return {
            "episodes": self.episodes,
            "tasks": self.tasks,
            "model_version": self.model_version,
            "exploration": self.exploration,
            "sums": {key: total.to_json() for key, total in self._sums.items()},
            "sketches": {key: sketch.to_json() for key, sketch in self._sketches.items()},
        }

    @classmethod
    def from_json(
        cls,
        where: str,
        content: Any,
        name: str,
        window: int = DEFAULT_WINDOW,
        electricity_price: float | None = None,
    ) -> LaneMeasures:
        """Build measures that go on with those of all episodes, and with an empty window.

        Raises:
            HybridClusterError: If they are damaged; the message begins with `where`.
        """
        found = cls(name, window, electricity_price)
        for field in ("episodes", "tasks", "model_version"):
            value = check_field(where, content, field, int)
            setattr(found, field, check_count(f"{where}: {field}", value, 2**53, low=0))
        found.exploration = check_number(
            f"{where}: exploration", content.get("exploration"), 0.0, 1.0
        )
        for key, total in check_field(where, content, "sums", dict).items():
            found._sums[key] = RunningSum.from_json(f"{where}: sum of {key}", total)
        sketches = check_field(where, content, "sketches", dict)
        for key in _SKETCHED:
            if key in _LATER and key not in sketches:
                continue
            described = check_field(f"{where}: sketches", sketches, key, dict)
            found._sketches[key] = QuantileSketch.from_json(f"{where}: {key}", described)
        return found


def _columns(
    lane: LaneEpisodes, bounds: FloatArray | None, cluster: Cluster, price: float | None
) -> dict[str, FloatArray]:
    """What is summed over the episodes, (n,) each."""
    columns = {metric.key: lane.values[metric] for metric in MEANS if metric in lane.values}
    if price is not None:
        columns[ELECTRICITY_COST.key] = electricity_cost(lane.values[ENERGY], price)
    if bounds is not None:
        columns[_BOUND] = bounds
    makespan_s = lane.values[MAKESPAN]
    for name, utilisation in zip(cluster.device_names, lane.utilisation.T, strict=True):
        columns[_BUSY + name] = utilisation * makespan_s
        columns[_PRESENT + name] = makespan_s
    return columns


def _devices_now(lane: LaneEpisodes, cluster: Cluster) -> list[dict[str, Any]]:
    """Load and queue of each device in the newest episode.

    The queue is the mean number of shares that have arrived and not begun: the sum of their waits
    over the makespan (Little, A proof for the queuing formula L = λW, 1961).
    """
    placed, makespan_s = lane.placed, float(lane.values[MAKESPAN][-1])
    waits_s = []
    for pool, devices in ((placed.cpus, cluster.cpus), (placed.gpus, cluster.gpus)):
        used = pool.device[-1] >= 0
        wait_s = (pool.start_s[-1] - placed.arrival_s[-1])[used]
        waits_s += np.bincount(pool.device[-1][used], wait_s, len(devices)).tolist()
    return [
        {"name": name, "kind": device.kind, "load": load, "queue": wait_s / makespan_s}
        for name, device, load, wait_s in zip(
            cluster.device_names,
            cluster.devices,
            lane.utilisation[-1].tolist(),
            waits_s,
            strict=True,
        )
    ]


def _ratio(sums: Mapping[str, RunningSum], name: str) -> float:
    """Utilisation of a device: busy time over the time that it was there."""
    return sums[_BUSY + name].total / sums[_PRESENT + name].total


def stretch_means(values: FloatArray) -> FloatArray:
    """Means of at most `SERIES_POINTS` stretches of equal length; nan counts as no value."""
    stretches = np.array_split(values, min(SERIES_POINTS, max(len(values), 1)))
    return np.array([RunningSum.of(stretch).mean for stretch in stretches])
