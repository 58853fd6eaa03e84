"""How the schedulers of a run compare: means, paired differences, and who wins how often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.dashboard.errors import NotFoundError
from cpu_gpu_env.dashboard.repositories.episodes import LaneValues, read_values
from cpu_gpu_env.dashboard.repositories.source import StoreSource
from cpu_gpu_env.dashboard.schemas.base import Numbers
from cpu_gpu_env.dashboard.schemas.runs import ComparisonAnswer, LaneComparison, MeanValue
from cpu_gpu_env.errors import unknown_name
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.results.estimate import Estimate
from cpu_gpu_env.results.metrics import DECISION_METRICS, OBJECTIVE, STREAM_METRICS
from cpu_gpu_env.results.store import tables
from cpu_gpu_env.results.store.reading import StoreReader
from cpu_gpu_env.runtime.stream_measures import lane_reference

MAX_EPISODES = 10_000
"""Episodes of each scheduler that are compared at most: the newest."""
MAX_ROWS = 30_000
"""Episodes of all schedulers together at most: of eight there are 3,750 each."""

Span = Literal["all", "window"]


@dataclass(frozen=True, eq=False)
class _Lane:
    """One scheduler in all episodes that anybody played."""

    name: str
    count: int
    """How many it played itself."""
    values: FloatArray
    """(episodes, metrics); nan: not measured, or not played."""


_COLUMNS = (*STREAM_METRICS, *DECISION_METRICS.values())
_MEANS = len(STREAM_METRICS)
_OBJECTIVE = STREAM_METRICS.index(OBJECTIVE)


class ComparisonService:
    """Compares schedulers.

    Args:
        source: The store.
    """

    def __init__(self, source: StoreSource) -> None:
        self._source = source

    def compare(
        self, run: int, span: Span = "all", episodes: int = 100, reference: str | None = None
    ) -> ComparisonAnswer:
        """Compare the schedulers of a run by its newest episodes.

        Args:
            run: Number of the run.
            span: ``all`` takes as many as there are, up to `MAX_EPISODES` and `MAX_ROWS`.
            episodes: So many ``window`` takes, up to the same bounds.
            reference: To whom the others are compared; None: see `lane_reference`.

        Raises:
            NotFoundError: If there is no such run, or the reference did not take part.
        """
        with self._source.reading() as reader:
            names = reader.schedulers(run)
            if reference is not None and reference not in names:
                raise NotFoundError(unknown_name(f"scheduler of run {run}", reference, names))
            most = min(MAX_EPISODES, MAX_ROWS // max(len(names), 1))
            wanted = min(episodes, most) if span == "window" else most
            first, end = _newest(reader, run, names, wanted)
            played = {name: read_values(reader, run, name, first, end) for name in names}
        lanes = _side_by_side(played)
        if not lanes:
            return ComparisonAnswer(
                run=run, first=first, end=end, reference=None, lanes=[], wins=[]
            )
        return _answer(run, first, end, lanes, reference or lane_reference(names))


def _newest(reader: StoreReader, run: int, names: Sequence[str], wanted: int) -> tuple[int, int]:
    """Number of the first of the newest episodes, and of the one after the last."""
    ends = [reader.ends(tables.episodes, run, name) for name in names]
    played = [(low, high) for low, high in ends if high >= low]
    if not played:
        return 0, 0
    end = max(high for _, high in played) + 1
    return max(min(low for low, _ in played), end - wanted), end


def _side_by_side(played: Mapping[str, LaneValues]) -> list[_Lane]:
    """Put the same episodes of all schedulers into the same rows."""
    known = np.unique(np.concatenate([[], *(lane.episode for lane in played.values())]))
    lanes = []
    for name, lane in played.items():
        if len(lane.episode):
            values = np.full((len(known), len(_COLUMNS)), np.nan)
            rows = np.searchsorted(known, lane.episode)
            values[rows] = np.stack([lane.values[metric] for metric in _COLUMNS], axis=1)
            lanes.append(_Lane(name, len(lane.episode), values))
    return sorted(lanes, key=lambda lane: _mean_objective(lane.values[:, _OBJECTIVE]))


def _mean_objective(objective: FloatArray) -> float:
    known = objective[~np.isnan(objective)]
    return float(known.mean()) if len(known) else np.inf


def _answer(
    run: int, first: int, end: int, lanes: Sequence[_Lane], reference: str
) -> ComparisonAnswer:
    means = [lane.values[:, :_MEANS] for lane in lanes]
    compared_to = next(
        (m for m, lane in zip(means, lanes, strict=True) if lane.name == reference), None
    )
    differences = [
        np.full_like(own, np.nan)
        if compared_to is None or own is compared_to
        else _difference(own, compared_to)
        for own in means
    ]
    estimates = _estimates([*means, *differences])
    return ComparisonAnswer(
        run=run,
        first=first,
        end=end,
        reference=reference,
        lanes=[
            LaneComparison(
                scheduler=lane.name,
                episodes=lane.count,
                means=own | _medians(lane.values[:, _MEANS:]),
                differences=difference,
            )
            for lane, own, difference in zip(
                lanes, estimates[: len(lanes)], estimates[len(lanes) :], strict=True
            )
        ],
        wins=_wins(np.stack([lane.values[:, _OBJECTIVE] for lane in lanes])),
    )


def _difference(one: FloatArray, other: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore"):  # of two infinite gaps there is none
        return one - other


def _estimates(samples: Sequence[FloatArray]) -> list[dict[str, MeanValue]]:
    """Means with intervals of each metric over those episodes that have a value.

    Args:
        samples: (episodes, metrics) each; nan: no value.
    """
    values = np.concatenate(samples, axis=1)
    known = ~np.isnan(values)
    alike: dict[bytes, list[int]] = {}  # columns that the same episodes have: quicker together
    for column, rows in enumerate(known.T):
        alike.setdefault(rows.tobytes(), []).append(column)
    found: list[dict[str, MeanValue]] = [{} for _ in samples]
    for columns in alike.values():
        rows = known[:, columns[0]]
        if rows.any():
            with np.errstate(invalid="ignore"):
                estimates = Estimate.of_each(values[rows][:, columns])
            for column, estimate in zip(columns, estimates, strict=True):
                metric = STREAM_METRICS[column % _MEANS]
                found[column // _MEANS][metric.key] = MeanValue(
                    mean=estimate.mean, half_width=estimate.half_width
                )
    return found


def _medians(values: FloatArray) -> dict[str, MeanValue]:
    """Of percentiles of decision times the medians: a mean of percentiles is none."""
    found = {}
    for metric, column in zip(DECISION_METRICS.values(), values.T, strict=True):
        known = column[~np.isnan(column)]
        if len(known):
            found[metric.key] = MeanValue(mean=float(np.median(known)), half_width=None)
    return found


def _wins(objective: npt.NDArray[np.float64]) -> list[Numbers]:
    """Share of the episodes that both played in which the row's scheduler beats the column's."""
    both = ~np.isnan(objective)
    count = both.astype(np.float64) @ both.T.astype(np.float64)
    better = np.array([OBJECTIVE.beats(row, objective).sum(axis=1) for row in objective])
    with np.errstate(invalid="ignore"):
        shares = better / count
    return [[None if np.isnan(s) else float(s) for s in row] for row in shares]
