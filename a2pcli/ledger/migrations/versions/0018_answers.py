"""Single messages outside of campaign runs.

Frozen: later changes of the tables are migrations of their own.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and its indexes."""
    op.create_table(
        "answers",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("spelling", sa.Text()),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("gateway", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text()),
        sa.Column("body", sa.Text()),
        sa.Column("content", sa.Text()),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("programme", sa.Text()),
        sa.Column("anyway", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("tries", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger()),
        sa.Column("until_at", sa.BigInteger(), nullable=False),
        sa.Column("claimed_at", sa.BigInteger()),
        sa.Column("settled_at", sa.BigInteger()),
        sa.Column("code", sa.Text()),
        sa.Column("detail", sa.Text()),
        sa.Column("gateway_id", sa.Text()),
        sa.Column("source", sa.Text(), nullable=False),
    )
    op.create_index("answers_reference", "answers", ["reference"], unique=True)
    op.create_index("answers_key", "answers", ["key"], unique=True)
    op.create_index("answers_address", "answers", ["address", "created_at"])
    for name, column, where in (
        ("answers_due", "due_at", "due_at IS NOT NULL"),
        ("answers_open", "claimed_at", "settled_at IS NULL"),
    ):
        condition = sa.text(where)
        op.create_index(name, "answers", [column], sqlite_where=condition, postgresql_where=condition)
