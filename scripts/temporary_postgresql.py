"""A PostgreSQL server of its own, gone with whoever started it: for benchmarks and tests."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cpu_gpu_env.errors import HybridClusterError

DEBIANS = Path("/usr/lib/postgresql")
"""Where Debian and Ubuntu put the binaries of each version, off the PATH."""
TRIES = 3
"""Ports tried: another process may take a free one before the server does."""

# Ends when whoever started it does, however that was: its end of the pipe closes.
_KEEPER = 'cat >/dev/null; "$1/pg_ctl" -D "$2/data" stop -m immediate >/dev/null 2>&1; rm -rf "$2"'


@dataclass(frozen=True)
class Server:
    """A running server on 127.0.0.1, with fsync on and an administrator called postgres."""

    binaries: Path
    """Folder of initdb and pg_ctl."""
    folder: Path
    """Holds its data and its log."""
    port: int
    """TCP."""
    password: str
    """Of the administrator."""

    def url(self, database: str = "postgres", port: int | None = None) -> str:
        """Of a database on it, as SQLAlchemy reads it; a port of one that passes bytes on."""
        address = f"127.0.0.1:{port or self.port}"
        return f"postgresql+psycopg://postgres:{self.password}@{address}/{database}"

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run a statement in a database, as the administrator; return its rows."""
        import psycopg

        with psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user="postgres",
            password=self.password,
            dbname=database,
            autocommit=True,
        ) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def start(self) -> None:
        """Start it, and wait until it answers.

        Raises:
            HybridClusterError: If it does not start.
        """
        options = f"-p {self.port} -h 127.0.0.1 -c unix_socket_directories= -c fsync=on"
        log = str(self.folder / "log")
        _run(self.binaries / "pg_ctl", *self._data, "-w", "-l", log, "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop it; mode ``"immediate"`` is a crash, after which the next start recovers.

        Raises:
            HybridClusterError: If it does not run.
        """
        _run(self.binaries / "pg_ctl", *self._data, "-w", "-m", mode, "stop")

    @property
    def _data(self) -> tuple[str, str]:
        return "-D", str(self.folder / "data")


def find_binaries() -> Path | None:
    """Folder of the newest server that is installed, None if there is none."""
    versions = [path.parent for path in DEBIANS.glob("*/bin/initdb")]
    if versions:
        return max(versions, key=lambda path: float(path.parent.name))
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


@contextmanager
def temporary_server() -> Iterator[Server]:
    """Start a server that is stopped and removed at the end, even if this process is killed.

    It does not run as root, so root starts it as the user postgres, or nobody.

    Raises:
        HybridClusterError: If no server is installed, or it does not start.
    """
    binaries = find_binaries()
    if binaries is None:
        raise HybridClusterError("there is no PostgreSQL server here; apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
    owner = _not_root()
    if owner:
        shutil.chown(folder, owner["user"], owner["group"])
    keeper = subprocess.Popen(
        ["sh", "-c", _KEEPER, "sh", binaries, folder],
        stdin=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is not for it
        cwd="/",
        **owner,
    )
    try:
        yield _first_start(binaries, folder)
    finally:
        keeper.communicate()


def _first_start(binaries: Path, folder: Path) -> Server:
    password = secrets.token_hex(8)
    file = folder / "password"
    file.write_text(password)
    file.chmod(0o644)  # the folder is private
    options = f"-U postgres -A scram-sha-256 -E UTF8 --locale C --no-sync --pwfile {file}".split()
    _run(binaries / "initdb", "-D", str(folder / "data"), *options)
    for attempt in range(TRIES):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            server = Server(binaries, folder, free.getsockname()[1], password)
        try:
            server.start()
            break
        except HybridClusterError:
            if attempt == TRIES - 1:
                raise
    return server


def _not_root() -> dict[str, Any]:
    """Of subprocess.run: a user and a group, for root alone."""
    if os.geteuid() != 0:
        return {}
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        user = pwd.getpwnam("nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": ()}


def _run(*line: object) -> None:
    # To a file: the server would keep a pipe open.
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as told:
        words = [*map(str, line)]
        done = subprocess.run(
            words, stdout=told, stderr=told, stdin=subprocess.DEVNULL, cwd="/", **_not_root()
        )
        if done.returncode:
            told.seek(0)
            lines = told.read().split("\n")
            said = " ".join(line.strip() for line in lines if line.strip())
            raise HybridClusterError(f"PostgreSQL's {Path(words[0]).name} fails: {said[-500:]}")
