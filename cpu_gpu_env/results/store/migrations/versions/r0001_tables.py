"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Bring a store here from the revision before."""
    op.create_table(
        "commands",
        sa.Column("command", sa.Integer(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("issued_at", sa.Float(), nullable=False),
        sa.Column("done_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("command"),
    )
    op.create_table(
        "decisions",
        sa.Column("run", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("scheduler", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("episode", sa.BigInteger(), nullable=False),
        sa.Column("task", sa.Integer(), nullable=False),
        sa.Column("arrival_s", sa.Float(), nullable=False),
        sa.Column("size_flop", sa.Float(), nullable=False),
        sa.Column("intensity_flop_per_byte", sa.Float(), nullable=False),
        sa.Column("memory_bytes", sa.Float(), nullable=False),
        sa.Column("cpu_wait_s", sa.Float(), nullable=False),
        sa.Column("gpu_wait_s", sa.Float(), nullable=False),
        sa.Column("action", sa.SmallInteger(), nullable=False),
        sa.Column("gpu_fraction", sa.Float(), nullable=False),
        sa.Column("fallback", sa.Boolean(), nullable=False),
        sa.Column("cpu_device", sa.SmallInteger(), nullable=True),
        sa.Column("cpu_start_s", sa.Float(), nullable=True),
        sa.Column("cpu_finish_s", sa.Float(), nullable=True),
        sa.Column("gpu_device", sa.SmallInteger(), nullable=True),
        sa.Column("gpu_start_s", sa.Float(), nullable=True),
        sa.Column("gpu_finish_s", sa.Float(), nullable=True),
        sa.Column("energy_j", sa.Float(), nullable=False),
        sa.Column("model_version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("run", "scheduler", "sequence"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "runs",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("started_at", sa.Float(), nullable=False),
        sa.Column("ended_at", sa.Float(), nullable=True),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("schedulers", sa.JSON(), nullable=False),
        sa.Column("provenance", sa.JSON(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("notes", sa.JSON(), nullable=False),
        sa.Column("next_episode", sa.BigInteger(), nullable=False),
        sa.Column("tasks", sa.BigInteger(), nullable=False),
        sa.Column("clock_s", sa.Float(), nullable=False),
        sa.Column("measures", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("run"),
    )
    op.create_table(
        "schema_history",
        sa.Column("revision", sa.Text(), nullable=False),
        sa.Column("package_version", sa.Text(), nullable=False),
        sa.Column("migrated_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("revision"),
    )
    op.create_table(
        "episodes",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("scheduler", sa.Text(), nullable=False),
        sa.Column("episode", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("seed", sa.Text(), nullable=True),
        sa.Column("tasks", sa.Integer(), nullable=False),
        sa.Column("finished_at", sa.Float(), nullable=False),
        sa.Column("model_version", sa.Integer(), nullable=False),
        sa.Column("exploration", sa.Float(), nullable=False),
        sa.Column("bound", sa.Float(), nullable=True),
        sa.Column("objective", sa.Float(), nullable=True),
        sa.Column("gap", sa.Float(), nullable=True),
        sa.Column("makespan_s", sa.Float(), nullable=True),
        sa.Column("energy_j", sa.Float(), nullable=True),
        sa.Column("mean_wait_s", sa.Float(), nullable=True),
        sa.Column("p99_wait_s", sa.Float(), nullable=True),
        sa.Column("mean_response_s", sa.Float(), nullable=True),
        sa.Column("p99_response_s", sa.Float(), nullable=True),
        sa.Column("mean_slowdown", sa.Float(), nullable=True),
        sa.Column("regret", sa.Float(), nullable=True),
        sa.Column("electricity_cost", sa.Float(), nullable=True),
        sa.Column("decision_p50_s", sa.Float(), nullable=True),
        sa.Column("decision_p99_s", sa.Float(), nullable=True),
        sa.Column("utilisation", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["run"], ["runs.run"]),
        sa.PrimaryKeyConstraint("run", "scheduler", "episode"),
    )
    op.create_table(
        "live",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("scheduler", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.Float(), nullable=False),
        sa.Column("state", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.run"]),
        sa.PrimaryKeyConstraint("run", "scheduler"),
    )
    op.create_table(
        "models",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("scheduler", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("episode", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.Float(), nullable=False),
        sa.Column("score", sa.JSON(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("exploration", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.run"]),
        sa.PrimaryKeyConstraint("run", "scheduler", "version"),
    )
    op.create_table(
        "learners",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("scheduler", sa.Text(), nullable=False),
        sa.Column("episode", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.run"]),
        sa.PrimaryKeyConstraint("run", "scheduler", "episode"),
    )
    if op.get_bind().dialect.name == "postgresql":
        # Old decisions are deleted as fast as new ones come: their space is wanted back soon.
        op.execute(
            "ALTER TABLE decisions SET (autovacuum_vacuum_scale_factor = 0.05, "
            "autovacuum_vacuum_cost_delay = 0)"
        )
        # Forests and agents are compressed already.
        op.execute("ALTER TABLE models ALTER content SET STORAGE EXTERNAL")
        op.execute("ALTER TABLE learners ALTER state SET STORAGE EXTERNAL")
