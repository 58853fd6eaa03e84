"""A stream's curves in TensorBoard, while it runs: one run a scheduler, the same tags in each."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cpu_gpu_env.baselines.report.tensorboard import custom_scalars as custom_scalars_layout
from cpu_gpu_env.io.event_files import EVENT_FILES, EventFile, cut_event_files
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.results.drifts import PHASES
from cpu_gpu_env.results.metrics import (
    CUMULATIVE_METRICS,
    DECISION_METRICS,
    DRIFT_CURVE,
    EXPLORATION_CURVE,
    MODEL_VERSION_CURVE,
    STREAM_UTILISATION_CURVES,
    Metric,
    stream_charts,
)
from cpu_gpu_env.results.running_sum import RunningSum
from cpu_gpu_env.runtime.measures import MEANS
from cpu_gpu_env.runtime.records import LaneEpisodes, LearnedModel, Phase
from cpu_gpu_env.runtime.stream_measures import StreamMeasures

if TYPE_CHECKING:
    from cpu_gpu_env.runtime.engine import Finished

Totals = Mapping[Metric, tuple[float, int]]
"""Sum and number of the values of each metric."""
Running = Mapping[Metric, tuple[FloatArray, FloatArray]]
"""Sum and mean of each metric up to each of n episodes, (n,)."""
Curves = Mapping[str, FloatArray]
"""Values of n episodes by tag, (n,)."""

SUFFIX = ".stream"
"""Ends the names of our event files: a new stream replaces these and no others."""
POINTS = 500
"""Up to this episode each is a point of the curves; from then on there are as many points in each
stretch in which the number of episodes grows by e: TensorBoard shows a thousand of a curve."""
RETRY_S = 30.0
"""How long to wait after an error before curves are written again [s]."""


class StreamCurves:
    """Writes the curves of a stream; a sink of the engine, and a context manager.

    The step is the episode of the stream. Of each episode that is a point of the curves there are
    ``episode/``, ``mean/``, ``difference/`` (mean difference to the reference so far) and
    ``cumulative/``, as in a comparison of the same episodes; of the last episode of each batch with
    a point ``all/`` (percentiles of all tasks so far), ``decision/``, ``window/``, ``stream/drift``
    and ``learning/``. Points grow sparser (see `POINTS`), so that a million episodes take some
    6 MB a scheduler, and a thousand million 11. They are in the files at once.

    An error of writing, such as a full disk, stops no stream: see `trouble`. The points of the
    meantime are lost.

    Args:
        folder: Has a folder a scheduler.
        measures: Of the lanes, to which each batch is added before it comes here.
        models: Tells the model of each lane that learns, whose scores are written.
        first: Number of the first episode: of 0 event files of an earlier stream are removed; of
            another, what they hold from this episode on.
        clock: Tells the time [s].

    Raises:
        OSError: If a file cannot be made or cut.
    """

    def __init__(
        self,
        folder: Path,
        measures: StreamMeasures,
        first: int = 0,
        models: Mapping[str, Callable[[], LearnedModel]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._measures, self._clock = measures, clock
        folders = {name: folder / name for name in measures.lanes}
        for path in folders.values():
            if first == 0:
                for earlier in path.glob(EVENT_FILES + SUFFIX):
                    earlier.unlink()
            else:
                cut_event_files(path, first - 1, SUFFIX)
        self._files = {
            name: EventFile(path, SUFFIX, first or None) for name, path in folders.items()
        }
        for file in self._files.values():
            _add_layout(file)
        self._points = _points(first)
        self._point = next(self._points)
        self._before = self._totals()
        self._models, self._scored = models or {}, dict[str, int]()
        self._phase: Phase | None = None
        self._retry_at = -float("inf")
        self.trouble: str | None = None
        """Why nothing is written at the moment; None: there is no reason."""

    def __enter__(self) -> StreamCurves:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def add(self, finished: Finished) -> None:
        """Write the points of the next batch of episodes."""
        batch = finished.arrived.batch
        last = batch.first + len(batch) - 1
        changed = batch.phase is not self._phase
        self._phase = batch.phase
        steps = [batch.first] if changed and batch.first < self._point else []
        while self._point <= last:
            steps.append(self._point)
            self._point = next(self._points)
        before, self._before = self._before, self._totals()
        if not steps or self._clock() < self._retry_at:
            return
        running = {name: _running(before[name], lane) for name, lane in finished.lanes.items()}
        reference = running[self._measures.differences.reference]
        try:
            for name, lane in finished.lanes.items():
                curves = _episode_curves(lane, running[name], reference)
                points = {step: _known(curves, step - batch.first) for step in steps}
                points[last] = points.get(last, {}) | self._newest(name, batch.phase)
                self._files[name].add_scalars(points)
        except OSError as error:
            self.trouble = f"curves: {error.filename}: {error.strerror}"
            self._retry_at = self._clock() + RETRY_S
        else:
            self.trouble = None

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()

    def _totals(self) -> dict[str, Totals]:
        return {
            name: {metric: _total(lane.sum_of(metric)) for metric in MEANS}
            for name, lane in self._measures.lanes.items()
        }

    def _newest(self, name: str, phase: Phase) -> dict[str, float]:
        """Values of a lane as of the last episode, by tag."""
        lane = self._measures.lanes[name]
        overall, window = lane.summary("all"), lane.summary("window")
        percentiles = [m for m in overall if m.of_all_tasks or m in DECISION_METRICS.values()]
        found = {metric.tag: overall[metric] for metric in percentiles}
        found |= {
            metric.window_tag: value
            for metric, value in window.items()
            if metric not in CUMULATIVE_METRICS.values()
        }
        cpus, gpus = STREAM_UTILISATION_CURVES
        found[cpus.tag] = lane.pool_utilisation("cpu")
        found[gpus.tag] = lane.pool_utilisation("gpu")
        if phase.name:
            found[DRIFT_CURVE.tag] = float(phase.name == PHASES[1])
        if lane.model_version or lane.exploration:
            found[MODEL_VERSION_CURVE.tag] = float(lane.model_version)
            found[EXPLORATION_CURVE.tag] = lane.exploration
        if name in self._models:
            model = self._models[name]()
            if self._scored.get(name) != model.version:
                self._scored[name] = model.version
                found |= {f"learning/score/{key}": value for key, value in model.score.items()}
        return {tag: value for tag, value in found.items() if not math.isnan(value)}


def _points(first: int) -> Iterator[int]:
    """Episodes that are points, from one on; the same ones wherever that is."""
    episode = 0
    while True:
        if episode >= first:
            yield episode
        episode += max(1, episode // POINTS)


def _total(sum_of: RunningSum) -> tuple[float, int]:
    return (sum_of.total, sum_of.count) if sum_of.count else (0.0, 0)


def _running(before: Totals, lane: LaneEpisodes) -> Running:
    """Sum and mean of each metric up to each of n episodes, (n,)."""
    found = {}
    for metric in MEANS:
        if (values := lane.values.get(metric)) is not None:
            total, count = before[metric]
            sums = total + np.nancumsum(values)
            counts = count + np.cumsum(~np.isnan(values))
            with np.errstate(invalid="ignore", divide="ignore"):
                found[metric] = sums, sums / counts
    return found


def _episode_curves(lane: LaneEpisodes, running: Running, reference: Running) -> Curves:
    """Curves by tag, (n,) each."""
    curves = {metric.episode_tag: values for metric, values in lane.values.items()}
    for metric, (sums, means) in running.items():
        curves[metric.tag] = means
        if metric in reference:
            with np.errstate(invalid="ignore"):  # gaps may be infinite
                curves[metric.difference_tag] = means - reference[metric][1]
        if (cumulative := CUMULATIVE_METRICS.get(metric)) is not None:
            curves[cumulative.tag] = sums
    return curves


def _known(curves: Curves, index: int) -> dict[str, float]:
    """Values of an episode that are not nan, by tag."""
    values = {tag: float(curve[index]) for tag, curve in curves.items()}
    return {tag: value for tag, value in values.items() if not math.isnan(value)}


def _add_layout(file: EventFile) -> None:
    from torch.utils.tensorboard.summary import custom_scalars

    layout = custom_scalars_layout(stream_charts())
    file.add_summary(custom_scalars(layout), 0)  # type: ignore[no-untyped-call]
