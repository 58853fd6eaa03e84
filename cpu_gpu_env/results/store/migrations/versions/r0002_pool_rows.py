"""Decisions tell the row of the pool that their task is, and need not tell its work."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Bring a store here from the revision before.

    SQLite cannot let a column be null that was not: the table is copied, and takes twice its room
    until that is done.
    """
    same = {"sqlite_with_rowid": False}  # which Alembic would not find out
    with op.batch_alter_table("decisions", table_kwargs=same) as decisions:
        for name in ("size_flop", "intensity_flop_per_byte"):
            decisions.alter_column(name, existing_type=sa.Float(), nullable=True)
        decisions.add_column(sa.Column("pool_row", sa.Integer(), nullable=True))
