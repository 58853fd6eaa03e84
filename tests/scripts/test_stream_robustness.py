"""Streams that are killed or interrupted go on as if nothing had been, with every episode once."""

import hashlib
import json
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from store_units import query
from writing_process import wait_for

from cpu_gpu_env.scripts import stream

FIXED = ("round-robin", "random", "greedy")
SMALL = ["--schedulers", ",".join(FIXED), "--bound", "none", "--num-tasks", "25"]
ORACLE = ["--schedulers", "greedy,oracle", "--quick-oracle", "--num-tasks", "8", "--jobs", "1"]
LEARNING = ["--schedulers", "random-forest,random-forest-online,dqn-queues,dqn-queues-online"]
LEARNING += ["--quick-oracle", "--num-tasks", "10", "--jobs", "1"]


@contextmanager
def streaming(url: str, folder: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    """A stream that does not outlive the block."""
    line = [sys.executable, "-m", "cpu_gpu_env.scripts.stream", "--store", url]
    line += ["--output", str(folder / "output"), *more]
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    with subprocess.Popen(line, **pipes, text=True, cwd=folder) as process:
        try:
            yield process
        finally:
            process.kill()


def play_to_end(url: str, folder: Path, *more: str) -> None:
    assert stream.main(["--store", url, "--output", str(folder / "output"), *more]) == 0


def next_episode(url: str) -> int:
    """Of the run; 0 while there is none."""
    try:
        found = query(url, "SELECT next_episode FROM runs")
    except (sqlite3.OperationalError, psycopg.errors.UndefinedTable):
        return 0
    return int(found[0][0]) if found else 0


def wait_for_more(process: subprocess.Popen[str], url: str) -> None:
    """Wait until the process has stored something."""
    before = next_episode(url)
    wait_for(lambda: process.poll() is not None or next_episode(url) > before, 120.0)
    assert process.poll() is None, process.communicate()[1]


def kill(url: str, folder: Path, line: list[str], times: int) -> None:
    """Kill a stream at random moments, and the one that goes on with it, and so on."""
    rng = random.Random(times)
    more: list[str] = []
    for _ in range(times):
        with streaming(url, folder, *line, *more) as process:
            wait_for_more(process, url)
            time.sleep(rng.uniform(0.0, 1.0))
            process.kill()
        more = ["--resume", "1"]


def check_same(url: str, folder: Path, line: list[str], names: tuple[str, ...]) -> None:
    """End a stream, and compare what is stored of some schedulers with an unbroken one."""
    episodes = next_episode(url) + 10
    ends = ["--episodes", str(episodes)]
    play_to_end(url, folder, *line, "--resume", "1", *ends)
    tasks = episodes * int(line[line.index("--num-tasks") + 1])
    found = query(url, "SELECT run, status, next_episode, tasks FROM runs")
    assert found == [(1, "finished", episodes, tasks)]
    for table, key, count in (("episodes", "episode", episodes), ("decisions", "sequence", tasks)):
        found = query(
            url,
            f"SELECT scheduler, COUNT(*), COUNT(DISTINCT {key}), MIN({key}), MAX({key}) "
            f"FROM {table} GROUP BY scheduler ORDER BY scheduler",
        )
        lanes = sorted(line[1].split(","))
        assert found == [(lane, count, count, 0, count - 1) for lane in lanes]
    unbroken = f"sqlite:///{folder / 'unbroken.sqlite'}"
    play_to_end(unbroken, folder, *line, *ends)
    assert digest(url, names) == digest(unbroken, names)


def digest(url: str, schedulers: tuple[str, ...]) -> str:
    """Of all that is stored of some schedulers, but for times on the wall."""
    content = hashlib.sha256()
    for table, key in (("episodes", "episode"), ("decisions", "sequence")):
        among = f"scheduler IN ({', '.join(map(repr, schedulers))}) ORDER BY scheduler, {key}"
        names = ", ".join(columns(url, table))
        rows = query(url, f"SELECT {names} FROM {table} WHERE {among}")
        assert rows
        for row in rows:
            content.update(repr([plain(value) for value in row]).encode())
    return content.hexdigest()


def columns(url: str, table: str) -> list[str]:
    """Those whose values are no time on the wall."""
    if url.startswith("sqlite"):
        names = [row[1] for row in query(url, f"PRAGMA table_info({table})")]
    else:
        schema = "SELECT column_name FROM information_schema.columns"
        names = [name for (name,) in query(url, f"{schema} WHERE table_name = '{table}'")]
    return sorted(set(names) - {"finished_at", "decision_p50_s", "decision_p99_s"})


def plain(value: Any) -> Any:
    """The same from either database: SQLite has numbers for truth, and text for JSON."""
    if isinstance(value, str) and value.startswith("["):
        return json.loads(value)
    return float(value) if isinstance(value, bool | int) else value


@pytest.mark.slow
def test_a_stream_that_is_killed_goes_on_as_if_nothing_had_been(
    store_url: str, tmp_path: Path
) -> None:
    kill(store_url, tmp_path, SMALL, 50)
    check_same(store_url, tmp_path, SMALL, FIXED)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "names"),
    [
        (ORACLE, ("greedy", "oracle")),
        (LEARNING, ("random-forest", "dqn-queues")),
        ([*SMALL, "--speed", "1000"], FIXED),
    ],
    ids=["oracle", "learning", "paced"],
)
def test_other_streams_that_are_killed(
    store_url: str, tmp_path: Path, line: list[str], names: tuple[str, ...]
) -> None:
    kill(store_url, tmp_path, line, 8)
    check_same(store_url, tmp_path, line, names)


@pytest.mark.parametrize(
    "store_url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)], indirect=True
)
def test_however_it_ends_everything_is_stored_and_it_goes_on(
    store_url: str, tmp_path: Path
) -> None:
    more: list[str] = []
    for number in (signal.SIGKILL, signal.SIGINT, signal.SIGTERM):
        with streaming(store_url, tmp_path, *SMALL, *more) as process:
            wait_for_more(process, store_url)
            before = next_episode(store_url)
            process.send_signal(number)
            _, error = process.communicate(timeout=60)
        assert "Traceback" not in error
        assert next_episode(store_url) >= before
        ((status, ended_at),) = query(store_url, "SELECT status, ended_at FROM runs")
        if number == signal.SIGKILL:
            assert (status, ended_at) == ("running", None)
        else:
            assert process.returncode == 130, error
            assert error.splitlines()[-1].startswith("interrupted")
            assert status == "interrupted"
            assert ended_at is not None
        more = ["--resume", "1"]
    check_same(store_url, tmp_path, SMALL, FIXED)
