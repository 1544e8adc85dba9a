"""States that are kept to look back to, and the time of the newest commit that was dropped.

A milestone is packed, and no session goes on from it; snapshots are for that.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "milestones",
        sa.Column("document", KEY, sa.ForeignKey("documents.key"), primary_key=True),
        sa.Column("version", sa.BigInteger(), primary_key=True),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
    )
    op.add_column(
        "documents",
        sa.Column("floor_time", sa.BigInteger(), nullable=False, server_default="0"),
    )
