"""Episodes of a run: single ones, groups of them, and sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.results.metrics import Metric
from cpu_gpu_env.results.store.queries import Page, rows_within
from cpu_gpu_env.results.store.reading import StoreReader, telling
from cpu_gpu_env.results.store.records import STORED_METRICS
from cpu_gpu_env.results.store.tables import episodes


@dataclass(frozen=True, eq=False)
class LaneValues:
    """Episodes of one scheduler."""

    episode: npt.NDArray[np.int64]
    """(n,): number within the run, ascending."""
    values: dict[Metric, FloatArray]
    """(n,) of each of `STORED_METRICS`; nan: not measured."""


def read_values(reader: StoreReader, run: int, scheduler: str, first: int, end: int) -> LaneValues:
    """Read the metrics of episodes from number `first` to before `end`."""
    columns = [episodes.c[metric.key] for metric in STORED_METRICS]
    within = rows_within(episodes, run, scheduler, first, end)
    query = sa.select(episodes.c.episode, *columns).where(*within).order_by(episodes.c.episode)
    page = reader.columns(query)
    with telling(reader.store):
        values = {m: np.array(page[m.key], np.float64) for m in STORED_METRICS}
        return LaneValues(np.array(page["episode"], np.int64), values)


def read_groups(
    reader: StoreReader,
    run: int,
    scheduler: str,
    every: int,
    first: int,
    end: int,
    summed: Sequence[Metric],
) -> Page:
    """Let the database sum up groups of episodes from number `first` to before `end`.

    Args:
        reader: The store.
        run: Number of the run.
        scheduler: Name of the scheduler.
        every: Episodes of a group: 0 to `every` - 1 are the first, and so on; where a phase ends,
            its group does.
        first: Number of the first episode.
        end: Number of the one after the last.
        summed: Metrics whose sums are wanted, too.

    Returns:
        By column, a row a group in order: ``episode`` (the first), ``count``, ``phase``, means
        ``bound`` and of each of `STORED_METRICS` over those episodes that have a value, and of each
        that is summed the sum ``sum_of_...``; None where no episode has one.
    """
    key = episodes.c.episode
    averaged = (episodes.c.bound, *(episodes.c[metric.key] for metric in STORED_METRICS))
    query = sa.select(
        sa.func.min(key).label("episode"),
        sa.func.count().label("count"),
        episodes.c.phase,
        *(sa.func.avg(column).label(column.name) for column in averaged),
        *_sums(summed),
    ).where(*rows_within(episodes, run, scheduler, first, end))
    grouped = query.group_by(key // every, episodes.c.phase).order_by(sa.text("1"))
    return reader.columns(grouped)


def read_sums(
    reader: StoreReader, run: int, scheduler: str, first: int, end: int, summed: Sequence[Metric]
) -> tuple[int, dict[Metric, float | None]]:
    """Sum metrics over episodes from number `first` to before `end`.

    Returns:
        How many episodes there are, and the sums; None: none has a value.
    """
    counted = sa.func.count().label("count")
    within = rows_within(episodes, run, scheduler, first, end)
    (row,) = reader.rows(sa.select(counted, *_sums(summed)).where(*within))
    return row["count"], {metric: row[_sum_key(metric)] for metric in summed}


def _sum_key(metric: Metric) -> str:
    return f"sum_of_{metric.key}"


def _sums(summed: Sequence[Metric]) -> list[sa.Label[Any]]:
    return [sa.func.sum(episodes.c[m.key]).label(_sum_key(m)) for m in summed]


def sums_of(page: Page, metric: Metric) -> FloatArray:
    """Sums of a metric in groups of `read_groups`, (groups,); nan: no episode has a value."""
    return np.array(page[_sum_key(metric)], np.float64)


def phase_before(reader: StoreReader, run: int, scheduler: str, episode: int) -> str | None:
    """Phase of the last episode before one; None: there is none."""
    within = rows_within(episodes, run, scheduler, 0, episode)
    last = sa.select(episodes.c.phase).where(*within).order_by(episodes.c.episode.desc()).limit(1)
    return next((row["phase"] for row in reader.rows(last)), None)


def finished_at(
    reader: StoreReader, run: int, schedulers: Sequence[str], episode: int
) -> float | None:
    """When an episode was finished by the first of these that has played it; None: by none."""
    for scheduler in schedulers:
        within = rows_within(episodes, run, scheduler, episode, episode + 1)
        for row in reader.rows(sa.select(episodes.c.finished_at).where(*within)):
            return float(row["finished_at"])
    return None
