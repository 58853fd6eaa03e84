"""A store as large as those of long streams, made within minutes: for benchmarks."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

import numpy as np
import sqlalchemy as sa

from cpu_gpu_env.results.store import tables
from cpu_gpu_env.results.store.database import Store, writing_engine
from cpu_gpu_env.results.store.queries import Page, join_pages
from cpu_gpu_env.results.store.reading import StoreReader, open_reader
from cpu_gpu_env.results.store.rows import Rows
from cpu_gpu_env.results.store.writer import StoreWriter
from cpu_gpu_env.scripts import stream

LANES = (
    *stream.SCHEDULERS,
    *("queue-price", "static-price", "myopic", "earliest-finish", "gpu-only", "cpu-only"),
    *("dqn", *stream.ONLINE),
)
"""Who takes part, the first ones where there are fewer lanes."""
PLAYED = 20
"""Episodes that are played, and written together; all others are copies of these."""
MODELS, MODEL_BYTES = 100, 200_000
"""Models that are stored of each scheduler that might have learned, and how long they are."""
LEARNED = ("random-forest", "dqn-queues")
"""Whom these are said to be of."""


def fill_store(
    url: str,
    decisions: int,
    lanes: int = 6,
    episodes: int | None = None,
    num_tasks: int = 200,
    progress: Callable[[int], None] = lambda rows: None,
) -> int:
    """Write a run of a stream into a store, which may be new.

    Some episodes are played; the others are copies of them with numbers of their own, so that what
    is computed from their seeds and decisions is what it would be in a real run.

    Args:
        url: Path or URL of the store.
        decisions: How many of all schedulers together are kept, rounded to whole episodes.
        lanes: Number of schedulers, 1 to 15.
        episodes: Of each scheduler; before those that decisions are kept of there are episodes
            without. None: decisions are kept of all.
        num_tasks: Tasks of an episode.
        progress: Called with the number of rows that have been written, again and again.

    Returns:
        Number of the run.
    """
    names = LANES[:lanes]
    with_decisions = max(round(decisions / (lanes * num_tasks)), 1)
    total = with_decisions if episodes is None else max(episodes, with_decisions)
    run = _play(url, names, num_tasks)
    with open_reader(url) as reader:
        played = _Played(reader, run, names)
        clock_s = reader.run_row(run)["clock_s"] / PLAYED
    if with_decisions < total:
        _delete_decisions(url, run)
    with closing(StoreWriter(url, print, keep_decisions=None)) as writer:
        writer.resume_run(run)
        for first in range(PLAYED, total, PLAYED):
            count = min(PLAYED, total - first)
            end = first + count
            rows = played.copies(tables.episodes, first, count)
            if first >= total - with_decisions:
                rows += played.copies(tables.decisions, first, count)
            done = {"next_episode": end, "tasks": end * num_tasks, "clock_s": end * clock_s}
            writer.put(rows, run, done)
            progress(sum(some.count for some in rows))
        learned = [name for name in names if name in LEARNED]
        writer.put([_models(run, name, total) for name in learned], run)
        writer.close(run)
    return run


def _play(url: str, names: Sequence[str], num_tasks: int) -> int:
    """Play the first episodes; return the number of the run."""
    with tempfile.TemporaryDirectory() as folder:
        line = ["--store", url, "--schedulers", ",".join(names), "--output", f"{folder}/curves"]
        line += ["--episodes", str(PLAYED), "--num-tasks", str(num_tasks), "--quick-oracle"]
        if stream.main([*line, "--electricity-price", "0.3"]):
            raise SystemExit("the episodes cannot be played")
    with open_reader(url) as reader:
        return int(reader.runs()[-1]["run"])


class _Played:
    """The rows of the episodes that were played, from which others are copied."""

    def __init__(self, reader: StoreReader, run: int, names: Sequence[str]) -> None:
        self._pages: dict[tuple[sa.Table, str], Page] = {
            (table, name): join_pages(reader.pages(table, run, name), list(table.c))
            for table in (tables.episodes, tables.decisions)
            for name in names
        }

    def copies(self, table: sa.Table, first: int, count: int) -> list[Rows]:
        """Rows of each scheduler of episodes from number `first` on, as many as were played."""
        return [
            self._copy(table, page, first, count)
            for (of, _), page in self._pages.items()
            if of is table
        ]

    @staticmethod
    def _copy(table: sa.Table, page: Page, first: int, count: int) -> Rows:
        rows = count * (len(page["run"]) // PLAYED)
        columns: dict[str, Any] = {name: list(values[:rows]) for name, values in page.items()}
        columns |= {name: columns[name][0] for name in ("run", "scheduler")}
        columns["episode"] = np.array(columns["episode"]) + first
        if table is tables.decisions:
            columns["sequence"] = np.arange(rows) + first * (rows // count)
        return Rows(table, columns, rows)


def _delete_decisions(url: str, run: int) -> None:
    """Delete those that were made so far: what is kept follows each other."""
    engine = writing_engine(Store.of(url))
    with engine.begin() as connection:
        connection.execute(sa.delete(tables.decisions).where(tables.decisions.c.run == run))
    engine.dispose()


def _models(run: int, name: str, episodes: int) -> Rows:
    """Models of a scheduler that nobody can load, evenly over the run."""
    versions = np.arange(1, MODELS + 1)
    columns = {
        "run": run,
        "scheduler": name,
        "version": versions,
        "episode": versions * episodes // (MODELS + 1),
        "made_at": 1.7e9 + versions,
        "score": [{"agreement": 0.5}] * MODELS,
        "content": [bytes(MODEL_BYTES)] * MODELS,
        "exploration": 0.0,
    }
    return Rows(tables.models, columns, MODELS)
