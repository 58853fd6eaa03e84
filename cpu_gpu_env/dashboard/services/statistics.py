"""The newest decisions of a scheduler, summed up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr

from cpu_gpu_env.dashboard.repositories.decisions import read_column, read_newest
from cpu_gpu_env.dashboard.repositories.source import StoreSource
from cpu_gpu_env.dashboard.schemas.base import Number, Numbers
from cpu_gpu_env.dashboard.schemas.tasks import Correlation, HeatMap, Histogram, StatisticsAnswer
from cpu_gpu_env.dashboard.services.clusters import gpu_fractions_of
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.results.records import ORACLE
from cpu_gpu_env.results.store.queries import Page
from cpu_gpu_env.results.store.reading import NO_END, StoreReader
from cpu_gpu_env.results.store.tables import decisions

MAX_DECISIONS = 20_000
"""Decisions that are summed up at most."""
BINS = 30
"""Of a histogram of sizes or intensities."""
CELLS = 24
"""Of the heat map, along each axis."""
PERCENTS = (50, 90, 99)
MIN_CORRELATED = 3
"""Of fewer tasks there is no correlation."""

_SIZE, _INTENSITY, _MEMORY = "size_flop", "intensity_flop_per_byte", "memory_bytes"
_FRACTION, _WAIT, _RESPONSE, _ENERGY = "gpu_fraction", "wait_s", "response_s", "energy_j"
_ROWS, _COLUMNS = (_SIZE, _INTENSITY, _MEMORY), (_FRACTION, _WAIT, _RESPONSE, _ENERGY)
_SHARES = ("arrival_s", "cpu_start_s", "gpu_start_s", "cpu_finish_s", "gpu_finish_s")
_READ = [decisions.c[name] for name in ("sequence", *_ROWS, _FRACTION, _ENERGY, *_SHARES)]

_Values = Mapping[str, FloatArray]
"""(n,) each, by name."""


@dataclass(frozen=True, eq=False)
class _Oracle:
    """What the oracle decided on some of the same tasks."""

    tasks: npt.NDArray[np.intp]
    """(m,): which of the tasks."""
    gpu_fraction: FloatArray
    """(m,)."""


class StatisticsService:
    """Sums decisions up.

    Args:
        source: The store.
    """

    def __init__(self, source: StoreSource) -> None:
        self._source = source

    def sum_up(
        self, run: int, scheduler: str, last: int = 5_000, before: int | None = None
    ) -> StatisticsAnswer:
        """Sum up the newest decisions of a scheduler.

        Args:
            run: Number of the run.
            scheduler: Name of the scheduler.
            last: How many.
            before: Those before this sequence; None: the newest that there are.

        Raises:
            NotFoundError: If there is no such run, or the scheduler did not take part.
        """
        with self._source.reading() as reader:
            row = reader.run_row(run)
            reader.check_scheduler(run, scheduler)
            end = NO_END if before is None else before
            page = read_newest(reader, run, scheduler, last, end, _READ)
            oracle = _read_oracle(reader, row, page)
        values = _values(page)
        return StatisticsAnswer(
            run=run,
            scheduler=scheduler,
            tasks=len(page["sequence"]),
            first=page["sequence"][0] if page["sequence"] else 0,
            histograms={
                **{name: _histogram(values[name], BINS) for name in _shown(values)},
                _FRACTION: _by_fraction(values[_FRACTION], gpu_fractions_of(row)),
            },
            heat_map=_heat_map(values, oracle),
            correlation=_correlation(values),
            percentiles={name: _percentiles(values[name]) for name in (_WAIT, _RESPONSE)},
        )


def _read_oracle(reader: StoreReader, row: Mapping[str, Any], page: Page) -> _Oracle | None:
    """Read what the oracle decided on the tasks of a page; None: on none of them."""
    sequence = page["sequence"]
    if ORACLE not in row["schedulers"] or not sequence:
        return None
    column = decisions.c.gpu_fraction
    found = read_column(reader, row["run"], ORACLE, sequence[0], sequence[-1] + 1, column)
    _, mine, own = np.intersect1d(
        np.array(sequence, np.int64), np.array(found["sequence"], np.int64), True, True
    )
    return _Oracle(mine, np.array(found[column.name], np.float64)[own]) if len(mine) else None


def _values(page: Page) -> _Values:
    """What is summed up of each decision; waits and responses as in `sim.placed.PlacedTasks`."""
    known = {name: np.array(page[name], np.float64) for name in (*_ROWS, _FRACTION, _ENERGY)}
    arrival, cpu_start, gpu_start, cpu_finish, gpu_finish = (
        np.array(page[name], np.float64) for name in _SHARES
    )
    known[_WAIT] = np.fmin(cpu_start, gpu_start) - arrival
    known[_RESPONSE] = np.fmax(cpu_finish, gpu_finish) - arrival
    return known


def _shown(values: _Values) -> Sequence[str]:
    """What of the tasks is shown: their work, or their memory where none tells it."""
    work = values[_SIZE]
    return (_MEMORY,) if len(work) and np.isnan(work).all() else (_SIZE, _INTENSITY)


def _edges(values: FloatArray, bins: int) -> FloatArray:
    """Edges on a logarithmic scale, (bins + 1,), from the least to the greatest positive value."""
    known = values[(values > 0.0) & np.isfinite(values)]
    low, high = (known.min(), known.max()) if len(known) else (1.0, 1.0)
    if low == high:  # one value lies in the middle of an octave to both sides
        low, high = low / 2.0, high * 2.0
    return np.geomspace(low, high, bins + 1)


def _histogram(values: FloatArray, bins: int) -> Histogram:
    values = values[np.isfinite(values)]
    if not len(values):
        return Histogram(edges=[], counts=[])
    counts, edges = np.histogram(values, _edges(values, bins))
    return Histogram(edges=edges.tolist(), counts=counts.tolist())


def _by_fraction(values: FloatArray, known: Sequence[float]) -> Histogram:
    """Count GPU fractions, a bin for each that the run has or that was chosen."""
    fractions = np.unique([*known, *values.tolist()])
    if not len(fractions):
        return Histogram(edges=[], counts=[])
    between = (fractions[1:] + fractions[:-1]) / 2.0
    outer = between if len(between) else fractions + 0.5
    ends = 2.0 * fractions[0] - outer[0], 2.0 * fractions[-1] - outer[-1]
    if not len(between):
        ends = fractions[0] - 0.5, fractions[0] + 0.5
    edges = np.concatenate([[ends[0]], between, [ends[1]]])
    counts = np.bincount(np.searchsorted(fractions, values), minlength=len(fractions))
    return Histogram(edges=edges.tolist(), counts=counts.tolist())


def _heat_map(values: _Values, oracle: _Oracle | None) -> HeatMap | None:
    size, intensity, fraction = values[_SIZE], values[_INTENSITY], values[_FRACTION]
    if not (np.isfinite(size) & np.isfinite(intensity)).any():
        return None
    edges = _edges(intensity, CELLS), _edges(size, CELLS)

    def spread(tasks: Any, weights: FloatArray | None = None) -> FloatArray:
        return np.asarray(np.histogram2d(intensity[tasks], size[tasks], edges, weights=weights)[0])

    counts = spread(slice(None))
    difference = None
    if oracle is not None:
        less = spread(oracle.tasks, fraction[oracle.tasks] - oracle.gpu_fraction)
        difference = _means(less, spread(oracle.tasks))
    return HeatMap(
        size_flop_edges=edges[1].tolist(),
        intensity_edges=edges[0].tolist(),
        counts=counts.astype(np.int64).tolist(),
        gpu_fraction=_means(spread(slice(None), fraction), counts),
        oracle_difference=difference,
    )


def _means(sums: FloatArray, counts: FloatArray) -> list[Numbers]:
    means = np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0)
    return [
        [mean if count else None for mean, count in zip(*pair, strict=True)]
        for pair in zip(means.tolist(), counts.tolist(), strict=True)
    ]


def _correlation(values: _Values) -> Correlation | None:
    """Spearman's coefficients; null where a column is the same for all tasks."""
    rows = [name for name in _ROWS if np.isfinite(values[name]).any()]
    names = (*rows, *_COLUMNS)
    table = np.stack([values[name] for name in names], axis=1)
    table = table[np.isfinite(table).all(axis=1)]
    if len(table) < MIN_CORRELATED:
        return None
    varies = np.flatnonzero(np.ptp(table, axis=0) > 0.0)
    found = np.full((len(names), len(names)), np.nan)
    if len(varies) > 1:
        statistic = np.asarray(spearmanr(table[:, varies]).statistic)
        if statistic.ndim == 0:  # of two columns: their one coefficient
            statistic = np.array([[1.0, statistic], [statistic, 1.0]])
        found[np.ix_(varies, varies)] = statistic
    ours = found[: len(rows), len(rows) :]
    return Correlation(rows=rows, columns=[*_COLUMNS], values=ours.tolist())


def _percentiles(values: FloatArray) -> dict[str, Number]:
    known = values[~np.isnan(values)]
    if not len(known):
        return {str(percent): None for percent in PERCENTS}
    found = np.percentile(known, PERCENTS).tolist()
    return {str(percent): value for percent, value in zip(PERCENTS, found, strict=True)}
