"""Stored rights, and the counter of their changes.

A grant that was taken back stays, without access: nodes hear of it by its version. The one row of
access_version is locked by every change, so that versions become visible in order.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TEXT_BY_CODE_POINT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "grants",
        sa.Column("document", TEXT_BY_CODE_POINT, primary_key=True),
        sa.Column("grantee", TEXT_BY_CODE_POINT, primary_key=True),
        sa.Column("access", sa.Integer(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
    )
    op.create_index("grants_version", "grants", ["version"], unique=True)
    op.create_index("grants_grantee", "grants", ["grantee", "document"])
    counter = op.create_table(
        "access_version",
        sa.Column("version", sa.BigInteger(), nullable=False),
    )
    op.bulk_insert(counter, [{"version": 0}])
