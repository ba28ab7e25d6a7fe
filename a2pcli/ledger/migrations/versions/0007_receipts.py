"""Delivery receipts: an inbox that is only added to.

Frozen: later changes of the tables are migrations of their own.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and its indexes."""
    op.create_table(
        "receipts",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("gateway", sa.Text(), nullable=False, server_default=""),
        sa.Column("gateway_id", sa.Text()),
        sa.Column("reference", sa.Text()),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("delivery", sa.Text()),
        sa.Column("code", sa.Text()),
        sa.Column("at", sa.BigInteger()),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.BigInteger()),
        sa.Column("source", sa.Text(), nullable=False),
    )
    matched, unmatched = sa.text("attempt IS NOT NULL"), sa.text("attempt IS NULL")
    op.create_index("receipts_event", "receipts", ["event"], unique=True)
    op.create_index(
        "receipts_attempt", "receipts", ["attempt"], sqlite_where=matched, postgresql_where=matched
    )
    op.create_index(
        "receipts_unmatched", "receipts", ["gateway_id"], sqlite_where=unmatched, postgresql_where=unmatched
    )
