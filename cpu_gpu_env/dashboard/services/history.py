"""How a run went, in groups of episodes, a page of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from cpu_gpu_env.dashboard.errors import NotFoundError
from cpu_gpu_env.dashboard.repositories.episodes import phase_before, read_groups, sums_of
from cpu_gpu_env.dashboard.repositories.runs import read_models
from cpu_gpu_env.dashboard.repositories.source import StoreSource
from cpu_gpu_env.dashboard.repositories.totals import SUMMED, PrefixSums
from cpu_gpu_env.dashboard.schemas.base import Numbers
from cpu_gpu_env.dashboard.schemas.runs import HistoryAnswer, HistoryLane, Mark
from cpu_gpu_env.errors import unknown_name
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.results.store import tables
from cpu_gpu_env.results.store.queries import Page
from cpu_gpu_env.results.store.reading import StoreReader
from cpu_gpu_env.results.store.records import STORED_METRICS

MAX_GRANULARITY = 10_000
"""Episodes of a group at most."""
MAX_GROUPS = 1_000
"""Groups of a page at most, besides those that a change of phase cuts."""
MAX_ROWS = 40_000
"""Episodes of all schedulers together that a page is made of, if more than one group: a page may
have fewer groups than were asked for."""
MAX_GROUPS_OF_ALL = 6_000
"""Groups of all schedulers together, in the same way."""


class HistoryService:
    """Tells how runs went.

    Args:
        source: The store.
    """

    def __init__(self, source: StoreSource) -> None:
        self._source = source
        self._sums = PrefixSums()

    def page(
        self,
        run: int,
        granularity: int = 10,
        first: int = 0,
        limit: int = 200,
        schedulers: Sequence[str] | None = None,
    ) -> HistoryAnswer:
        """Sum up groups of episodes.

        Args:
            run: Number of the run.
            granularity: Episodes of a group: 0 to `granularity` - 1 are the first, and so on.
            first: The page begins with the group that has this episode, or the next that there is.
            limit: Groups of the page at most; see `MAX_ROWS`.
            schedulers: Names; None: all.

        Raises:
            NotFoundError: If there is no such run, or a scheduler did not take part.
        """
        with self._source.reading() as reader:
            names = _chosen(run, reader.schedulers(run), schedulers)
            ends = {name: reader.ends(tables.episodes, run, name, first) for name in names}
            played = {name: ends for name, ends in ends.items() if ends[1] >= ends[0]}
            if not played:
                return HistoryAnswer(
                    run=run, granularity=granularity, lanes={}, marks=[], next=None
                )
            begin = min(low for low, _ in played.values()) // granularity * granularity
            last = max(high for _, high in played.values())
            most = min(MAX_ROWS // granularity, MAX_GROUPS_OF_ALL) // len(names)
            groups = min(limit, max(most, 1))
            end = min(begin + groups * granularity, last + 1)
            pages = {
                name: read_groups(reader, run, name, granularity, begin, end, SUMMED)
                for name in played
            }
            return HistoryAnswer(
                run=run,
                granularity=granularity,
                lanes={
                    name: _lane(page, self._cumulate(reader, run, name, begin, end, page))
                    for name, page in pages.items()
                    if page["episode"]
                },
                marks=[
                    *_drifts(reader, run, begin, pages),
                    *_models(reader, run, begin, end, names),
                ],
                next=end if end <= last else None,
            )

    def _cumulate(
        self, reader: StoreReader, run: int, name: str, begin: int, end: int, page: Page
    ) -> dict[str, Numbers]:
        """Sums over all episodes up to the end of each group of a page."""
        before = self._sums.before(reader, run, name, begin)
        found = {m: _cumulated(before[m], sums_of(page, m)) for m in SUMMED if page["episode"]}
        if found and sum(page["count"]) == end - begin:  # none of them can come later
            sums = {m: None if np.isnan(of[-1]) else float(of[-1]) for m, of in found.items()}
            self._sums.note(reader, run, name, end, sums)
        return {m.key: of.tolist() for m, of in found.items() if not np.isnan(of).all()}


def _cumulated(before: float | None, sums: FloatArray) -> FloatArray:
    """Sums up to the end of each group, (groups,); nan: no episode so far has a value."""
    known = ~np.isnan(sums)
    added = np.cumsum(np.concatenate([[before or 0.0], np.where(known, sums, 0.0)]))[1:]
    has_value = np.logical_or.accumulate(known) | (before is not None)
    return np.where(has_value, added, np.nan)


def _chosen(run: int, known: Sequence[str], wanted: Sequence[str] | None) -> list[str]:
    for name in wanted or ():
        if name not in known:
            raise NotFoundError(unknown_name(f"scheduler of run {run}", name, known))
    return [name for name in known if wanted is None or name in wanted]


def _lane(page: Page, cumulative: dict[str, Numbers]) -> HistoryLane:
    values = {m.key: list(page[m.key]) for m in STORED_METRICS}
    return HistoryLane(
        episode=list(page["episode"]),
        count=list(page["count"]),
        phase=list(page["phase"]),
        bound=list(page["bound"]),
        values={key: of for key, of in values.items() if any(v is not None for v in of)},
        cumulative=cumulative,
    )


def _drifts(reader: StoreReader, run: int, begin: int, pages: Mapping[str, Page]) -> list[Mark]:
    """Where another phase begins, as the scheduler with the most groups met it."""
    name, page = max(pages.items(), key=lambda item: len(item[1]["episode"]))
    before = phase_before(reader, run, name, begin)
    marks = []
    for episode, phase in zip(page["episode"], page["phase"], strict=True):
        if before is not None and phase != before:
            marks.append(Mark(episode=episode, kind="drift", scheduler=None, label=phase))
        before = phase
    return marks


def _models(
    reader: StoreReader, run: int, begin: int, end: int, names: Sequence[str]
) -> list[Mark]:
    """Where a model that was learned begins to play."""
    return [
        Mark(
            episode=row["episode"],
            kind="model",
            scheduler=row["scheduler"],
            label=f"version {row['version']}",
        )
        for row in read_models(reader, run, begin, end)
        if row["scheduler"] in names and row["version"] > 0
    ]
