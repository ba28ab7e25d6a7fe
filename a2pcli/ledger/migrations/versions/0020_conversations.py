"""What people wrote that a person has to read.

Frozen: later changes of the tables are migrations of their own.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and its indexes."""
    op.create_table(
        "conversations",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("gateway", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False, server_default=""),
        sa.Column("programme", sa.Text()),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("agents", sa.Text()),
        sa.Column("assignee", sa.Text()),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("heard_at", sa.BigInteger(), nullable=False),
        sa.Column("answered_at", sa.BigInteger()),
        sa.Column("closed_at", sa.BigInteger()),
    )
    op.create_index("conversations_code", "conversations", ["code"], unique=True)
    op.create_index("conversations_address", "conversations", ["address"])
    condition = sa.text("state = 'open'")
    op.create_index(
        "conversations_open",
        "conversations",
        ["address", "gateway", "sender"],
        unique=True,
        sqlite_where=condition,
        postgresql_where=condition,
    )
