"""An attempt that ended without arriving may be followed by the next, which takes the person's place.

Frozen: later changes of the tables are migrations of their own.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_ENDED = "followed_at IS NULL OR state = 'accepted' OR state = 'rejected'"


def upgrade() -> None:
    """Add when an attempt was followed, and let the guard pass over those that were."""
    if op.get_bind().dialect.name == "sqlite":
        # In one statement, so that SQLite need not write the table anew.
        op.execute(
            "ALTER TABLE attempts ADD COLUMN followed_at BIGINT"
            f" CONSTRAINT attempts_followed_ended CHECK ({_ENDED})"
        )
    else:
        op.add_column("attempts", sa.Column("followed_at", sa.BigInteger()))
        op.create_check_constraint("attempts_followed_ended", "attempts", _ENDED)
    op.drop_index("attempts_once", "attempts")
    _partial("attempts_once", "claimed_at IS NOT NULL AND followed_at IS NULL", unique=True)
    _partial("attempts_followed", "followed_at IS NOT NULL", unique=False)


def _partial(name: str, where: str, *, unique: bool) -> None:
    condition = sa.text(where)
    op.create_index(
        name,
        "attempts",
        ["occasion", "person"],
        unique=unique,
        sqlite_where=condition,
        postgresql_where=condition,
    )
