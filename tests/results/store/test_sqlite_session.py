"""SQLite: one process writes, its log stays small, and a file that is gone is noticed."""

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from store_rows import RUN, decision_rows, query, quiet_writer, sequences, wait_until

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.results.store import sqlite_session
from cpu_gpu_env.results.store.commands import send_command
from cpu_gpu_env.results.store.database import Store, reading_engine
from cpu_gpu_env.results.store.tables import commands, decisions


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "results.sqlite"


def settings(path: Path, name: str) -> object:
    return query(str(path), sa.text(f"PRAGMA {name}"))[0][0]


def test_a_second_process_is_kept_out_until_the_first_has_ended(path: Path) -> None:
    code = (
        "import sys\n"
        "from cpu_gpu_env.results.store.writer import StoreWriter\n"
        "writer = StoreWriter(sys.argv[1], lambda line: None)\n"
        "writer.new_run(kind='stream', command='', schedulers=[], provenance={}, settings={})\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read()\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "ready\n"
    with pytest.raises(HybridClusterError, match=f"process {other.pid} is writing into it"):
        quiet_writer(path)
    send_command(str(path), 1, "stop")
    other.kill()
    other.communicate()
    with pytest.raises(HybridClusterError, match="run 1 is not being played"):
        send_command(str(path), 1, "stop")
    writer = quiet_writer(path)
    writer.resume_run(1)
    writer.flush()
    assert writer.commands(1) == []  # what the killed one was asked is void
    writer.close(1)
    assert not path.with_name("results.sqlite-lock").exists()


def test_a_version_that_can_lose_commits_is_named_once(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version, is_told in (((3, 51, 2), True), ((3, 51, 3), False)):
        told: list[str] = []
        monkeypatch.setattr(sqlite3, "sqlite_version_info", version)
        writer = quiet_writer(path, tell=told.append)
        writer.new_run(**RUN)
        writer.close()
        assert [("can lose what is committed" in line) for line in told] == [True] * is_told


def test_the_log_is_emptied_unless_a_reader_pins_it_which_is_told_once(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_session, "MAX_WAL_BYTES", 200_000)
    monkeypatch.setattr(sqlite_session, "SAFE_VERSION", (3, 0, 0))
    log, told = Path(f"{path}-wal"), []
    writer = quiet_writer(path, tell=told.append)
    run = writer.new_run(**RUN)
    assert settings(path, "journal_mode") == "wal"
    for i in range(20):
        writer.put([decision_rows(run, "greedy", 1_000 * i, 1_000)], run)
    writer.flush()
    wait_until(lambda: log.stat().st_size <= 200_000)
    engine = reading_engine(Store.of(path))
    with engine.begin() as connection:
        first = connection.execute(sa.select(sa.func.count()).select_from(decisions)).scalar()
        for i in range(20, 40):
            writer.put([decision_rows(run, "greedy", 1_000 * i, 1_000)], run)
        writer.flush()
        wait_until(lambda: len(told) == 1)
        assert "a reader of" in told[0]
        assert "results.sqlite-wal cannot be emptied" in told[0]
        writer.put([decision_rows(run, "greedy", 40_000, 1_000)], run)
        writer.flush()
        again = connection.execute(sa.select(sa.func.count()).select_from(decisions)).scalar()
        assert first == again == 20_000
    engine.dispose()
    wait_until(lambda: len(told) == 2)
    assert told[1] == "results.sqlite-wal is emptied again"
    assert log.stat().st_size <= 200_000
    writer.close(run)
    assert not log.exists()
    assert sequences(str(path), run) == list(range(41_000))


@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_a_file_that_loses_its_name_ends_the_run(path: Path, how: str) -> None:
    writer = quiet_writer(path)
    run = writer.new_run(**RUN)
    writer.put([decision_rows(run, "greedy", 0, 10)], run)
    writer.flush()
    if how == "removed":
        path.unlink()
    else:
        shutil.copy(path, f"{path}.copy")
        os.replace(f"{path}.copy", path)
    writer.put([decision_rows(run, "greedy", 10, 10)], run)
    with pytest.raises(HybridClusterError, match="was moved, removed or replaced while"):
        writer.flush()
    assert writer.acknowledged == 1
    with pytest.raises(HybridClusterError, match="was moved, removed or replaced while"):
        writer.close(run)


def test_commands_taken_are_kept_in_the_store(path: Path) -> None:
    writer = quiet_writer(path)
    run = writer.new_run(**RUN)
    send_command(str(path), run, "speed", 10.0)
    wait_until(lambda: len(writer.commands(run)) == 1)
    writer.close(run)
    (row,) = query(str(path), sa.select(commands))
    assert (row.run, row.name, row.value) == (run, "speed", 10.0)
    assert row.issued_at <= row.done_at


def test_ctrl_c_gives_a_store_up_that_does_not_answer(path: Path) -> None:
    code = """
import sqlite3, sys, threading, _thread
from store_rows import RUN, decision_rows
from cpu_gpu_env.results.store.writer import StoreWriter
told = []
writer = StoreWriter(sys.argv[1], told.append)
run = writer.new_run(**RUN)
intruder = sqlite3.connect(sys.argv[1], isolation_level=None)
intruder.execute("BEGIN IMMEDIATE")  # as none of this package does
writer.put([decision_rows(run, "greedy", 0, 123)], run)
while writer.trouble is None:
    pass
for after_s in (0.3, 0.6):
    threading.Timer(after_s, _thread.interrupt_main).start()
try:
    writer.close(run)
finally:
    print(*told, sep="\\n")
"""
    done = subprocess.run(
        [sys.executable, "-c", code, path],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.stderr.strip().endswith("123 rows were not stored: database is locked")
    told = done.stdout
    assert told.count("does not answer: database is locked") == 1
    assert "for 60 s more; Ctrl-C gives them up" in told
    assert "for 5 s more; Ctrl-C gives them up" in told
    assert sequences(str(path), 1) == []


def test_a_locked_store_is_waited_for_and_told_twice(path: Path) -> None:
    told: list[str] = []
    writer = quiet_writer(path, tell=told.append, max_waiting_rows=50)
    run = writer.new_run(**RUN)
    del told[:]
    intruder = sqlite3.connect(path, isolation_level=None)
    intruder.execute("BEGIN IMMEDIATE")
    writer.put([decision_rows(run, "greedy", 0, 100)], run)
    wait_until(lambda: writer.trouble is not None)
    assert writer.acknowledged == 0
    intruder.execute("ROLLBACK")
    intruder.close()
    writer.put([decision_rows(run, "greedy", 100, 100)], run)  # waits, as the queue is full
    writer.flush()
    assert writer.trouble is None
    writer.close(run)
    first, second = told
    assert first.startswith(f"{path} does not answer: database is locked; what is not stored waits")
    assert second.startswith(f"{path} answers again after ")
    assert sequences(str(path), run) == list(range(200))
