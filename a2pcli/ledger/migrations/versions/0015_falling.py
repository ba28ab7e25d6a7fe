"""Attempts wait for the moment at which the message's next channel is tried.

Frozen: later changes of the tables are migrations of their own.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table of these attempts."""
    op.create_table(
        "falling",
        sa.Column(
            "attempt",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("run", sa.Integer, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
    )
    op.create_index("falling_run", "falling", ["run", "at"])
