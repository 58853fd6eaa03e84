"""Deleting a run over HTTP takes asking twice."""

import json
import time
from contextlib import closing
from typing import Any

import pytest
import sqlalchemy as sa
from dashboard_process import wait_for
from dashboard_requests import Server, serving
from store_rows import RUN, query, quiet_writer
from stored_runs import add_run, insert, open_store

from cpu_gpu_env.dashboard.services import deletion
from cpu_gpu_env.dashboard.settings import DashboardSettings
from cpu_gpu_env.results.store.tables import models, runs

Answer = tuple[int, dict[str, Any]]


def ask(server: Server, run: int, confirmation: str | None = None) -> Answer:
    query = "" if confirmation is None else f"?confirmation={confirmation}"
    answer = server.ask(f"/api/runs/{run}{query}", method="DELETE")
    return answer.code, json.loads(answer.body)


def word_of(server: Server, run: int) -> str:
    """What confirms the deletion of a run."""
    code, answer = ask(server, run)
    assert code == 200
    return str(answer["confirmation"])


@pytest.fixture
def stored(store_url: str) -> str:
    """A store with the finished runs 1 and 2, of which 1 has learned three models."""
    engine = open_store(store_url)
    for tasks in (20, 30):
        add_run(engine, tasks=tasks, next_episode=2, schedulers=["greedy", "random"])
    row = {"run": 1, "scheduler": "greedy", "episode": 4, "made_at": 5.0, "exploration": 0.0}
    insert(
        engine,
        models,
        [{**row, "version": version, "score": {}, "content": b""} for version in (1, 2, 3)],
    )
    engine.dispose()
    return store_url


def numbers(url: str) -> list[int]:
    return [row.run for row in query(url, sa.select(runs.c.run).order_by(runs.c.run))]


def test_a_run_is_deleted_by_asking_twice(stored: str) -> None:
    with serving(DashboardSettings(stored)) as server:
        before = time.time()
        code, answer = ask(server, 1)
        assert code == 200
        assert answer["what"] == (
            "run 1, a stream of 2 schedulers: 2 episodes and 20 tasks of each"
        )
        assert before + 59 < answer["expires_at"] < time.time() + 61
        assert numbers(stored) == [1, 2]
        code, deleted = ask(server, 1, answer["confirmation"])
        assert (code, deleted) == (200, {"run": 1, "rows": 4})
        assert numbers(stored) == [2]
        assert not query(stored, sa.select(models.c.run))
        for confirmation in (None, answer["confirmation"]):
            assert ask(server, 1, confirmation)[0] in (404, 409)
        assert server.ask("/api/runs/1").code == 404


def test_what_confirms_no_deletion(stored: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(DashboardSettings(stored)) as server:
        word = word_of(server, 1)
        assert ask(server, 2, word)[0] == 409  # it is for another run
        assert ask(server, 1, word)[0] == 409  # and was used up by that
        for wrong in ("", "x", word_of(server, 2)):
            code, answer = ask(server, 1, wrong)
            assert code == 409
            assert "ask for another" in answer["error"]
        assert ask(server, 1, "x" * 65)[0] == 422
        assert ask(server, 9)[0] == 404

        word = word_of(server, 1)
        engine = open_store(stored)
        with engine.begin() as connection:
            connection.execute(sa.update(runs).where(runs.c.run == 1).values(next_episode=3))
        engine.dispose()
        code, answer = ask(server, 1, word)
        assert code == 409
        assert answer == {"error": "run 1 is not what it was as its deletion was confirmed"}

        monkeypatch.setattr(deletion, "MAX_PENDING", 2)
        words = [word_of(server, 1) for _ in range(3)]
        assert ask(server, 1, words[0])[0] == 409  # forgotten for the newer ones
        monkeypatch.setattr(deletion, "VALID_S", 0.0)
        late = word_of(server, 1)
        time.sleep(0.01)
        assert ask(server, 1, late)[0] == 409
        assert numbers(stored) == [1, 2]
        assert ask(server, 1, words[2])[0] == 200
        assert numbers(stored) == [2]


def test_a_run_that_is_written_is_not_deleted(stored: str) -> None:
    with closing(quiet_writer(stored)) as writer, serving(DashboardSettings(stored)) as server:
        run = writer.new_run(**RUN)
        code, answer = ask(server, run)
        assert (code, answer["error"]) == (
            409,
            f"run {run} is being written; stop its engine first",
        )
        # Another run of the store is deleted nevertheless, by whoever may write.
        expected = None if stored.startswith("sqlite") else 4
        code, deleted = ask(server, 1, word_of(server, 1))
        assert code == 200
        assert deleted["rows"] == expected
        wait_for(lambda: numbers(stored) == [2, run], "the deletion")
