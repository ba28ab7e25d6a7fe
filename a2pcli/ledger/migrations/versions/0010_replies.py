"""What people wrote back: a table that is only added to.

Frozen: later changes of the tables are migrations of their own.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and its indexes."""
    op.create_table(
        "replies",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("gateway", sa.Text(), nullable=False, server_default=""),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text()),
        sa.Column("body", sa.Text()),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger()),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.BigInteger()),
        sa.Column("source", sa.Text(), nullable=False),
    )
    op.create_index("replies_event", "replies", ["event"], unique=True)
    op.create_index("replies_address", "replies", ["address"])
