"""Versions that have a name, and what each document says of the retention of its history."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "versions",
        sa.Column("document", KEY, sa.ForeignKey("documents.key"), primary_key=True),
        sa.Column("version", sa.BigInteger(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("user", sa.Text(), nullable=True),
        sa.Column("author", sa.Text(), nullable=True),
        sa.Column("automatic", sa.Boolean(), nullable=False),
    )
    op.add_column(
        "documents", sa.Column("retention", sa.Text(), nullable=False, server_default="{}")
    )
