"""Two stored schedulers against each other, episode by episode where they played the same ones."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cpu_gpu_env.results.estimate import Estimate
from cpu_gpu_env.results.metrics import Metric
from cpu_gpu_env.results.store.problems import problem_key, replays_windows
from cpu_gpu_env.results.store.reading import NO_END, StoreReader
from cpu_gpu_env.results.store.records import StoredEpisodes


@dataclass(frozen=True, eq=False)
class StoredPair:
    """What two schedulers, of one run or of two, made of the same episodes or of their own."""

    one: StoredEpisodes
    """Episodes of the first; if paired, those that both played."""
    other: StoredEpisodes
    """Episodes of the second; if paired, the same in the same order."""
    paired: bool
    """Whether row by row they are the same episodes."""
    same_problem: bool = True
    """Whether they are of the same problems: only then do means of other episodes compare."""

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Those that were measured of both in every episode."""
        return tuple(metric for metric in self.one.metrics if metric in self.other.metrics)

    def difference(self, metric: Metric) -> Estimate:
        """Mean of the first less that of the second, with its 95 % interval.

        Paired, it is the mean of the differences (nan where both are infinite, as gaps to a bound
        of 0 are). Otherwise the two intervals are added as those of independent means: the root of
        the sum of the squares of their half-widths.
        """
        if self.paired:
            with np.errstate(invalid="ignore"):
                return Estimate.of(self.one[metric] - self.other[metric])
        one, other = Estimate.of(self.one[metric]), Estimate.of(self.other[metric])
        return Estimate(one.mean - other.mean, math.hypot(one.half_width, other.half_width))

    def describe(self) -> str:
        """Say which episodes were compared."""
        if self.paired:
            return f"paired in the {len(self.one)} episodes that both played"
        counts = f"({len(self.one)} and {len(self.other)} of their own)"
        if self.same_problem:
            return f"not paired: they have no episode in common {counts}"
        return f"not comparable: they are of different problems {counts}"


def pair_stored(
    reader: StoreReader,
    one: tuple[int, str],
    other: tuple[int, str],
    first: int = 0,
    end: int = NO_END,
) -> StoredPair:
    """Compare two schedulers by what is stored of them.

    Episodes of one run are the same if their numbers are; those of two runs if problem and seed
    are, or, where a stream plays the windows of a trace in order, problem and number.

    Args:
        reader: The store.
        one: Number of the run and name of the scheduler.
        other: The same of that to which it is compared.
        first: Number of the first episode of each run to take.
        end: Number of the episode after the last.

    Raises:
        HybridClusterError: If a run or a scheduler is unknown.
    """
    mine, theirs = (reader.episodes(*which, first, end) for which in (one, other))
    rows = [reader.run_row(run) for run, _ in (one, other)]
    pair = _pair(mine, _keys(rows[0], mine, rows[1]), theirs, _keys(rows[1], theirs, rows[0]))
    problems = [
        {problem_key(row, phase) for phase in dict.fromkeys(played.phase)}
        for row, played in zip(rows, (mine, theirs), strict=True)
    ]
    return replace(pair, same_problem=problems[0] == problems[1])


def pair_in_run(one: StoredEpisodes, other: StoredEpisodes) -> StoredPair:
    """Compare two schedulers of one run: there equal numbers are equal episodes."""
    return _pair(one, one.episode.tolist(), other, other.episode.tolist())


def _pair(
    one: StoredEpisodes,
    keys: Sequence[Hashable],
    other: StoredEpisodes,
    other_keys: Sequence[Hashable],
) -> StoredPair:
    """Put the episodes with the same keys beside each other, in the order of the first."""
    place = {key: index for index, key in enumerate(keys)}
    found = [(place[key], index) for index, key in enumerate(other_keys) if key in place]
    if not found:
        return StoredPair(one, other, False)
    left, right = np.array(sorted(found)).T
    return StoredPair(one.take(left), other.take(right), True)


def _keys(
    row: Mapping[str, Any], played: StoredEpisodes, other: Mapping[str, Any]
) -> list[Hashable]:
    """What is the same for equal episodes of a run and another one, an entry an episode."""
    numbers: list[Hashable] = played.episode.tolist()
    if row["run"] == other["run"]:
        return numbers
    problems = {phase: problem_key(row, phase) for phase in dict.fromkeys(played.phase)}
    in_order = replays_windows(row)
    return [
        (problems[phase], seed, number if in_order or seed is None else None)
        for phase, seed, number in zip(played.phase, played.seed, numbers, strict=True)
    ]
