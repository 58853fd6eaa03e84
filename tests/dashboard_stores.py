"""Stores for the page to show."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import stored_runs

from cpu_gpu_env.results.metrics import STREAM_METRICS
from cpu_gpu_env.results.store import tables
from cpu_gpu_env.results.store.comparisons import ComparisonRun
from cpu_gpu_env.scripts import stream

SCHEDULERS = ("myopic", "random-forest", "dqn-queues", "oracle")
"""Of the streams: one that is fixed, two that were trained, and the best."""


def stream_into(url: str, folder: Path, *arguments: str) -> None:
    """Play a stream of small episodes to its end; its curves go into a folder."""
    line = ["--num-tasks", "10", "--quick-oracle", "--jobs", "1", *arguments]
    assert stream.main([*line, "--store", url, "--output", str(folder)]) == 0


def fill(url: str, folder: Path) -> None:
    """Put a run of every kind into a store; run 1 is a stream, with all that an engine writes."""
    line = ["--schedulers", ",".join(SCHEDULERS), "--episodes", "6", "--electricity-price", "0.3"]
    stream_into(url, folder, *line)
    env_kwargs = {"num_tasks": 8}
    comparison, _, _ = stored_runs.play(env_kwargs, range(5, 8))
    for kind in ("comparison", "transfer", "pareto"):
        with ComparisonRun(url, kind, f"python scripts/{kind}.py") as stored:
            for phase in [""] if kind == "comparison" else ["one", "another"]:
                stored.add(comparison, env_kwargs, phase)
            stored.finish()


def copy_run(url: str, run: int, lanes: Mapping[str, tuple[str, float]], **changes: Any) -> int:
    """Store a run that was played by others: by hand, as no engine would write it so quickly.

    Args:
        url: Of the store.
        run: What is copied.
        lanes: Name of each scheduler -> that of the run whose rows it gets, and by how much its
            measures are multiplied.
        changes: Columns of the run that are others.

    Returns:
        Number of the copy.
    """
    engine = stored_runs.open_store(url)
    with engine.connect() as connection:
        row = dict(connection.execute(of(tables.runs, run)).mappings().one())
    del row["run"]
    number = stored_runs.add_run(engine, **{**row, "schedulers": list(lanes), **changes})
    with engine.begin() as connection:
        for table in (tables.episodes, tables.decisions, tables.live):
            for name, (source, factor) in lanes.items():
                rows = connection.execute(of(table, run, source)).mappings().all()
                copies = [{**row, "run": number, "scheduler": name} for row in rows]
                for copy in copies:
                    _multiply(copy, name, factor)
                if copies:
                    connection.execute(sa.insert(table), copies)
    engine.dispose()
    return number


def of(table: sa.Table, run: int, scheduler: str | None = None) -> sa.Select[Any]:
    """All columns of a run's rows."""
    query = sa.select(table).where(table.c.run == run)
    return query if scheduler is None else query.where(table.c.scheduler == scheduler)


def _multiply(row: dict[str, Any], name: str, factor: float) -> None:
    """Multiply what was measured in a row of episodes or of the newest state."""
    state = row.get("state")
    if state is not None:
        row["state"] = state = {**state, "scheduler": name}
        for part in ("all", "window", "now"):
            if part in state:
                state[part] = {**state[part]}
                _multiply_values(state[part], factor)
        state["series"] = {
            key: [value if value is None else value * factor for value in values]
            for key, values in state["series"].items()
        }
    elif "objective" in row:
        _multiply_values(row, factor)


def _multiply_values(values: dict[str, Any], factor: float) -> None:
    for metric in STREAM_METRICS:
        if isinstance(values.get(metric.key), float):
            values[metric.key] *= factor
