"""PostgreSQL: several engines write at once, each to runs of its own; cut connections heal."""

import threading
import time

import psycopg
import pytest
import sqlalchemy as sa
from store_rows import RUN, decision_rows, query, quiet_writer, sequences

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.results.store import writing
from cpu_gpu_env.scripts.temporary_postgresql import Server


def cut(server: Server, url: str) -> None:
    """End every connection to a database but this one."""
    name = sa.make_url(url).database
    server.execute(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    )


def test_several_writers_have_runs_of_their_own(postgresql_url: str) -> None:
    one, two = quiet_writer(postgresql_url), quiet_writer(postgresql_url)
    first, second = one.new_run(**RUN), two.new_run(**RUN)
    assert first != second
    for i in range(20):
        one.put([decision_rows(first, "greedy", 100 * i, 100)], first)
        two.put([decision_rows(second, "greedy", 100 * i, 100)], second)
    complaint = f"run {first} is being written by cpu-gpu-env .* allowed: wait until it has ended"
    with pytest.raises(HybridClusterError, match=complaint):
        two.resume_run(first)
    one.close(first)
    two.resume_run(first)
    two.close(second)
    for run in (first, second):
        assert sequences(postgresql_url, run) == list(range(2_000))


def test_cut_connections_lose_and_double_nothing(
    postgresql_url: str, postgresql_server: Server
) -> None:
    told: list[str] = []
    writer = quiet_writer(postgresql_url, tell=told.append, max_waiting_rows=5_000)
    run = writer.new_run(**RUN)

    def keep_cutting() -> None:
        for _ in range(12):
            time.sleep(0.2)
            cut(postgresql_server, postgresql_url)

    cutting = threading.Thread(target=keep_cutting)
    cutting.start()
    units = 0
    while cutting.is_alive() or units < 20:
        rows = [decision_rows(run, name, 1_000 * units, 1_000) for name in RUN["schedulers"]]
        assert writer.put(rows, run, {"next_episode": units}) == units + 1
        units += 1
    writer.flush()
    assert writer.acknowledged == units
    writer.close(run)
    assert told
    assert "does not answer" in told[0]
    assert "answers again" in told[-1]
    for name in RUN["schedulers"]:
        assert sequences(postgresql_url, run, name) == list(range(1_000 * units))


def test_a_connection_of_ours_that_hangs_on_is_ended(postgresql_url: str) -> None:
    writer = quiet_writer(postgresql_url)
    run = writer.new_run(**RUN)
    session = writer._thread.session
    hanging = session._connection  # the server does not know yet that nobody is there
    session._connection = None
    began_s = time.monotonic()
    writer.put([decision_rows(run, "greedy", 0, 100)], run)
    writer.flush()
    assert time.monotonic() - began_s < 5.0
    assert hanging is not None
    with pytest.raises(sa.exc.OperationalError):
        hanging.execute(sa.text("SELECT 1"))
    hanging.invalidate()
    hanging.close()
    writer.close(run)
    assert sequences(postgresql_url, run) == list(range(100))


def test_a_run_that_another_process_took_meanwhile_is_lost_to_this_one(postgresql_url: str) -> None:
    one, two = quiet_writer(postgresql_url), quiet_writer(postgresql_url)
    run = one.new_run(**RUN)
    one.flush()
    session = one._thread.session
    connection, session._connection = session._connection, None
    session.take_commands = lambda runs: []  # type: ignore[method-assign]
    assert connection is not None
    connection.invalidate()
    connection.close()
    two.resume_run(run)
    one.put([decision_rows(run, "greedy", 0, 10)], run)
    with pytest.raises(HybridClusterError, match=f"run {run} is being written by cpu-gpu-env"):
        one.flush()
    with pytest.raises(HybridClusterError, match=f"run {run} is being written by cpu-gpu-env"):
        one.close(run)
    two.close(run)
    assert sequences(postgresql_url, run) == []


def test_commits_are_synchronous_whatever_the_server_says(
    postgresql_url: str, postgresql_server: Server
) -> None:
    name = sa.make_url(postgresql_url).database
    postgresql_server.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    writer = quiet_writer(postgresql_url)
    connection = writer._thread.session._connection
    assert connection is not None
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    assert driver.execute("SHOW synchronous_commit").fetchone() == ("on",)
    driver.rollback()
    writer.close()


def test_space_of_old_decisions_is_wanted_back_soon(postgresql_url: str) -> None:
    quiet_writer(postgresql_url).close()
    options = sa.text("SELECT reloptions FROM pg_class WHERE relname = 'decisions'")
    ((found,),) = query(postgresql_url, options)
    assert "autovacuum_vacuum_scale_factor=0.05" in found


def test_a_server_that_hangs_is_told_and_waited_for(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "SLOW_S", 0.5)
    told: list[str] = []
    writer = quiet_writer(postgresql_url, tell=told.append, max_waiting_rows=10)
    run = writer.new_run(**RUN)
    url = sa.make_url(postgresql_url).set(drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False)) as other:
        other.execute("LOCK TABLE decisions")
        writer.put([decision_rows(run, "greedy", 0, 20)], run)
        release = threading.Timer(1.5, other.rollback)
        release.start()
        writer.put([decision_rows(run, "greedy", 20, 20)], run)  # waits
        release.join()
    writer.flush()
    assert writer.trouble is None
    writer.close(run)
    (line,) = told
    assert "no answer for 1 s; what is not stored waits" in line.replace("for 0 s", "for 1 s")
    assert sequences(postgresql_url, run) == list(range(40))
