"""One-time passwords, and addresses that were verified.

Frozen: later changes of the tables are migrations of their own.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables and their indexes."""
    op.create_table(
        "codes",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("use", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("country", sa.Text()),
        sa.Column("range4", sa.Text()),
        sa.Column("range5", sa.Text()),
        sa.Column("range6", sa.Text()),
        sa.Column("range7", sa.Text()),
        sa.Column("digest", sa.Text()),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("settled_at", sa.BigInteger()),
    )
    op.create_index("codes_id", "codes", ["id"], unique=True)
    op.create_index("codes_address", "codes", ["address", "created_at"])
    for name in ("country", "range4", "range5", "range6", "range7"):
        op.create_index(f"codes_{name}", "codes", [name, "created_at"])
    op.create_table(
        "code_ranges",
        sa.Column("range", sa.Text(), primary_key=True),
        sa.Column("hour", sa.BigInteger(), primary_key=True),
        sa.Column("verified", sa.Integer(), nullable=False),
        sa.Column("alarmed_at", sa.BigInteger()),
    )
    op.create_table(
        "verified",
        sa.Column("address", sa.Text(), primary_key=True),
        sa.Column("verified_at", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
    )
