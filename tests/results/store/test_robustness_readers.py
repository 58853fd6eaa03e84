"""Who else may be at a store while it is written: readers that stay, and other writers."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import store_units
from store_units import new_run, query, run_update, stored_units, unit_rows
from writing_process import WritingProcess, wait_for

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.results.store import sqlite_session
from cpu_gpu_env.results.store.writer import StoreWriter

NO_END = 1_000_000


def test_a_reader_that_stays_is_told_and_its_log_is_emptied_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = 2**20
    monkeypatch.setattr(sqlite_session, "MAX_WAL_BYTES", limit)
    path, told = tmp_path / "results.sqlite", []
    log = tmp_path / "results.sqlite-wal"
    writer = StoreWriter(path, told.append, keep_decisions=None)
    run, units = new_run(writer), 0
    sizes = []

    def write(count: int) -> None:
        nonlocal units
        for unit in range(units + 1, units + count + 1):
            writer.put(unit_rows(run, unit), run, run_update(unit))
            writer.flush()
            sizes.append(log.stat().st_size)
        units += count

    write(9)
    # Without readers: the limit, and the largest unit that was written before it was looked at.
    assert max(sizes) < 3 * limit
    told.clear()
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as reader:
        reader.execute("BEGIN")
        (before,) = reader.execute("SELECT COUNT(*) FROM decisions").fetchone()
        write(12)
        assert reader.execute("SELECT COUNT(*) FROM decisions").fetchone() == (before,)
        wait_for(lambda: told)
        (line,) = told
        assert "a reader" in line
        assert "results.sqlite-wal" in line
        assert sizes[-1] > 3 * limit
    wait_for(lambda: log.stat().st_size <= limit)
    wait_for(lambda: len(told) == 2)
    assert "emptied" in told[1]
    write(6)
    writer.close(run)
    assert stored_units(f"sqlite:///{path}") == units


def test_a_store_of_sqlite_has_one_writer(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'results.sqlite'}"
    with WritingProcess(url, None, NO_END) as process:
        process.wait_until_begun()
        with pytest.raises(HybridClusterError, match=f"process {process.pid} ") as raised:
            StoreWriter(url)
        assert "\n" not in str(raised.value)
        process.wait_for_more(2)
        process.kill()
    writer = StoreWriter(url)
    writer.resume_run(1)
    writer.close(1)
    assert stored_units(url) >= process.acknowledged


def test_postgresql_has_many_writers_and_each_run_has_one(postgresql_url: str) -> None:
    with (
        WritingProcess(postgresql_url, None, NO_END) as first,
        WritingProcess(postgresql_url, None, NO_END) as second,
    ):
        runs = [process.wait_until_begun() for process in (first, second)]
        assert sorted(runs) == [1, 2]
        owner = (first, second)[runs.index(1)]
        writer = StoreWriter(postgresql_url)
        with pytest.raises(HybridClusterError, match=f"run 1 is being written by .*{owner.pid}"):
            writer.resume_run(1)
        writer.close()
        for process in (first, second):
            process.wait_for_more(2)
        for process in (first, second):
            process.kill()
    for run, process in zip(runs, (first, second), strict=True):
        assert stored_units(postgresql_url, run) >= process.acknowledged > 0


def test_what_is_read_meanwhile_is_always_whole(store_url: str) -> None:
    """Units come one after another, and each is seen in all tables at once."""
    seen: set[int] = set()

    def look() -> bool:
        acknowledged = process.acknowledged
        statement = "SELECT next_episode, (SELECT COUNT(*) FROM decisions) FROM runs"
        ((units, decided),) = query(store_url, statement)
        assert units >= acknowledged
        assert decided == len(store_units.SCHEDULERS) * store_units.tasks_before(units + 1)
        seen.add(units)
        return len(seen) > 2

    with WritingProcess(store_url, None, NO_END) as process:
        process.wait_for_more(1)
        wait_for(look)
        process.kill()
