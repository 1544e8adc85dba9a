"""Documents, their commits and their snapshots.

A document keeps its integer key for good: a deleted one stays as a row, without log or snapshots,
so that its id is known. Commits lie in the order of (document, version), so that a run of them is
read from neighbouring pages.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Ids compare by code point everywhere; SQLite's own default is that already.
TEXT_BY_CODE_POINT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
# SQLite numbers rows by itself only in a column declared INTEGER.
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "documents",
        sa.Column("key", KEY, primary_key=True, autoincrement=True),
        sa.Column("id", TEXT_BY_CODE_POINT, nullable=False, unique=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("floor", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.CheckConstraint("0 <= floor AND floor <= version", name="documents_floor"),
    )
    op.create_table(
        "commits",
        sa.Column("document", KEY, sa.ForeignKey("documents.key"), primary_key=True),
        sa.Column("version", sa.BigInteger(), primary_key=True),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("credits", sa.LargeBinary(), nullable=False),
        sa.Column("operation", sa.LargeBinary(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "snapshots",
        sa.Column("document", KEY, sa.ForeignKey("documents.key"), primary_key=True),
        sa.Column("version", sa.BigInteger(), primary_key=True),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("names", sa.LargeBinary(), nullable=False),
    )
