"""A run of made-up units, what the store must have of it, and a process that writes it.

`python tests/store_units.py URL RUN LAST [ROWS]` writes up to the unit LAST as fast as it can, of a
new run if RUN is `new`, with about so many ROWS in the queue at most. It prints a line for what
happens: `opens`, `run 1`, `acknowledged 17`, `trouble disk full`, `trouble None`, `closed`.
"""

import os
import sqlite3
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import psycopg
import sqlalchemy as sa

from cpu_gpu_env.results.store import tables
from cpu_gpu_env.results.store.retention import KEEP_MODELS
from cpu_gpu_env.results.store.writer import MAX_WAITING_ROWS, Rows, StoreWriter

SCHEDULERS = ("greedy", "hybrid-ml", "dqn-queues")
SIZES = (20, 400, 2_000)
"""Tasks of units 1, 2, 3, of 4, 5, 6, and so on; a unit is an episode of every scheduler."""
MODEL_EVERY = 5
"""Of so many units one brings a model."""
MODEL_BYTES = 100_000


def tasks_before(unit: int) -> int:
    """Tasks of a scheduler in all units before one, which count from 1."""
    cycles, rest = divmod(unit - 1, len(SIZES))
    return cycles * sum(SIZES) + sum(SIZES[:rest])


def model_content(unit: int) -> bytes:
    return np.random.default_rng(unit).bytes(MODEL_BYTES)


def unit_rows(run: int, unit: int) -> list[Rows]:
    """The rows of a unit: each energy is the decision's number, each objective the episode's."""
    count, first = SIZES[(unit - 1) % len(SIZES)], tasks_before(unit)
    sequence = np.arange(first, first + count)
    rows = []
    for scheduler in SCHEDULERS:
        lane = {"run": run, "scheduler": scheduler, "episode": unit - 1, "model_version": 0}
        decided = {
            "sequence": sequence,
            "task": sequence - first,
            "arrival_s": sequence / 7,
            "size_flop": 1e9 + sequence,
            "intensity_flop_per_byte": 1 / (1.0 + sequence),
            "memory_bytes": 1e9,
            "cpu_wait_s": 0.0,
            "gpu_wait_s": np.pi * sequence,
            "action": sequence % 6,
            "gpu_fraction": (sequence % 6) / 5,
            "fallback": sequence % 2 == 0,
            "cpu_device": [None if number % 6 == 5 else 1 for number in sequence.tolist()],
            "cpu_start_s": np.where(sequence % 6 == 5, np.nan, 1.5),
            "cpu_finish_s": np.where(sequence % 6 == 5, np.nan, 2.5),
            "gpu_device": [None if number % 6 == 0 else 3 for number in sequence.tolist()],
            "gpu_start_s": np.where(sequence % 6 == 0, np.nan, 1.5),
            "gpu_finish_s": np.where(sequence % 6 == 0, np.nan, 2.5),
            "energy_j": sequence.astype(np.float64),
        }
        rows.append(Rows(tables.decisions, {**lane, **decided}, count))
        played = {"phase": "", "seed": str(2**90 + unit), "tasks": count, "exploration": 0.0}
        values = {"finished_at": 1e9 + unit, "objective": float(unit), "utilisation": [[0.5, 1.0]]}
        rows.append(Rows(tables.episodes, {**lane, **played, **values}, 1))
    if unit % MODEL_EVERY == 0:
        model = {
            "run": run,
            "scheduler": "hybrid-ml",
            "version": unit // MODEL_EVERY,
            "episode": unit,
            "made_at": 1e9,
            "score": {"accuracy": 0.5},
            "exploration": 0.05,
            "content": model_content(unit),
        }
        rows.append(Rows(tables.models, model, 1))
    return rows


def run_update(unit: int) -> Mapping[str, Any]:
    tasks = tasks_before(unit + 1)
    return {"next_episode": unit, "tasks": tasks, "clock_s": float(unit)}


def new_run(writer: StoreWriter) -> int:
    return writer.new_run(
        kind="stream",
        command="made up",
        schedulers=list(SCHEDULERS),
        provenance={},
        settings={},
        notes=[],
    )


def query(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Ask the database, with its own driver and no help of the store's."""
    if url.startswith("sqlite"):
        path = sa.make_url(url).database
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            return connection.execute(statement).fetchall()
        finally:
            connection.close()
    with psycopg.connect(url.replace("+psycopg", "")) as connected:
        return connected.execute(statement.encode()).fetchall()


def stored_units(url: str, run: int = 1) -> int:
    """How many units of a run are there; they are whole, once, and nothing is of a later one."""
    if url.startswith("sqlite"):
        assert query(url, "PRAGMA integrity_check") == [("ok",)]
    else:  # what a killed process has sent may still be at work
        others = "datname = current_database() AND pid <> pg_backend_pid()"
        while query(url, f"SELECT pid FROM pg_stat_activity WHERE {others}"):
            time.sleep(0.01)
    of_run = f"WHERE run = {run}"
    statement = f"SELECT next_episode, tasks, clock_s FROM runs {of_run}"
    ((units, tasks, clock_s),) = query(url, statement)
    assert {"next_episode": units, "tasks": tasks, "clock_s": clock_s} == run_update(units)
    found = query(
        url,
        "SELECT scheduler, COUNT(*), COUNT(DISTINCT sequence), SUM(energy_j), SUM(size_flop), "
        f"COUNT(cpu_device), COUNT(gpu_start_s) FROM decisions {of_run} "
        "GROUP BY scheduler ORDER BY scheduler",
    )
    sequence = np.arange(tasks)
    energy_j = float(sequence.sum())
    shares = [int((sequence % 6 != without).sum()) for without in (5, 0)]
    expected = (tasks, tasks, energy_j, 1e9 * tasks + energy_j, *shares)
    assert found == ([(name, *expected) for name in sorted(SCHEDULERS)] if units else [])
    found = query(
        url,
        "SELECT scheduler, COUNT(*), COUNT(DISTINCT episode), SUM(objective), SUM(tasks) "
        f"FROM episodes {of_run} GROUP BY scheduler ORDER BY scheduler",
    )
    expected = (units, units, units * (units + 1) / 2, tasks)
    assert found == ([(name, *expected) for name in sorted(SCHEDULERS)] if units else [])
    models = query(
        url, f"SELECT version, content FROM models {of_run} AND version > 0 ORDER BY version"
    )
    assert [version for version, _ in models] == list(range(1, units // MODEL_EVERY + 1))
    for version, content in models:  # most of the older contents go
        kept = content is not None or version <= len(models) - KEEP_MODELS
        assert kept, version
        assert content in (None, model_content(version * MODEL_EVERY)), version
    return int(units)


def tell(*words: object) -> None:
    """Write a line at once and whole: a process may be killed, but not within a write to a pipe."""
    os.write(1, (" ".join(map(str, words)).replace("\n", " ") + "\n").encode())


def write(url: str, run: int | None, last: int, waiting: int = MAX_WAITING_ROWS) -> None:
    """Write up to a unit, and tell what is acknowledged as soon as it is."""
    tell("opens")
    writer = StoreWriter(url, lambda line: tell("told", line), None, waiting)
    before = 0
    if run is None:
        run = new_run(writer)
    else:
        before = writer.resume_run(run)["next_episode"]
    tell("acknowledged", before)
    tell("run", run)
    ended = threading.Event()

    def watch() -> None:
        told: dict[str, object] = {"acknowledged": before, "trouble": None}
        ending = False
        while not ending:
            ending = ended.wait(0.0005)  # once more after the end
            new = {"acknowledged": before + writer.acknowledged, "trouble": writer.trouble}
            for word in told:
                if new[word] != told[word]:
                    tell(word, new[word])
            told = new

    def watch_while_heard() -> None:
        try:
            watch()
        except BrokenPipeError:  # whoever listened was killed
            os._exit(1)

    watcher = threading.Thread(target=watch_while_heard)
    watcher.start()
    try:
        for unit in range(before + 1, last + 1):
            ticket = writer.put(unit_rows(run, unit), run, run_update(unit))
            assert ticket == unit - before
        writer.flush()
        writer.close(run)
    finally:
        ended.set()
        watcher.join()
    tell("closed")


if __name__ == "__main__":
    _, _url, _run, *_numbers = sys.argv
    write(_url, None if _run == "new" else int(_run), *map(int, _numbers))
