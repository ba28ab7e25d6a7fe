"""An attempt that a claim skipped may be followed by the next channel, as one that the gateway refused.

Frozen: later changes of the tables are migrations of their own.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_ENDED = "followed_at IS NULL OR state = 'accepted' OR state = 'rejected' OR state = 'skipped'"


def upgrade() -> None:
    """Let ``followed_at`` stand in skipped attempts.

    SQLite changes a condition only with its column: the few values are put aside meanwhile.
    """
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    op.execute(
        "CREATE TEMPORARY TABLE followed AS SELECT id, followed_at FROM attempts WHERE followed_at IS NOT NULL"
    )
    op.drop_index("attempts_once", "attempts")
    op.drop_index("attempts_followed", "attempts")
    op.execute("ALTER TABLE attempts DROP COLUMN followed_at")
    checked = f"BIGINT CONSTRAINT attempts_followed_ended CHECK ({_ENDED})"
    op.execute(f"ALTER TABLE attempts ADD COLUMN followed_at {checked}")
    op.execute(
        "UPDATE attempts SET followed_at = (SELECT f.followed_at FROM followed AS f WHERE f.id = attempts.id)"
        " WHERE id IN (SELECT id FROM followed)"
    )
    op.execute(f"DROP TABLE {'temp.' if is_sqlite else ''}followed")
    for name, where, unique in (
        ("attempts_once", "claimed_at IS NOT NULL AND followed_at IS NULL", True),
        ("attempts_followed", "followed_at IS NOT NULL", False),
    ):
        condition = sa.text(where)
        op.create_index(
            name,
            "attempts",
            ["occasion", "person"],
            unique=unique,
            sqlite_where=condition,
            postgresql_where=condition,
        )
