"""What Prometheus is told: each application counts for itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cpu_gpu_env.dashboard.schemas.live import LaneState, State
from cpu_gpu_env.dashboard.services.hub import Watched

_PREFIX = "hybridcluster"
_QUICK_S = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)


class Telemetry:
    """Counters of a server, in a registry of their own."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self.requests = Counter(
            f"{_PREFIX}_http_requests",
            "Requests by route, method and status code.",
            ("route", "method", "code"),
            registry=registry,
        )
        self.request_s = Histogram(
            f"{_PREFIX}_http_request_duration_seconds",
            "How long requests took.",
            ("route", "method"),
            buckets=_QUICK_S,
            registry=registry,
        )
        self.sockets = Gauge(f"{_PREFIX}_sockets", "Sockets that are open.", registry=registry)
        self.messages = Counter(
            f"{_PREFIX}_messages_sent", "Messages sent over sockets.", registry=registry
        )
        self.too_slow = Counter(
            f"{_PREFIX}_clients_too_slow",
            "Sockets that were closed because they were not read.",
            registry=registry,
        )
        self._poll_s = Histogram(
            f"{_PREFIX}_store_poll_duration_seconds",
            "How long looks into the store for a newest state took.",
            buckets=_QUICK_S,
            registry=registry,
        )
        self._watched = _WatchedCollector()
        registry.register(self._watched)

    def timed(self, poll: Callable[[], Watched]) -> Callable[[], Watched]:
        """Make what looks into the store measure itself."""

        def timed_poll() -> Watched:
            begin_s = time.perf_counter()
            try:
                return poll()
            finally:
                self._poll_s.observe(time.perf_counter() - begin_s)

        return timed_poll

    def exposition(self, state: State) -> bytes:
        """All metrics in Prometheus' text format.

        Args:
            state: The newest state of what is watched unless told otherwise.
        """
        self._watched.state = state
        return generate_latest(self._registry)


class _WatchedCollector(Collector):
    """Metrics of the run that is watched; those of another vanish with it."""

    def __init__(self) -> None:
        self.state: State | None = None

    def collect(self) -> Iterator[Metric]:
        """The metrics, as the newest state has them."""
        state = self.state
        if state is None:
            return
        trouble = float(state.server.trouble is not None)
        yield _gauge("store_trouble", "Whether the store cannot be read.", trouble)
        if state.run is None:
            return
        yield _gauge("run", "Number of the run that is watched.", state.run.run)
        yield _gauge("run_alive", "Whether a process writes to it.", float(state.run.is_alive))
        yield _gauge("run_tasks", "Tasks of each scheduler that are stored.", state.run.tasks)
        yield _gauge("run_episodes", "Episodes that are stored.", state.run.next_episode)
        for key, text in (
            ("objective", "Mean objective J by scheduler."),
            ("gap", "Mean gap to the lower bound by scheduler, as a ratio."),
        ):
            family = GaugeMetricFamily(f"{_PREFIX}_{key}", text, labels=("scheduler", "span"))
            for name, lane in state.lanes.items():
                for span, value in _spans(lane, key):
                    family.add_metric((name, span), value)
            yield family


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{_PREFIX}_{name}", text, value=value)


def _spans(lane: LaneState, key: str) -> Iterator[tuple[str, float]]:
    for span, values in (("all", lane.all), ("window", lane.window)):
        if (value := values.get(key)) is not None:
            yield span, float(value)
