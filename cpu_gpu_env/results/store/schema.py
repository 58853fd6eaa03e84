"""Bringing the tables of a store to this version, and refusing those of newer ones."""

from __future__ import annotations

import time
from importlib import metadata as packages
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, select

from cpu_gpu_env.results.store.database import Store
from cpu_gpu_env.results.store.tables import metadata, schema_history

MIGRATIONS = Path(__file__).with_name("migrations")
"""Folder of Alembic's scripts."""
_MIGRATION_LOCK = 0x6370_755F_6770_75
"""Key of PostgreSQL's advisory lock: one process at a time migrates."""


def _config() -> Config:
    config = Config()
    # A "%" in a path is none of ConfigParser's.
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def check_schema(connection: Connection, store: Store) -> None:
    """Check that the tables of a store are those of this version.

    Raises:
        HybridClusterError: If they are of a newer or older version, or this is no store.
    """
    found = find_schema(connection, store)
    if found is None:
        raise store.error(
            "it is empty; a command that writes to it, such as stream.py, makes its tables"
        )
    if found != ScriptDirectory.from_config(_config()).get_current_head():
        raise store.error(
            "it was made by an earlier version of cpu-gpu-env; a command that writes to it, such "
            "as stream.py, brings it to this one"
        )


def migrate(connection: Connection, store: Store) -> None:
    """Make the tables of a store, or bring those of an earlier version to this one.

    It happens in the transaction of the connection, whole or not at all.

    Raises:
        HybridClusterError: If they are of a newer version, or of something else.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
    found = find_schema(connection, store)
    config = _config()
    head = ScriptDirectory.from_config(config).get_current_head()
    if found == head:
        return
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    connection.execute(
        schema_history.insert().values(
            revision=head, package_version=packages.version("cpu-gpu-env"), migrated_at=time.time()
        )
    )


def find_schema(connection: Connection, store: Store) -> str | None:
    """Find the revision of the tables; None: there are none yet.

    Raises:
        HybridClusterError: If they are of a newer version, or of something else.
    """
    tables = set(inspect(connection).get_table_names())
    ours = schema_history.name in tables
    found = MigrationContext.configure(connection).get_current_revision() if tables else None
    if not ours and (found is not None or tables & set(metadata.tables)):
        raise store.error(
            "it holds tables of something else; allowed: a database of its own for the results"
        )
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if found is None or found in known:
        return found
    newest = select(schema_history.c.package_version).order_by(
        schema_history.c.migrated_at.desc(), schema_history.c.revision.desc()
    )
    version = connection.execute(newest).scalars().first()
    raise store.error(
        f"its tables (revision {found}) are of version {version} of cpu-gpu-env, which is newer "
        f"than this one, {packages.version('cpu-gpu-env')}; allowed: that version or a later one, "
        "or another store"
    )
