"""What is acknowledged is stored, once and whole, whatever happens to process, server, connection
and disk."""

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import store_full_disk
from store_units import query, stored_units
from writing_process import CUTS, CuttingProxy, WritingProcess, wait_for, write_all

from cpu_gpu_env.scripts.temporary_postgresql import Server

NO_END, FEW_ROWS = 1_000_000, 5_000
"""Last unit of processes that go on, and waiting rows where units are not to share commits."""


def few_or_many(few: int, many: int) -> pytest.MarkDecorator:
    """Parametrize by how often: few in the default suite, many where time is given."""
    return pytest.mark.parametrize("times", [few, pytest.param(many, marks=pytest.mark.slow)])


@few_or_many(3, 50)
def test_a_process_killed_again_and_again(store_url: str, times: int) -> None:
    rng = random.Random(times)
    run, stored = None, 0
    for _ in range(times):
        with WritingProcess(store_url, run, NO_END) as process:
            run = process.wait_until_begun()
            time.sleep(rng.uniform(0.0, 1.0))
            process.kill()
            assert process.trouble is None
        before, stored = stored, stored_units(store_url)
        assert stored >= max(process.acknowledged, before)
    assert stored > 0
    write_all(store_url, run, stored + 20)
    assert stored_units(store_url) == stored + 20
    assert query(store_url, "SELECT run, status FROM runs") == [(1, "finished")]


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_process_killed_while_it_makes_the_store(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    rng = random.Random(0)
    for number in range(20):
        url = f"sqlite:///{tmp_path / str(number)}"
        if database == "postgresql":
            url = request.getfixturevalue("postgresql_url")
            server: Server = request.getfixturevalue("postgresql_server")
            for statement in ("DROP SCHEMA public CASCADE", "CREATE SCHEMA public"):
                server.execute(statement, url.rpartition("/")[2])
        for _ in range(2):
            with WritingProcess(url, None, 1) as process:
                wait_for(lambda process=process: process.told("opens"))
                time.sleep(rng.uniform(0.0, 0.4))
                process.kill()
        write_all(url, None, 4)
        ((run,),) = query(url, "SELECT MAX(run) FROM runs")
        assert stored_units(url, run) == 4


@few_or_many(1, 20)
def test_a_server_that_crashes(postgresql_server: Server, postgresql_url: str, times: int) -> None:
    rng = random.Random(times)
    with WritingProcess(postgresql_url, None, NO_END, FEW_ROWS) as process:
        for _ in range(times):
            process.wait_for_more(1)
            time.sleep(rng.uniform(0.0, 1.0))
            postgresql_server.stop("immediate")
            acknowledged = process.acknowledged
            wait_for(lambda: process.trouble)
            postgresql_server.start()
            assert query(postgresql_url, "SELECT next_episode FROM runs") >= [(acknowledged,)]
        process.wait_for_more(1)
        wait_for(lambda: process.trouble is None)
        process.kill()
    stored = stored_units(postgresql_url)
    assert stored >= process.acknowledged
    write_all(postgresql_url, 1, stored + 5)
    assert stored_units(postgresql_url) == stored + 5


@few_or_many(4, 60)
def test_a_connection_that_is_cut(
    postgresql_server: Server, postgresql_url: str, times: int
) -> None:
    proxy = CuttingProxy(postgresql_server.port, times, random.Random(times))
    name = postgresql_url.rpartition("/")[2]
    url = postgresql_server.url(name, proxy.port)
    with WritingProcess(url, None, NO_END, FEW_ROWS) as process:
        wait_for(lambda: proxy.cuts.total() == times or process.process.poll() is not None, 300)
        process.wait_for_more(5)
        process.kill()
    proxy.close()
    assert proxy.cuts == dict.fromkeys(CUTS, times // len(CUTS))
    stored = stored_units(postgresql_url)
    assert stored >= process.acknowledged
    write_all(postgresql_url, 1, stored + 5)
    assert stored_units(postgresql_url) == stored + 5


@pytest.mark.slow
@pytest.mark.skipif(
    not shutil.which("unshare") or os.geteuid() != 0,
    reason="root alone may mount a file system of 20 MB, in a namespace of util-linux's unshare",
)
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_disk_that_fills_and_is_freed(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if database == "postgresql":
        request.getfixturevalue("postgresql_server")  # skips where there is none
    line = ["unshare", "--mount", sys.executable, store_full_disk.__file__, database]
    done = subprocess.run([*line, str(tmp_path)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not shutil.which("strace"), reason="strace shows what is synchronised")
def test_sqlite_synchronises_before_it_acknowledges(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    calls = "--trace=fsync,fdatasync,write"
    prefix = ("strace", "--follow-forks", "--string-limit=64", calls, f"--output={trace}")
    with WritingProcess(
        f"sqlite:///{tmp_path / 'results.sqlite'}", None, 40, prefix=prefix
    ) as process:
        process.wait_until_done()
    synchronised, acknowledged = 0, 0
    for line in trace.read_text().splitlines():
        if "sync(" in line or "sync resumed" in line:
            synchronised += line.endswith("= 0")
        elif '"acknowledged' in line:
            acknowledged += 1
            assert synchronised, line
            synchronised = 0
    assert acknowledged > 1


def test_postgresql_synchronises_before_it_acknowledges(
    postgresql_server: Server, postgresql_url: str
) -> None:
    name = postgresql_url.rpartition("/")[2]
    postgresql_server.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    statement = "SELECT wal_sync FROM pg_stat_wal"
    ((before,),) = postgresql_server.execute(statement)
    with WritingProcess(postgresql_url, None, 30) as process:
        process.wait_until_done()
    ((after,),) = postgresql_server.execute(statement)
    assert after - before >= len(process.told("acknowledged"))
