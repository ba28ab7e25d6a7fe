"""What an event's message is made of, and what it costs.

Frozen: later changes of the tables are migrations of their own.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and indexes."""
    for name, kind in (
        ("content", sa.Text()),
        ("cost", sa.BigInteger()),
        ("currency", sa.Text()),
        ("message", sa.Text()),
    ):
        op.add_column("triggers", sa.Column(name, kind))
    for name, columns, where in (
        ("triggers_until", ["until_at"], "due_at IS NOT NULL"),
        ("triggers_cost", ["name", "settled_at"], "cost IS NOT NULL"),
        ("triggers_answer", ["answer"], "message IS NOT NULL"),
    ):
        condition = sa.text(where)
        op.create_index(name, "triggers", columns, sqlite_where=condition, postgresql_where=condition)
