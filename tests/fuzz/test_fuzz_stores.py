"""Results stores by strangers."""

import json
import shutil
import sqlite3
from pathlib import Path

import pytest
from harness import ODD_NUMBERS, ODD_TEXTS, damaged, fuzz, run_command, spoiled
from hypothesis import strategies as st
from stored_runs import SCHEDULERS, insert, open_store, store_run

from cpu_gpu_env.results.store import tables
from cpu_gpu_env.scripts import history

LOOKS = (
    [],
    ["1"],
    ["1", "--compare", "2"],
    ["1", "--every", "2", "--metric", "gap"],
    ["1", "--task", "4"],
    ["1", "--episode", "1"],
    ["1", "--export", "x.csv"],
    ["1", "--export", "x.parquet", "--table", "decisions"],
    ["1", "--forest", "x.npz"],
    ["1", "--delete", "--yes"],
)
BASE = {"num_tasks": 3}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small store with two runs, no log beside it."""
    path = tmp_path_factory.mktemp("store") / "results.sqlite"
    engine = open_store(str(path))
    for seeds in (range(3), range(1, 4)):
        store_run(engine, {"": (BASE, seeds)})
    model = {"run": 1, "scheduler": SCHEDULERS[0], "version": 3, "episode": 2, "made_at": 1.7e9}
    insert(engine, tables.models, [{**model, "score": {"gap": 0.1}, "exploration": 0.0}])
    engine.dispose()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    connection.close()
    return path


def look(words: list[str]) -> None:
    run_command(history.main, *words, "--store", "store.sqlite")


@fuzz(
    60,
    table=st.sampled_from(["runs", "episodes", "decisions", "models"]),
    column=st.integers(0, 100),
    value=st.sampled_from([*ODD_TEXTS, *ODD_NUMBERS, None, b"\0\xff", float("inf")]),
    words=st.sampled_from(LOOKS),
)
def test_a_value_that_nobody_wrote(
    whole: Path, table: str, column: int, value: object, words: list[str]
) -> None:
    shutil.copy(whole, "store.sqlite")
    connection = sqlite3.connect("store.sqlite", isolation_level=None)
    names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    try:
        connection.execute(
            f"UPDATE OR IGNORE {table} SET {names[column % len(names)]} = ?", [value]
        )
    except (sqlite3.Error, OverflowError, UnicodeError):
        return  # not even SQLite takes it
    finally:
        connection.close()
    look(words)


@fuzz(
    60,
    column=st.sampled_from(["settings", "provenance", "schedulers", "notes"]),
    data=st.data(),
    words=st.sampled_from(LOOKS),
)
def test_json_that_nobody_wrote(
    whole: Path, column: str, data: st.DataObject, words: list[str]
) -> None:
    shutil.copy(whole, "store.sqlite")
    connection = sqlite3.connect("store.sqlite", isolation_level=None)
    (text,) = connection.execute(f"SELECT {column} FROM runs WHERE run = 1").fetchone()
    odd = data.draw(spoiled(json.loads(text)))
    connection.execute(f"UPDATE runs SET {column} = ? WHERE run = 1", [json.dumps(odd)])
    connection.close()
    look(words)


@fuzz(30, data=st.data(), words=st.sampled_from(LOOKS))
def test_a_damaged_file(whole: Path, data: st.DataObject, words: list[str]) -> None:
    Path("store.sqlite").write_bytes(data.draw(damaged(whole.read_bytes())))
    look(words)
