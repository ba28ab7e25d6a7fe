"""What providers bill for messages, as receipts say; and up to where the lists that providers keep were read.

Frozen: later changes of the tables are migrations of their own.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the table."""
    op.add_column("receipts", sa.Column("price", sa.BigInteger()))
    op.add_column("receipts", sa.Column("currency", sa.Text()))
    op.add_column("attempts", sa.Column("billed_cost", sa.BigInteger()))
    op.add_column("attempts", sa.Column("billed_currency", sa.Text()))
    op.create_table(
        "pulls",
        sa.Column("gateway", sa.Text(), primary_key=True),
        sa.Column("list", sa.Text(), primary_key=True),
        sa.Column("until_at", sa.BigInteger(), nullable=False),
        sa.Column("mark", sa.Text()),
    )
