"""No request reads a table of many rows from its beginning to its end."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
import stored_runs
from dashboard_rows import Asked

from cpu_gpu_env.dashboard.repositories import totals

RUN = "/api/runs/1"
PATHS = (
    RUN,
    f"{RUN}/comparison",
    f"{RUN}/comparison?span=window&episodes=2",
    f"{RUN}/history?granularity=2",
    f"{RUN}/history?granularity=1&first=4&limit=1",
    f"{RUN}/decisions?scheduler=random&first=3&limit=2",
    f"{RUN}/decisions?scheduler=random&last=2&before=5",
    f"{RUN}/decisions/7",
    f"{RUN}/statistics?scheduler=random&last=9",
    f"{RUN}/log",
    f"{RUN}/export?table=decisions&schedulers=random",
)
SORTED = ("avg(", "ORDER BY models", "ORDER BY live")
"""What sorts, sorts a page: groups of episodes, or a row a model or a lane."""


def test_rows_are_found_by_index(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(totals, "PAGE_ROWS", 2)
    engine = stored_runs.open_store(store_url)
    phases = {"one": ({"num_tasks": 6}, (3, 4, 5)), "two": ({"num_tasks": 6, "load": 2.0}, (6, 7))}
    stored_runs.store_run(engine, phases)
    asked: list[tuple[str, str, Any]] = []
    with Asked(store_url) as server:
        server.get("/api/runs")
        reader = server.app.state.services.source._reader
        path = ""

        def note(_c: Any, _cursor: Any, statement: str, given: Any, *_: Any) -> None:
            if statement.startswith("SELECT"):
                asked.append((path, statement, given))

        sa.event.listen(reader.engine, "before_cursor_execute", note)
        for path in PATHS:
            assert server.ask(path).status_code == 200
            assert asked[-1][0] == path
    is_sqlite = engine.dialect.name == "sqlite"
    explain = "EXPLAIN QUERY PLAN " if is_sqlite else "EXPLAIN "
    with engine.connect() as connection:
        if not is_sqlite:  # tables this small are read whole unless that is forbidden
            connection.exec_driver_sql("SET enable_seqscan = off")
        for path, statement, given in asked:
            plan = connection.exec_driver_sql(explain + statement, given).all()
            told = "\n".join(str(line[-1]) for line in plan)
            message = f"{path}\n{statement}\n{told}"
            if "pg_" in statement:
                continue
            assert ("SEARCH" if is_sqlite else "Index") in told, message
            assert "SCAN" not in told, message
            assert "Seq Scan" not in told, message
            sorts = any(words in statement.replace("\n", "") for words in SORTED)
            assert "ORDER BY" not in told or sorts, message
            assert "Sort" not in told or sorts, message
