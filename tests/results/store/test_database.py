"""What may be a store, what is said of what may not, and that no password is told."""

import json
import os
import subprocess
import sys
import traceback
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from store_rows import RUN, decision_rows, model_rows, quiet_writer

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.results.store.database import Store, json_text, reading_engine, without_password
from cpu_gpu_env.results.store.tables import runs

SECRET = "Secret7"


def test_paths_and_urls_of_sqlite_name_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "a %23?.sqlite"
    for given in (path, str(path), f"sqlite:///{tmp_path / 'b.sqlite'}"):
        writer = quiet_writer(given)
        writer.close()
    assert {"a %23?.sqlite", "b.sqlite"} <= {found.name for found in tmp_path.iterdir()}
    assert Store.of(path).path == path
    (tmp_path / "link").symlink_to("b.sqlite")
    assert Store.of(tmp_path / "link").path == tmp_path / "b.sqlite"


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (f"mysql://me:{SECRET}@host/db", "unknown database 'mysql'; allowed: a path, sqlite"),
        (f"postgresql+psycopg2://me:{SECRET}@h/d", "unknown database 'postgresql.psycopg2'"),
        (f"postgresql://me:{SECRET}@host", "it names no database"),
        (f"postgresql://me:{SECRET}@more@host/db", "write @, /, : and spaces .* as %40"),
        (f"postgresql://me:{SECRET} more@host/db", "write @, /, : and spaces .* as %40"),
        (f"postgresql://me:{SECRET}", "this is no URL"),
        (f"postgresql://host:1/db?password={SECRET}", "behind the question mark"),
        ("sqlite://", "it names no file"),
        ("sqlite:///:memory:", "it names no file"),
        ("sqlite:///file:x?mode=memory", "it names no file"),
        ("", "store is ''; allowed"),
    ],
)
def test_what_is_no_store_is_told_in_a_line(given: str, complaint: str) -> None:
    with pytest.raises(HybridClusterError, match=complaint) as caught:
        quiet_writer(given)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert "\n" not in str(caught.value)


def test_files_that_are_no_store_are_refused_and_stay_as_they_are(tmp_path: Path) -> None:
    text = tmp_path / "text.sqlite"
    text.write_text("not a database, but long enough to be told from one\n" * 100)
    os.mkfifo(tmp_path / "pipe")
    other = tmp_path / "other.sqlite"
    engine = sa.create_engine(f"sqlite:///{other}")
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE runs (colour TEXT)"))
    engine.dispose()
    kept = other.read_bytes(), text.read_bytes()
    for name, complaint in (
        ("text.sqlite", "file is not a database"),
        ("pipe", "it is a pipe or device; allowed: a file of SQLite"),
        ("", "it is a folder; allowed: a file of SQLite"),
        ("other.sqlite", "it holds tables of something else"),
        ("text.sqlite/below", "cannot write into folder .*: (Not a directory|File exists)"),
    ):
        with pytest.raises(HybridClusterError, match=complaint):
            quiet_writer(tmp_path / name)
    with pytest.raises(HybridClusterError, match="cannot write into folder /proc/nowhere"):
        quiet_writer("/proc/nowhere/store.sqlite")
    with pytest.raises(HybridClusterError, match="there is no such file"):
        reading_engine(Store.of(tmp_path / "nothing"))
    assert (other.read_bytes(), text.read_bytes()) == kept
    assert {path.name for path in tmp_path.iterdir()} == {"text.sqlite", "pipe", "other.sqlite"}


@pytest.mark.parametrize("seed", range(4))
def test_damaged_files_are_told_in_a_line(tmp_path: Path, seed: int) -> None:
    path, rng = tmp_path / "results.sqlite", np.random.default_rng(seed)
    writer = quiet_writer(path)
    run = writer.new_run(**RUN)
    writer.put([decision_rows(run, "greedy", 0, 30), model_rows(run, 1)], run)
    writer.close(run)
    good = path.read_bytes()
    for _ in range(8):
        damaged = np.frombuffer(good, dtype=np.uint8).copy()
        where = rng.integers(rng.choice([100, 8_192, len(good)]), size=rng.choice([1, 3, 30]))
        damaged[where] = rng.integers(256, size=len(where))
        path.write_bytes(damaged.tobytes())
        with suppress(HybridClusterError):
            writer = quiet_writer(path)
            try:
                writer.resume_run(run)
                writer.put([decision_rows(run, "greedy", 30, 30)], run)
                writer.flush()
            finally:
                writer.close()
    path.write_bytes(good)
    Path(f"{path}-commands").write_text("no database")
    with pytest.raises(
        HybridClusterError, match=r"results.sqlite-commands: .*; allowed: to remove"
    ):
        quiet_writer(path)


def test_readers_cannot_write(store_url: str) -> None:
    writer = quiet_writer(store_url)
    writer.new_run(**RUN)
    with (
        pytest.raises(sa.exc.DBAPIError, match=r"readonly|read-only"),
        reading_engine(Store.of(store_url)).begin() as connection,
    ):
        connection.execute(sa.delete(runs))
    writer.close()


def test_a_wrong_password_is_told_and_not_shown(postgresql_url: str) -> None:
    url = sa.make_url(postgresql_url)
    wrong = url.set(password=SECRET).render_as_string(hide_password=False)
    with pytest.raises(HybridClusterError, match="password authentication failed") as caught:
        quiet_writer(wrong)
    shown = "".join(traceback.format_exception(caught.value))
    assert SECRET not in shown
    assert "***" in shown
    for change, complaint in (
        ({"port": 1}, "[Cc]onnection refused"),
        ({"database": "nowhere"}, 'database "nowhere" does not exist'),
        ({"query": {"colour": "red"}}, "invalid connection option"),
    ):
        other = url.set(**change).render_as_string(hide_password=False)
        with pytest.raises(HybridClusterError, match=complaint) as caught:
            quiet_writer(other)
        assert str(url.password) not in "".join(traceback.format_exception(caught.value))


def test_a_missing_driver_is_told_in_a_line(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from cpu_gpu_env.results.store.writer import StoreWriter\n"
        f"StoreWriter('postgresql://me:{SECRET}@host/db')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    *_, last = done.stderr.strip().split("\n")
    assert "PostgreSQL needs psycopg" in last
    assert 'pip install ".[runtime]"' in last
    assert SECRET not in done.stderr


def test_passwords_are_blotted_out_of_command_lines() -> None:
    for given, hidden in (
        ("stream.py --store postgresql://me:a:b/c@host:1/d", "postgresql://me:***@host:1/d"),
        ("--store 'postgresql+psycopg://me:a@b@host/d?sslmode=require' x@y.z", "://me:***@host/d?"),
        ("""--store 'postgresql://me:it'"'"'s@host/d'""", "postgresql://me:***@host/d"),
        ("--store 'postgresql://host/d?user=me&password=abc&x=1'", "user=me&password=***&x=1"),
    ):
        assert hidden in without_password(given)
        for part in ("a:b", "a@b", "it", "abc"):
            assert part not in without_password(given).partition("--store")[2]
    for plain in ("compare.py --store runs/a.sqlite", "sqlite:///a/b@c", "postgresql://host:1/d"):
        assert without_password(plain) == plain


def test_json_holds_lists_and_finite_numbers_alone() -> None:
    given = {"a": np.array([1.0, np.inf]), "b": (np.int64(3), np.nan), "c": {"d": np.bool_(True)}}
    assert json.loads(json_text(given)) == {"a": [1.0, None], "b": [3, None], "c": {"d": True}}
