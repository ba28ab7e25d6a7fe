"""Events that other systems report, each of which may cause a message.

Frozen: later changes of the tables are migrations of their own.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and its indexes."""
    op.create_table(
        "triggers",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("address", sa.Text()),
        sa.Column("data", sa.Text()),
        sa.Column("digest", sa.Text()),
        sa.Column("cap", sa.Text()),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("detail", sa.Text()),
        sa.Column("answer", sa.Text()),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger()),
        sa.Column("until_at", sa.BigInteger(), nullable=False),
        sa.Column("settled_at", sa.BigInteger()),
    )
    op.create_index("triggers_code", "triggers", ["code"], unique=True)
    op.create_index("triggers_key", "triggers", ["key"], unique=True)
    op.create_index("triggers_address", "triggers", ["address"])
    for name, columns, where in (
        ("triggers_due", ["due_at"], "due_at IS NOT NULL"),
        ("triggers_open_digest", ["digest"], "due_at IS NOT NULL AND digest IS NOT NULL"),
        ("triggers_cap", ["cap", "settled_at"], "cap IS NOT NULL AND answer IS NOT NULL"),
    ):
        condition = sa.text(where)
        op.create_index(name, "triggers", columns, sqlite_where=condition, postgresql_where=condition)
