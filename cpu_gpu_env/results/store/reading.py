"""Looking into a results store: never writing, and never for long.

Each query is a short transaction of its own, and what may be long comes in pages by primary key. So
a reader neither waits for the writer nor keeps SQLite from shortening its write-ahead log.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from cpu_gpu_env.checks import check_count
from cpu_gpu_env.errors import HybridClusterError, not_allowed, unknown_name
from cpu_gpu_env.results.store.database import (
    DATABASE_ERRORS,
    Store,
    StoreError,
    UnknownError,
    reading_engine,
    reason,
)
from cpu_gpu_env.results.store.queries import Page, join_pages, key_of, rows_of, rows_within
from cpu_gpu_env.results.store.records import (
    STORED_METRICS,
    StoredEpisodes,
    StoredModel,
    check_texts,
    check_values,
    episodes_of,
)
from cpu_gpu_env.results.store.schema import check_schema
from cpu_gpu_env.results.store.tables import (
    DELETING,
    decisions,
    episodes,
    learners,
    live,
    models,
    runs,
)

PAGE_ROWS = 10_000
"""Rows that one query reads at most."""
MAX_NAMED = 20
"""Runs that a message names at most, the newest."""
NO_END = 2**62
"""Beyond all episodes and decisions."""

_NOT_IN_ARRAYS = ("run", "scheduler", "finished_at", "utilisation")
_LIGHT_RUN = [column for column in runs.c if column.name != "measures"]
_METRIC_COLUMNS = [episodes.c[metric.key] for metric in STORED_METRICS]


def open_reader(url: str | os.PathLike[str], pooled: bool = False) -> StoreReader:
    """Open a store for reading.

    Args:
        url: A path of SQLite, or the URL of an SQLite or PostgreSQL store.
        pooled: Whether connections to PostgreSQL are kept open for the next queries.

    Raises:
        HybridClusterError: If it is no URL of a store.
        StoreError: If there is none, it cannot be reached, or its tables are not those of this
            version.
    """
    store = Store.of(url)
    engine = reading_engine(store, pooled)
    with telling(store), engine.connect() as connection:
        check_schema(connection, store)
    return StoreReader(store, engine)


@contextmanager
def telling(store: Store) -> Iterator[None]:
    """Tell in a line what a database refuses, or that it holds what nobody wrote."""
    try:
        yield
    except HybridClusterError as error:
        raise StoreError(error) from None
    except DATABASE_ERRORS as error:
        raise store.error(reason(error)) from None
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise store.error(f"it is damaged: {reason(error)}") from None


class StoreReader:
    """Reads a results store.

    Every method raises `StoreError` if the store cannot be read, and `UnknownError` if it knows no
    such run, scheduler, episode or task; the message then names what there is.

    Args:
        store: Where it is.
        engine: Connects to it, for reading only.
    """

    def __init__(self, store: Store, engine: sa.Engine) -> None:
        self.store, self.engine = store, engine

    def __enter__(self) -> StoreReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self.engine.dispose()

    def runs(self) -> list[dict[str, Any]]:
        """The row of every run without its measures, the oldest first."""
        return self.rows(sa.select(*_LIGHT_RUN).order_by(runs.c.run))

    def run_row(self, run: int) -> dict[str, Any]:
        """The row of a run without its measures, which may be long."""
        return self._run(run, _LIGHT_RUN)

    def _run(self, run: int, columns: Sequence[sa.Column[Any]]) -> dict[str, Any]:
        found = self.rows(sa.select(*columns).where(runs.c.run == run))
        if found:
            return found[0]
        newest = sa.select(runs.c.run).order_by(runs.c.run.desc()).limit(MAX_NAMED + 1)
        known = [row["run"] for row in self.rows(newest)]
        if not known:
            raise UnknownError(f"run {run} is unknown: the store has no runs yet")
        more = " and older ones" if len(known) > MAX_NAMED else ""
        there = ", ".join(map(str, known[:MAX_NAMED]))
        raise UnknownError(not_allowed("run", run, f"those of the store: {there}{more}"))

    def schedulers(self, run: int) -> list[str]:
        """Names of the schedulers of a run, in the order of its lanes."""
        return list(self._run(run, [runs.c.schedulers])["schedulers"])

    def check_scheduler(self, run: int, scheduler: str) -> None:
        """Check that a scheduler took part in a run."""
        known = self.schedulers(run)
        if scheduler not in known:
            raise UnknownError(unknown_name(f"scheduler of run {run}", scheduler, known))

    def live(self, run: int) -> dict[str, dict[str, Any]]:
        """The newest row of the table `live` of each scheduler."""
        self.schedulers(run)
        return {
            row["scheduler"]: row for row in self.rows(sa.select(live).where(rows_of(live, run)))
        }

    def models(self, run: int) -> list[StoredModel]:
        """All models learned in a run, without content and state: by scheduler and version."""
        self.schedulers(run)
        light = [column for column in models.c if column.name not in ("run", "content")]
        query = sa.select(*light).where(rows_of(models, run))
        rows = self.rows(query.order_by(models.c.scheduler, models.c.version))
        return [StoredModel(**row, content=None) for row in rows]

    def newest_models(self, run: int) -> dict[str, StoredModel]:
        """The newest model of each scheduler that has learned, whole: what a run goes on with."""
        newest = {}
        columns = [column for column in models.c if column.name != "run"]
        for scheduler in self.schedulers(run):
            query = sa.select(*columns).where(rows_of(models, run, scheduler))
            for row in self.rows(query.order_by(models.c.version.desc()).limit(1)):
                newest[scheduler] = StoredModel(**row)
        return newest

    def model(self, run: int, scheduler: str, version: int) -> StoredModel | None:
        """A model of a scheduler, whole but for a content that is no longer kept; None: unknown."""
        columns = [column for column in models.c if column.name != "run"]
        own = rows_of(models, run, scheduler) & (models.c.version == version)
        return next((StoredModel(**row) for row in self.rows(sa.select(*columns).where(own))), None)

    def learner_states(self, run: int) -> dict[str, tuple[int, bytes]]:
        """What the learners of a run go on from: scheduler -> the next episode then, and state."""
        self.schedulers(run)
        rows = self.rows(
            sa.select(learners).where(rows_of(learners, run)).order_by(learners.c.episode)
        )
        return {row["scheduler"]: (row["episode"], row["state"]) for row in rows}

    def episodes(
        self, run: int, scheduler: str, first: int = 0, end: int = NO_END
    ) -> StoredEpisodes:
        """Episodes of a scheduler from number `first` to before `end`."""
        self.check_scheduler(run, scheduler)
        columns = [column for column in episodes.c if column.name not in _NOT_IN_ARRAYS]
        pages = self.pages(episodes, run, scheduler, first, end, columns)
        joined = join_pages(pages, columns)
        with telling(self.store):
            return episodes_of(scheduler, joined)

    def rollup(
        self, run: int, scheduler: str, every: int, first: int = 0, end: int = NO_END
    ) -> StoredEpisodes:
        """Means over groups of episodes, worked out by the database.

        Args:
            run: Number of the run.
            scheduler: Name of the scheduler.
            every: Episodes of a group: 0 to `every` - 1 are the first, and so on; where a phase
                ends, its group does.
            first: Number of the first episode to take.
            end: Number of the episode after the last.

        Returns:
            A row a group: number of its first episode, no seed, the latest model version, and means
            over those of its episodes that have the value.
        """
        self.check_scheduler(run, scheduler)
        check_count("episodes of a group", every)
        averaged = (episodes.c.exploration, episodes.c.bound, *_METRIC_COLUMNS)
        columns = [
            sa.func.min(episodes.c.episode).label("episode"),
            episodes.c.phase,
            sa.null().label("seed"),
            sa.func.max(episodes.c.model_version).label("model_version"),
            *(sa.func.avg(column).label(column.name) for column in averaged),
        ]
        group = sa.select(*columns).group_by(episodes.c.episode // every, episodes.c.phase)
        found, stretch = [], every * max(PAGE_ROWS // every, 1)
        low, high = self.ends(episodes, run, scheduler)
        begin, stop = max(first, low), min(end, high + 1)
        while begin < stop:
            until = min(begin - begin % stretch + stretch, stop)
            within = rows_within(episodes, run, scheduler, begin, until)
            found.append(self.columns(group.where(*within).order_by(columns[0])))
            # Numbers follow each other, but in a store that somebody else has made.
            skips = not found[-1]["episode"]
            begin = max(until, self.ends(episodes, run, scheduler, until)[0] if skips else 0)
        with telling(self.store):
            return episodes_of(scheduler, join_pages(found, columns))

    def pages(
        self,
        table: sa.Table,
        run: int,
        scheduler: str,
        first: int = 0,
        end: int = NO_END,
        columns: Sequence[Any] | None = None,
    ) -> Iterator[Page]:
        """Rows of episodes or decisions in order, in pages of at most `PAGE_ROWS`.

        Args:
            table: `tables.episodes`, or `tables.decisions`.
            run: Number of the run.
            scheduler: Name of the scheduler.
            first: Number of the first episode, or sequence of the first decision.
            end: That of the one after the last.
            columns: Of the table, its key among them; None: all.
        """
        key = key_of(table)
        query = sa.select(*(table.c if columns is None else columns)).order_by(key)
        while first < end:
            within = rows_within(table, run, scheduler, first, end)
            page = self.columns(query.where(*within).limit(PAGE_ROWS))
            read = page[key.name]
            if read:
                yield page
            if len(read) < PAGE_ROWS:
                return
            first = read[-1] + 1

    def count(
        self, table: sa.Table, run: int, scheduler: str, first: int = 0, end: int = NO_END
    ) -> int:
        """How many rows `pages` gives, found without counting: keys are contiguous."""
        low, high = self.ends(table, run, scheduler)
        return max(min(high + 1, end) - max(low, first), 0)

    def kept_decisions(self, run: int) -> dict[str, tuple[int, int]]:
        """Sequence of the first and of the last decision that is kept of each scheduler.

        Schedulers without decisions are left out.
        """
        ends = {name: self.ends(decisions, run, name) for name in self.schedulers(run)}
        return {name: (first, last) for name, (first, last) in ends.items() if first <= last}

    def task(self, run: int, sequence: int) -> dict[str, dict[str, Any]]:
        """What each scheduler did with a task of a run: its row of the table of decisions.

        Args:
            run: Number of the run.
            sequence: Number of the task within the run.

        Returns:
            A row a scheduler, in the order of the lanes.
        """
        found = {}
        for scheduler in self.schedulers(run):
            within = rows_within(decisions, run, scheduler, sequence, sequence + 1)
            for row in self.rows(sa.select(decisions).where(*within)):
                found[scheduler] = row
        if not found:
            raise UnknownError(not_allowed("task", sequence, self._describe_kept(run)))
        return found

    def span(self, run: int, episode: int) -> range:
        """Numbers within the run of the tasks of an episode."""
        names = self.schedulers(run)
        for name in names:
            within = rows_within(episodes, run, name, episode, episode + 1)
            for row in self.rows(sa.select(episodes.c.tasks).where(*within)):
                summed = sa.select(sa.func.coalesce(sa.func.sum(episodes.c.tasks), 0).label("sum"))
                before = rows_within(episodes, run, name, 0, episode)
                first = int(self.rows(summed.where(*before))[0]["sum"])
                return range(first, first + row["tasks"])
        ends = [
            (low, high) for low, high in (self.ends(episodes, run, n) for n in names) if high >= 0
        ]
        if not ends:
            raise UnknownError(f"run {run} has no episodes yet")
        low, high = min(low for low, _ in ends), max(high for _, high in ends)
        raise UnknownError(not_allowed("episode", episode, f"{low} to {high} of run {run}"))

    def decisions_of(self, run: int, episode: int) -> dict[str, Page]:
        """Decisions in an episode of each scheduler of which all are kept, by column."""
        span, found = self.span(run, episode), {}
        for name in self.schedulers(run):
            pages = self.pages(decisions, run, name, span.start, span.stop)
            page = join_pages(pages, list(decisions.c))
            if len(page["sequence"]) == len(span):
                found[name] = page
        if not found:
            raise UnknownError(not_allowed("episode", episode, self._describe_kept(run)))
        return found

    def _describe_kept(self, run: int) -> str:
        kept = self.kept_decisions(run).values()
        if not kept:
            return f"none of run {run}, of which no decisions are kept"
        low, high = min(first for first, _ in kept), max(last for _, last in kept)
        return f"those of which decisions are kept: tasks {low} to {high} of run {run}"

    def ends(self, table: sa.Table, run: int, scheduler: str, first: int = 0) -> tuple[int, int]:
        """Least and greatest key from `first` on of a scheduler's rows; (0, -1): there are none."""
        key, within = key_of(table), rows_within(table, run, scheduler, first, NO_END)
        low, high = (
            self.rows(sa.select(key).where(*within).order_by(order).limit(1))
            for order in (key.asc(), key.desc())
        )
        return (low[0][key.name], high[0][key.name]) if low and high else (0, -1)

    def rows(self, query: sa.Select[Any]) -> list[dict[str, Any]]:
        """All rows of a query, read in one short transaction."""
        columns = self.columns(query)
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def columns(self, query: sa.Select[Any]) -> dict[str, Sequence[Any]]:
        """All rows of a query by column, read in one short transaction."""
        # What the columns tell is told at once; the other way compiles the query.
        (table,) = query.columns_clause_froms or query.get_final_froms()
        assert isinstance(table, sa.Table)
        if table is runs:
            query = query.where(runs.c.status != DELETING)
        with telling(self.store):
            with self.engine.connect() as connection:
                result = connection.execute(query)
                names, found = list(result.keys()), result.all()
            values = zip(*found, strict=True) if found else ((),) * len(names)
            columns = dict(zip(names, values, strict=True))
            check_values(table, columns)
            if table is runs:
                check_texts(columns)
            return columns
