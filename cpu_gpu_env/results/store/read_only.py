"""Connections to a store that cannot write to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.io.paths import as_path

BUSY_TIMEOUT_S = 30.0


def open_read_only(url: str) -> tuple[sa.Engine, str]:
    """Connect to a store; return the engine, and what messages call the store.

    Raises:
        HybridClusterError: If there is none, or it cannot be reached.
    """
    if "://" not in url:
        return _open_sqlite(as_path(url, "store")), url
    try:
        parsed = sa.make_url(url)
    except (SQLAlchemyError, ValueError):
        raise HybridClusterError("the URL of the store cannot be read") from None
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(as_path(parsed.database or "", "store")), str(parsed.database)
    options = {"options": "-c default_transaction_read_only=on"}
    return sa.create_engine(parsed, connect_args=options), parsed.render_as_string()


def _open_sqlite(path: Path) -> sa.Engine:
    if not path.exists():
        raise HybridClusterError(f"there is no store {str(path)!r}")
    uri = f"file:{quote(str(path.absolute()))}?mode=ro"

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(uri, uri=True, check_same_thread=False, timeout=BUSY_TIMEOUT_S)

    return sa.create_engine("sqlite://", creator=connect, poolclass=sa.QueuePool)


@contextmanager
def telling(place: str) -> Iterator[None]:
    """Tell what fails in a store in one line."""
    try:
        yield
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        raise HybridClusterError(f"store {place}: {reason}") from None
