"""Rows as files and the log, as the server gives them: against what is in the store."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
import sqlalchemy as sa
import store_rows
import stored_runs
from dashboard_rows import Asked, add_episodes, add_run
from store_rows import query

from cpu_gpu_env.results.store import reading, tables

BASE = {"num_tasks": 6}


@pytest.fixture
def run(store_url: str) -> int:
    run, _ = stored_runs.store_run(stored_runs.open_store(store_url), {"": (BASE, (3, 4, 5))})
    return run


def rows_of(url: str, table: sa.Table, *schedulers: str) -> list[dict[str, Any]]:
    """Rows of the store in the order of an export."""
    key = table.c.sequence if table is tables.decisions else table.c.episode
    found = []
    for name in schedulers:
        of_name = sa.select(table).where(table.c.scheduler == name).order_by(key)
        found += [dict(row._mapping) for row in query(url, of_name)]
    return found


@pytest.mark.parametrize("table", ["episodes", "decisions"])
def test_files_hold_what_the_store_holds(
    store_url: str, run: int, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PAGE_ROWS", 5)  # a file is made of several pages
    of_store = tables.metadata.tables[table]
    names = [*stored_runs.SCHEDULERS, "oracle"]
    with Asked(store_url) as server:
        path = f"/api/runs/{run}/export?table={table}"
        answer = server.ask(f"{path}&format=parquet")
        assert answer.headers["content-type"] == "application/vnd.apache.parquet"
        name = f'attachment; filename="run-{run}-{table}.parquet"'
        assert answer.headers["content-disposition"] == name
        found = pyarrow.parquet.read_table(io.BytesIO(answer.content)).to_pylist()
        assert found == rows_of(store_url, of_store, *names)
        answer = server.ask(f"{path}&schedulers=oracle,random")
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert f'filename="run-{run}-{table}.csv"' in answer.headers["content-disposition"]
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    expected = rows_of(store_url, of_store, "random", "oracle")
    assert len(lines) == len(expected)
    for line, row in zip(lines, expected, strict=True):
        assert list(line) == list(row)
        for column, value in row.items():
            text = line[column]
            if value is None:
                assert text == ""
            elif isinstance(value, bool):
                assert text == str(value).lower()
            elif isinstance(value, (int, float)):
                assert float(text) == value
            else:
                assert text == (value if isinstance(value, str) else json.dumps(value))


def test_what_cannot_be_exported_is_refused(store_url: str, run: int) -> None:
    with Asked(store_url) as server:
        for wrong in ("table=runs", "format=xlsx", "table=", "schedulers=" + "x" * 40_000):
            refusal = server.get(f"/api/runs/{run}/export?{wrong}", 422)
            assert wrong.split("=")[0] in refusal["error"]
        assert "nobody" in server.get(f"/api/runs/{run}/export?schedulers=nobody", 404)["error"]
        assert server.get(f"/api/runs/{run + 1}/export", 404)
        empty = server.ask(f"/api/runs/{run}/export?schedulers=")
        assert empty.status_code == 404


def test_a_run_without_rows_gives_a_heading(store_url: str) -> None:
    run = add_run(stored_runs.open_store(store_url))
    with Asked(store_url) as server:
        answer = server.ask(f"/api/runs/{run}/export")
    assert answer.text.split("\n")[0].startswith('"run","scheduler","episode"')
    assert len(answer.text.strip().split("\n")) == 1


def test_the_log_tells_what_is_stored_and_what_the_engine_says(store_url: str) -> None:
    engine = stored_runs.open_store(store_url)
    phases = [{"name": "before", "episodes": 2}, {"name": "drift", "episodes": None}]
    run = add_run(
        engine,
        notes=["a note", "twice told"],
        settings={"phases": phases},
        started_at=1e9,
        ended_at=2e9,
    )
    add_episodes(engine, run, "random", [1.0, 1.0, 1.0])  # finished at 1.7e9, and each 1 s later
    model = store_rows.model_rows(run, 1).columns
    made = {**model, "scheduler": "random", "episode": 1, "made_at": 1.7e9 + 1.5}
    stored_runs.insert(engine, tables.models, [made])
    log = [[1.5e9, "twice told"], [1.8e9, "store does\nnot answer"], "no line", [None, "none"]]
    state = {
        "run": run,
        "scheduler": "random",
        "updated_at": 1.0,
        "state": {"engine": {"log": log}},
    }
    stored_runs.insert(engine, tables.live, [state])
    with Asked(store_url) as server:
        lines = server.get(f"/api/runs/{run}/log")
        assert server.get(f"/api/runs/{run + 1}/log", 404)
    assert [(line["at"], line["text"]) for line in lines] == [
        (1e9, "a note"),
        (1e9, "the run begins"),
        (1.5e9, "twice told"),
        (1.7e9 + 1.5, "random decides by version 1 from episode 1 on"),
        (1.7e9 + 2, "phase 'drift' from episode 2 on"),
        (1.8e9, "store does\\nnot answer"),
        (2e9, "the run ends: finished"),
    ]


@pytest.mark.parametrize("state", [{}, {"engine": None}, {"engine": {"log": {"a": 1}}}])
def test_a_log_without_an_engine(store_url: str, state: dict[str, Any]) -> None:
    engine = stored_runs.open_store(store_url)
    run = add_run(engine, ended_at=None, settings={"phases": ["damaged", 1]})
    row = {"run": run, "scheduler": "random", "updated_at": 1.0, "state": state}
    stored_runs.insert(engine, tables.live, [row])
    with Asked(store_url) as server:
        assert [line["text"] for line in server.get(f"/api/runs/{run}/log")] == ["the run begins"]


def test_rows_that_cannot_be_read_are_told_before_a_file_begins(tmp_path: Path) -> None:
    url = str(tmp_path / "results.sqlite")
    engine = stored_runs.open_store(url)
    run, _ = stored_runs.store_run(engine, {"": (BASE, (3,))})
    with engine.begin() as connection:
        connection.execute(sa.text("update episodes set objective = 'much'"))
    with Asked(url) as server:
        assert "objective" in server.get(f"/api/runs/{run}/export", 503)["error"]
