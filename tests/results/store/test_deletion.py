"""Deleted runs are gone whole, whoever writes meanwhile and whoever is killed over it."""

import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from store_rows import RUN, decision_rows, learner_rows, model_rows, query, quiet_writer, wait_until
from store_units import stored_units, unit_rows
from writing_process import WritingProcess, wait_for

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.results.store import removal
from cpu_gpu_env.results.store.commands import send_command
from cpu_gpu_env.results.store.database import UnknownError
from cpu_gpu_env.results.store.deletion import delete_run, is_half_deleted
from cpu_gpu_env.results.store.mailbox import DELETE, Mailbox, mailbox_of
from cpu_gpu_env.results.store.reading import open_reader
from cpu_gpu_env.results.store.tables import episodes, metadata, runs

TABLES = [table for table in metadata.sorted_tables if "run" in table.c]


def counts(url: str, run: int) -> dict[str, int]:
    """Rows of a run in each table."""
    return {
        table.name: query(url, sa.select(sa.func.count()).where(table.c.run == run))[0][0]
        for table in TABLES
    }


def write_runs(url: str, number: int = 2, decided: int = 300) -> None:
    """Write runs 1, 2, ... that have rows in every table, and have ended."""
    for _ in range(number):
        writer = quiet_writer(url)
        run = writer.new_run(**RUN)
        rows = [decision_rows(run, name, 0, decided) for name in ("greedy", "oracle")]
        rows += [played for played in unit_rows(run, 1) if played.table is episodes]
        writer.put([*rows, model_rows(run, 1), learner_rows(run, 3)], run, {"next_episode": 30})
        writer.show(run, {"greedy": {"episodes": 3}})
        send_command(url, run, "pause")
        wait_until(lambda writer=writer, run=run: bool(writer.commands(run)))  # type: ignore[misc]
        writer.close(run)


@pytest.fixture
def slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices of a few rows."""
    few = [(table, key, 70) for table, key, _ in removal._SLICES]
    monkeypatch.setattr(removal, "_SLICES", tuple(few))


@pytest.mark.usefixtures("slices")
def test_a_run_goes_with_all_its_rows_and_no_other(store_url: str) -> None:
    write_runs(store_url)
    before, other = counts(store_url, 1), counts(store_url, 2)
    assert all(before[table.name] for table in TABLES)
    assert delete_run(store_url, 1) == sum(before.values())
    assert not any(counts(store_url, 1).values())
    assert counts(store_url, 2) == other
    with open_reader(store_url) as reader:
        assert [row["run"] for row in reader.runs()] == [2]
    with pytest.raises(UnknownError, match="no run 1"):
        delete_run(store_url, 1)


def test_the_number_of_a_deleted_run_is_not_given_again(store_url: str) -> None:
    write_runs(store_url)
    assert delete_run(store_url, 2)
    assert delete_run(store_url, 1)
    writer = quiet_writer(store_url)
    assert writer.new_run(**RUN) == 3
    writer.close(3)


def test_a_run_that_is_being_written_stays(store_url: str) -> None:
    writer = quiet_writer(store_url)
    run = writer.new_run(**RUN)
    writer.put([decision_rows(run, "greedy", 0, 10)], run)
    with pytest.raises(HybridClusterError, match=f"run {run} is being written"):
        delete_run(store_url, run)
    writer.flush()
    assert counts(store_url, run)["decisions"] == 10
    writer.close(run)
    assert delete_run(store_url, run) == 11


@pytest.mark.usefixtures("slices")
def test_one_that_is_half_deleted_is_unknown_and_is_gone_on_with(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_runs(store_url)
    before, asked = counts(store_url, 1), iter(range(4))

    def few(connection: sa.Connection, run: int) -> int:
        if next(asked, None) is None:
            raise KeyboardInterrupt
        return removal.delete_slice(connection, run)

    monkeypatch.setattr("cpu_gpu_env.results.store.deletion.delete_slice", few)
    with pytest.raises(KeyboardInterrupt):
        delete_run(store_url, 1)
    monkeypatch.undo()
    rest = counts(store_url, 1)
    assert 0 < rest["decisions"] < before["decisions"]
    assert is_half_deleted(store_url, 1)
    with open_reader(store_url) as reader:
        assert [row["run"] for row in reader.runs()] == [2]
        with pytest.raises(UnknownError, match="run is 1; allowed: those of the store: 2"):
            reader.episodes(1, "greedy")
    writer = quiet_writer(store_url)
    with pytest.raises(HybridClusterError, match="there is no run 1; known, the newest last: 2"):
        writer.resume_run(1)
    writer.close()
    with pytest.raises(UnknownError):
        send_command(store_url, 1, "stop")


DELETES = """
import os, signal, sys
from cpu_gpu_env.results.store import deletion, removal
url, run, slices = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
removal._SLICES = tuple((table, key, 50) for table, key, _ in removal._SLICES)
def counted(connection, run):
    global slices
    slices -= 1
    found = removal.delete_slice(connection, run)
    if slices < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return found
deletion.delete_slice = counted
deletion.delete_run(url, run)
"""


@pytest.mark.parametrize("by", ["another call", "the next writer"])
def test_a_process_killed_over_it_is_gone_on_from(store_url: str, by: str) -> None:
    write_runs(store_url, 3)
    other = counts(store_url, 2)
    for slices in (0, 4):
        line = [sys.executable, "-c", DELETES, store_url, "1", str(slices)]
        assert subprocess.run(line, check=False).returncode == -9
    assert 0 < counts(store_url, 1)["decisions"] < counts(store_url, 2)["decisions"]
    if by == "another call":
        assert delete_run(store_url, 3)
    else:
        writer = quiet_writer(store_url)
        wait_until(lambda: not any(counts(store_url, 1).values()))
        writer.close()
    assert not any(counts(store_url, 1).values())
    assert counts(store_url, 2) == other


@pytest.mark.slow
def test_an_engine_of_another_run_deletes_between_what_it_writes(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'results.sqlite'}"
    write_runs(url, 2, 15_000)
    with WritingProcess(url, None, 400) as process:
        run = process.wait_until_begun()
        process.wait_for_more(3)
        assert delete_run(url, 1) is None
        with open_reader(url) as reader:  # as soon as it has heard, nobody knows it any more
            wait_for(lambda: [row["run"] for row in reader.runs()] == [2, run])
        with pytest.raises(HybridClusterError, match=f"run {run} is being written"):
            delete_run(url, run)
        process.wait_for_more(3)
        wait_for(lambda: not any(counts(url, 1).values()))
        process.wait_for_more(3)
        acknowledged = process.acknowledged
        process.kill()
    assert stored_units(url, run) >= acknowledged
    assert counts(url, 2)["decisions"] == 30_000


def test_an_engine_killed_before_it_has_deleted_is_gone_on_from_when_the_next_starts(
    tmp_path: Path,
) -> None:
    url = str(tmp_path / "results.sqlite")
    write_runs(url, 2, 20_000)
    with WritingProcess(url, None, 10_000) as process:
        run = process.wait_until_begun()
        assert delete_run(url, 1) is None
        wait_for(lambda: is_half_deleted(url, 1))
        process.kill()
    left = counts(url, 1)
    assert left["runs"] == 1
    assert is_half_deleted(url, 1)
    with WritingProcess(url, run, 10_000) as process:
        process.wait_until_begun()
        wait_for(lambda: not any(counts(url, 1).values()))
        process.kill()
    assert counts(url, 2)["decisions"] == 40_000


def test_a_wish_that_nobody_heard_is_granted_by_the_next_writer(tmp_path: Path) -> None:
    path = tmp_path / "results.sqlite"
    write_runs(str(path))
    mailbox = Mailbox(mailbox_of(path))
    mailbox.send(1, DELETE, None)
    mailbox.close()
    writer = quiet_writer(path)
    with pytest.raises(HybridClusterError, match="there is no run 1"):
        writer.resume_run(1)
    wait_until(lambda: not any(counts(str(path), 1).values()))
    assert counts(str(path), 2)["runs"] == 1
    writer.close()


def test_a_killed_engine_is_not_taken_for_the_one_that_writes_now(tmp_path: Path) -> None:
    url = str(tmp_path / "results.sqlite")
    with WritingProcess(url, None, 10_000) as process:
        stale = process.wait_until_begun()
        process.kill()
    with WritingProcess(url, None, 10_000) as process:
        process.wait_until_begun()
        assert query(url, sa.select(runs.c.status).where(runs.c.run == stale)) == [("interrupted",)]
        assert delete_run(url, stale) is None
        wait_for(lambda: not any(counts(url, stale).values()))


@pytest.mark.parametrize("run", [0, 2**31, True])
def test_what_is_no_number_of_a_run_is_told(tmp_path: Path, run: int) -> None:
    with pytest.raises(HybridClusterError, match="run is"):
        delete_run(tmp_path / "results.sqlite", run)


def test_a_store_that_is_not_there_is_told_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(HybridClusterError, match="there is no such file"):
        delete_run(tmp_path / "results.sqlite", 1)
    assert not list(tmp_path.iterdir())
