"""Paces that belong to an account: the next free slot of each, over all processes.

Frozen: later changes of the tables are migrations of their own.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a table; nothing that is there changes."""
    op.create_table(
        "paces",
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
    )
