"""Where results are kept: from a path or URL to a database, and errors that tell no password."""

from __future__ import annotations

import json
import math
import os
import re
import socket
import sqlite3
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool, QueuePool

from cpu_gpu_env.errors import HybridClusterError, printable, shown, without_password
from cpu_gpu_env.io.paths import as_path

ALLOWED = "a path, sqlite:///PATH, or postgresql+psycopg://USER:PASSWORD@HOST:PORT/DATABASE"
"""What may be a store, for messages."""

DATABASE_ERRORS = (SQLAlchemyError, UnicodeDecodeError, json.JSONDecodeError)
"""What SQLAlchemy raises, and what comes of texts in a damaged file of SQLite."""

_POSTGRESQL = ("postgresql+psycopg", "postgresql", "postgres")
_SQLITE = ("sqlite", "sqlite+pysqlite")
_CONNECT_S, _SILENCE_S = 10, 20
"""How long a server may take to answer when it is called, and later on [s]."""
_SESSION = {
    "synchronous_commit": "on",
    "lock_timeout": "10s",
    # A connection that was cut gives its locks back soon, not after the two hours of TCP.
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}


class StoreError(HybridClusterError):
    """A store cannot be opened, read or written, or holds what nobody wrote."""


class UnknownError(HybridClusterError):
    """A store has no such run, scheduler, episode or task."""


@dataclass(frozen=True)
class Store:
    """A database of results."""

    url: URL
    """Where it is, with the password if there is one."""
    path: Path | None
    """File of SQLite, with links resolved; None: PostgreSQL."""
    name: str
    """What messages call it: no password in it."""

    @staticmethod
    def of(store: str | os.PathLike[str]) -> Store:
        """Find out what a path or URL means; nothing is opened.

        Raises:
            HybridClusterError: If it is neither, or of a database that is not known here.
        """
        text = os.fspath(as_path(store, "store"))
        given = store if isinstance(store, str) else text
        if "://" not in given:
            return _in_file(given, text)
        scheme = given.partition("://")[0]
        if scheme not in _SQLITE + _POSTGRESQL:
            raise HybridClusterError(
                f"store {scheme}://...: unknown database {shown(scheme)}; allowed: {ALLOWED}"
            )
        try:
            url = make_url(given)
        except (ArgumentError, ValueError):  # whose words may hold parts of the password
            raise _bad_url(scheme, "this is no URL") from None
        if scheme in _SQLITE:
            if not url.database or url.database == ":memory:" or url.host or url.query:
                raise _bad_url(scheme, "it names no file")
            return _in_file(url.database, os.fspath(as_path(url.database, "store")))
        return _on_server(scheme, given, url)

    def error(self, reason: str) -> StoreError:
        """Build the error for what is wrong with this store."""
        return StoreError(f"store {self.name}: {reason}")


def _bad_url(scheme: str, reason: str) -> HybridClusterError:
    return HybridClusterError(f"store {scheme}://...: {reason}; allowed: {ALLOWED}")


def _in_file(given: str, text: str) -> Store:
    path = Path(os.path.realpath(text))
    return Store(URL.create("sqlite", database=str(path)), path, printable(given))


def _on_server(scheme: str, given: str, url: URL) -> Store:
    escapes = "write @, /, : and spaces of a password as %40, %2F, %3A and %20"
    if re.search(r"\s", given) or given.count("@") > 1 or "@" in (url.host or ""):
        raise _bad_url(scheme, f"a character in it has to be written otherwise: {escapes}")
    if not url.database or "/" in url.database:
        raise _bad_url(scheme, f"it names no database; {escapes}")
    if any("password" in key.lower() for key in url.query):
        raise _bad_url(scheme, "its password stands behind the question mark")
    name = url.set(drivername="postgresql", query={}).render_as_string(hide_password=True)
    return Store(url.set(drivername="postgresql+psycopg"), None, printable(name))


def json_text(value: Any) -> str:
    """Write JSON as both databases take it: arrays as lists, and no number that is not finite."""
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return json.dumps(_plain(value), allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def check_file(store: Store) -> None:
    """Check that there is either a regular file or nothing.

    It is not opened: closing it would give back the locks that SQLite has on it in this process.

    Raises:
        HybridClusterError: If it is something else, such as a folder or a pipe.
    """
    assert store.path is not None
    try:
        found = store.path.stat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise store.error(error.strerror or "it cannot be opened") from None
    if not stat.S_ISREG(found.st_mode):
        what = "folder" if stat.S_ISDIR(found.st_mode) else "pipe or device"
        raise store.error(f"it is a {what}; allowed: a file of SQLite, or none yet")
    if found.st_nlink > 1:  # locks and the write-ahead log go by the name
        raise store.error("the file has several names (hard links); allowed: one")


def writing_engine(store: Store) -> Engine:
    """Make the engine of the one process that writes to an SQLite store, or of a PostgreSQL one.

    Raises:
        HybridClusterError: If the library for the database is missing.
    """
    return _sqlite(store.path, "rwc", "IMMEDIATE") if store.path else _postgresql(store)


def reading_engine(store: Store, pooled: bool = False) -> Engine:
    """Make an engine that cannot write.

    Args:
        store: Where it is.
        pooled: Whether it keeps connections to PostgreSQL open, and tries each before it is used.

    Raises:
        HybridClusterError: If there is no such file, or the library for the database is missing.
    """
    if store.path is None:
        return _postgresql(store, reads=True, pooled=pooled)
    check_file(store)
    if not store.path.exists():
        raise store.error("there is no such file")
    return _sqlite(store.path, "ro", "DEFERRED")


def _sqlite(path: Path, mode: str, begin: str) -> Engine:
    """Make an engine whose transactions SQLAlchemy begins, definitions of tables included."""
    uri = f"file:{quote(os.fsencode(path))}?mode={mode}"
    engine = create_engine(
        "sqlite://",
        creator=lambda: sqlite3.connect(
            uri, uri=True, timeout=0.2, isolation_level=None, check_same_thread=False
        ),
        poolclass=NullPool,
        json_serializer=json_text,
        hide_parameters=True,
    )

    @event.listens_for(engine, "begin")
    def begin_it(connection: Connection) -> None:
        connection.exec_driver_sql(f"BEGIN {begin}")

    return engine


def _postgresql(store: Store, reads: bool = False, pooled: bool = False) -> Engine:
    check_driver(store)
    asked = dict(store.url.query)
    settings = {"default_transaction_read_only": "on"} if reads else _SESSION
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    return create_engine(
        store.url.set(query={}),
        connect_args={
            "application_name": f"cpu-gpu-env {os.getpid()} {socket.gethostname()}"[:63],
            "connect_timeout": _CONNECT_S,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 1_000 * _SILENCE_S,
            **asked,
            "options": f"{asked.get('options', '')} {options}".strip(),
        },
        poolclass=QueuePool if pooled else NullPool,
        pool_pre_ping=pooled,
        json_serializer=json_text,
        hide_parameters=True,
    )


def check_driver(store: Store) -> None:
    """Check that the library for a database is there.

    Raises:
        HybridClusterError: If it is not.
    """
    if store.path is None:
        try:
            import psycopg  # noqa: F401
        except ImportError as error:
            raise store.error(
                f'PostgreSQL needs psycopg ({error}); pip install ".[runtime]" in the checkout'
            ) from None


def driver_error(error: BaseException) -> BaseException:
    """What the driver raised, out of SQLAlchemy's wrapping."""
    return error.orig if isinstance(error, DBAPIError) and error.orig is not None else error


def reason(error: BaseException) -> str:
    """Say in a line why a database refused."""
    text = " ".join(str(driver_error(error)).split()) or type(error).__name__
    return without_password(text.removeprefix("connection failed: "))[:300]
