"""Migrations bring each store to the tables of this version, and newer stores are refused."""

import shutil
from importlib import metadata as packages
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from store_rows import RUN, decision_rows, query, quiet_writer, sequences

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.results.store import schema
from cpu_gpu_env.results.store.database import Store, reading_engine, writing_engine
from cpu_gpu_env.results.store.rows import check_rows
from cpu_gpu_env.results.store.tables import decisions, metadata, runs, schema_history

NEXT = '''"""Colours of runs."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("runs", sa.Column("colour", sa.Text(), server_default="red"))
'''


def fresh(url: str) -> str:
    writer = quiet_writer(url)
    run = writer.new_run(**RUN)
    writer.put([decision_rows(run, "greedy", 0, 5)], run)
    writer.close(run)
    return url


def test_migrations_make_the_tables(store_url: str) -> None:
    engine = reading_engine(Store.of(fresh(store_url)))
    options = {"compare_type": True, "compare_server_default": True}
    with engine.connect() as connection:
        assert (
            compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []
        )
        found = sa.MetaData()
        found.reflect(connection)
    engine.dispose()
    for name, table in metadata.tables.items():  # what Alembic does not compare
        there = found.tables[name]
        assert [c.name for c in there.primary_key] == [c.name for c in table.primary_key]
        assert [c.nullable for c in there.columns] == [c.nullable for c in table.columns]
    if store_url.startswith("sqlite"):
        made = sa.text("SELECT sql FROM sqlite_master WHERE name = 'decisions'")
        assert "WITHOUT ROWID" in query(store_url, made)[0].sql


def test_the_version_that_made_a_store_is_kept(store_url: str) -> None:
    (row,) = query(fresh(store_url), sa.select(schema_history))
    assert row.package_version == packages.version("cpu-gpu-env")


def test_older_stores_are_migrated_and_newer_ones_refused(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh(store_url)
    later = tmp_path / "later"
    shutil.copytree(Path(schema.__file__).with_name("migrations"), later)
    (later / "versions" / "r0003_colours.py").write_text(NEXT)
    store = Store.of(store_url)

    def check() -> None:
        engine = reading_engine(store)
        try:
            with engine.connect() as connection:
                schema.check_schema(connection, store)
        finally:
            engine.dispose()

    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", later)
        patch.setattr(schema.packages, "version", lambda name: "9.8.7")
        with pytest.raises(HybridClusterError, match="made by an earlier version of cpu-gpu-env"):
            check()
        writer = quiet_writer(store_url)
        check()
        writer.close()
        assert query(store_url, sa.text("SELECT colour FROM runs")) == [("red",)]
        assert sequences(store_url, 1) == [0, 1, 2, 3, 4]
    complaint = r"revision 0003\) are of version 9.8.7 of cpu-gpu-env, which is newer"
    with pytest.raises(HybridClusterError, match=complaint):
        check()
    with pytest.raises(HybridClusterError, match=complaint):
        quiet_writer(store_url)
    assert len(query(store_url, sa.select(runs.c.run))) == 1


def test_decisions_of_the_first_tables_are_kept(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier, store = tmp_path / "earlier", Store.of(store_url)
    shutil.copytree(Path(schema.__file__).with_name("migrations"), earlier)
    (earlier / "versions" / "r0002_pool_rows.py").unlink()
    names = [column.name for column in decisions.c if column.name != "pool_row"]
    made = check_rows(decision_rows(1, "greedy", 0, 5))
    rows = [
        dict(zip(names, row, strict=True)) for row in zip(*map(made.values, names), strict=True)
    ]
    engine = writing_engine(store)
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", earlier)
        with engine.begin() as connection:
            schema.migrate(connection, store)
            old = sa.Table("decisions", sa.MetaData(), autoload_with=connection)
            assert "pool_row" not in old.c
            assert not old.c.size_flop.nullable
            connection.execute(old.insert(), rows)
    engine.dispose()
    quiet_writer(store_url).close()
    found = query(store_url, sa.select(decisions).order_by(decisions.c.sequence))
    assert [row._asdict() for row in found] == [{**row, "pool_row": None} for row in rows]
    history = sa.select(schema_history.c.revision).order_by(schema_history.c.revision)
    assert [row.revision for row in query(store_url, history)] == ["0001", "0002"]


def test_a_migration_that_fails_changes_nothing(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh(store_url)
    later = tmp_path / "later"
    shutil.copytree(Path(schema.__file__).with_name("migrations"), later)
    broken = NEXT + '    op.execute("DELETE FROM decisions")\n    op.drop_column("runs", "none")\n'
    (later / "versions" / "r0003_colours.py").write_text(broken)
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", later)
        with pytest.raises(HybridClusterError, match="it cannot be opened"):
            quiet_writer(store_url)
    assert sequences(store_url, 1) == [0, 1, 2, 3, 4]
    quiet_writer(store_url).close()
