"""A PostgreSQL server of one's own: durable as told, and never left behind."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.scripts import temporary_postgresql
from cpu_gpu_env.scripts.temporary_postgresql import Server

KILLED = """
import os, signal, sys
from cpu_gpu_env.scripts.temporary_postgresql import temporary_server
with temporary_server() as server:
    print(server.folder, server.port)
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_it_is_as_durable_as_the_store_needs(postgresql_server: Server) -> None:
    settings = ("fsync", "synchronous_commit", "full_page_writes")
    assert [postgresql_server.execute(f"SHOW {name}") for name in settings] == [[("on",)]] * 3


def test_it_wants_its_password(postgresql_server: Server) -> None:
    url = sa.make_url(postgresql_server.url()).set(password="guess")
    with pytest.raises(sa.exc.OperationalError, match="password authentication failed"):
        sa.create_engine(url).connect()


def test_after_a_crash_it_has_what_was_committed(
    postgresql_server: Server, postgresql_url: str
) -> None:
    url = postgresql_url.replace("+psycopg", "")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE numbers AS SELECT 42 AS number")
        connection.commit()
        connection.execute("INSERT INTO numbers VALUES (43)")
        postgresql_server.stop("immediate")
        with pytest.raises(psycopg.OperationalError):
            connection.commit()
    postgresql_server.start()
    with psycopg.connect(url) as connection:
        assert connection.execute("TABLE numbers").fetchall() == [(42,)]


def test_it_goes_when_its_owner_is_killed(postgresql_server: Server) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    folder, port = done.stdout.split()
    deadline = time.monotonic() + 20
    while Path(folder).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(folder).exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(port)))


def test_without_a_server_there_is_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(temporary_postgresql, "DEBIANS", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        pytest.raises(HybridClusterError, match="no PostgreSQL server"),
        temporary_postgresql.temporary_server(),
    ):
        pass
