"""How many attempts were made of a run's messages, counted beside them.

Frozen: later changes of the tables are migrations of their own.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, and count the attempts of runs whose plan is in chunks."""
    op.create_table(
        "attempt_counts",
        sa.Column("run", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("piece", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("made", sa.Integer(), nullable=False),
    )
    piece = "(id % 268435456) / 32768"
    op.execute(
        f"INSERT INTO attempt_counts (run, piece, made) SELECT run, {piece}, count(*) FROM attempts"
        f" WHERE run IN (SELECT run FROM plan_chunks) GROUP BY run, {piece}"
    )
