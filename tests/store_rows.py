"""Rows for results stores, and what is in those."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import sqlalchemy as sa

from cpu_gpu_env.results.store.database import Store, reading_engine
from cpu_gpu_env.results.store.rows import Rows
from cpu_gpu_env.results.store.tables import decisions, learners, models
from cpu_gpu_env.results.store.writer import StoreWriter

RUN = {
    "kind": "stream",
    "command": "stream.py",
    "schedulers": ["greedy", "oracle"],
    "provenance": {},
    "settings": {},
}


def quiet_writer(url: str, **options: Any) -> StoreWriter:
    """A writer that tells nobody anything."""
    return StoreWriter(url, options.pop("tell", lambda line: None), **options)


def decision_rows(run: int, scheduler: str, first: int, count: int) -> Rows:
    """Decisions whose values are told by their sequence; a third each on CPU, GPU and both."""
    sequence = np.arange(first, first + count)
    columns: dict[str, Any] = {
        "run": run,
        "scheduler": scheduler,
        "sequence": sequence,
        "episode": sequence // 10,
        "task": sequence % 10,
        "action": sequence % 6,
        "fallback": sequence % 7 == 0,
        "model_version": 3,
        "pool_row": 3 * sequence,
    }
    for pool, used in (("cpu", sequence % 3 != 1), ("gpu", sequence % 3 != 2)):
        for name, value in (("device", sequence % 4), ("start_s", sequence / 7)):
            columns[f"{pool}_{name}"] = np.where(used, value, np.nan)
        columns[f"{pool}_finish_s"] = np.ma.masked_array(sequence / 3, ~used)
    for column in decisions.c:
        columns.setdefault(column.name, sequence / 10)
    return Rows(decisions, columns, count)


def model_rows(run: int, version: int, content: bytes = b"content") -> Rows:
    """A model of the scheduler greedy."""
    columns = {
        "run": run,
        "scheduler": "greedy",
        "version": version,
        "episode": 10 * version,
        "made_at": 1.5,
        "score": {"agreement": 0.5},
        "content": content,
        "exploration": 0.0,
    }
    return Rows(models, columns, 1)


def learner_rows(run: int, episode: int) -> Rows:
    """A state of the learner greedy."""
    columns = {"run": run, "scheduler": "greedy", "episode": episode, "state": b"state"}
    return Rows(learners, columns, 1)


def query(url: str, statement: sa.Executable) -> list[Any]:
    """Rows of a store, read by a connection of its own."""
    engine = reading_engine(Store.of(url))
    with engine.connect() as connection:
        rows = connection.execute(statement).all()
    engine.dispose()
    return list(rows)


def sequences(url: str, run: int, scheduler: str = "greedy") -> list[int]:
    """Which decisions of a scheduler there are."""
    mine = (decisions.c.run == run) & (decisions.c.scheduler == scheduler)
    statement = sa.select(decisions.c.sequence).where(mine).order_by(decisions.c.sequence)
    return [row.sequence for row in query(url, statement)]


def wait_until(is_so: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Wait for something that another thread brings about."""
    until_s = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < until_s
        time.sleep(0.01)
