"""Sums over the first episodes of a scheduler, found without reading all of them each time."""

from __future__ import annotations

import bisect
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from cpu_gpu_env.dashboard.repositories.episodes import read_sums
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.results.metrics import ELECTRICITY_COST, ENERGY, OBJECTIVE, REGRET, Metric
from cpu_gpu_env.results.running_sum import RunningSum
from cpu_gpu_env.results.store import tables
from cpu_gpu_env.results.store.reading import PAGE_ROWS, StoreReader
from cpu_gpu_env.results.store.tables import runs

SUMMED = (OBJECTIVE, REGRET, ENERGY, ELECTRICITY_COST)
"""Metrics that are summed over a run."""
MAX_LANES = 64
"""Schedulers, of all runs, whose sums are remembered; those asked for last."""
MAX_PLACES = 4_096
"""Episodes of each up to which a sum is remembered."""

Sums = Mapping[Metric, float | None]
"""Of each of `SUMMED`; None: no episode has a value."""
_NOTHING: Sums = dict.fromkeys(SUMMED)
_Lane = tuple[int, float, str]
"""A run, when it began (its number may be given again), and a scheduler."""


class PrefixSums:
    """Remembers sums up to some episodes, so that only those between are read.

    Stored episodes never change. Of a run whose engine keeps sums over all its episodes, the sum up
    to one of the later half is that less the ones after it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._places: OrderedDict[_Lane, dict[int, Sums]] = OrderedDict()

    def before(self, reader: StoreReader, run: int, scheduler: str, episode: int) -> Sums:
        """Sums over the episodes before one.

        Raises:
            StoreError: If the store cannot be read.
        """
        if episode <= 0:
            return _NOTHING
        lane = _lane(reader, run, scheduler)
        place, sums = self._nearest(lane, episode)
        last, total = read_total(reader, run, scheduler)
        if total is not None and place <= episode <= last and last - episode < episode - place:
            for _, part in _stretches(reader, run, scheduler, episode, last):
                total = _less(total, part)
            return self._note(lane, episode, total)
        for end, part in _stretches(reader, run, scheduler, place, episode):
            sums = self._note(lane, end, _add(sums, part))
        return sums

    def note(self, reader: StoreReader, run: int, scheduler: str, episode: int, sums: Sums) -> None:
        """Remember the sums over the episodes before one, all of which are stored."""
        self._note(_lane(reader, run, scheduler), episode, sums)

    def _nearest(self, lane: _Lane, episode: int) -> tuple[int, Sums]:
        with self._lock:
            places = self._places.get(lane, {})
            known = sorted(places)
            index = bisect.bisect_right(known, episode)
            return (known[index - 1], places[known[index - 1]]) if index else (0, _NOTHING)

    def _note(self, lane: _Lane, episode: int, sums: Sums) -> Sums:
        with self._lock:
            places = self._places.setdefault(lane, {})
            self._places.move_to_end(lane)
            if len(places) >= MAX_PLACES:
                places.clear()
            places[episode] = sums
            while len(self._places) > MAX_LANES:
                self._places.popitem(last=False)
        return sums


def _lane(reader: StoreReader, run: int, scheduler: str) -> _Lane:
    (row,) = reader.rows(sa.select(runs.c.started_at).where(runs.c.run == run))
    return run, float(row["started_at"]), scheduler


def _stretches(
    reader: StoreReader, run: int, scheduler: str, first: int, end: int
) -> Iterator[tuple[int, Sums]]:
    """Sum up episodes in stretches that one query reads: where each ends, and its sums."""
    while first < end:
        until = min(first + PAGE_ROWS, end)
        count, sums = read_sums(reader, run, scheduler, first, until, SUMMED)
        yield until, sums
        first = until
        if not count:  # numbers follow each other, but in a store that somebody else has made
            low, high = reader.ends(tables.episodes, run, scheduler, until)
            first = max(low, until) if high >= low else end


def _add(one: Sums, other: Sums) -> Sums:
    """Sums over two stretches of episodes together."""
    return {metric: _added(one[metric], other[metric]) for metric in SUMMED}


def _added(one: float | None, other: float | None) -> float | None:
    return other if one is None else one if other is None else one + other


def _less(total: Sums, part: Sums) -> Sums:
    return {m: _added(total[m], None if (p := part[m]) is None else -p) for m in SUMMED}


def read_total(reader: StoreReader, run: int, scheduler: str) -> tuple[int, Sums | None]:
    """Sums over all episodes of a scheduler as the engine of the run keeps them.

    Returns:
        How many episodes there are, and the sums; None: the run tells none that can be used.
    """
    of_lane = runs.c.measures[("lanes", scheduler)]
    query = sa.select(
        runs.c.next_episode,
        of_lane["episodes"].as_integer().label("episodes"),
        of_lane["sums"].label("sums"),
    ).where(runs.c.run == run)
    (row,) = reader.rows(query)
    described: Any = row["sums"]
    if row["episodes"] != row["next_episode"] or not isinstance(described, Mapping):
        return row["next_episode"], None
    try:
        found = {
            metric: RunningSum.from_json(metric.key, described[metric.key])
            if metric.key in described
            else RunningSum()
            for metric in SUMMED
        }
    except HybridClusterError:
        return row["next_episode"], None
    sums = {metric: of.total if of.count else None for metric, of in found.items()}
    return row["next_episode"], sums
