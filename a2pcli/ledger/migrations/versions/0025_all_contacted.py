"""Messages that are no marketing are noted too, without counting for caps: they tell what a reply is to.

Frozen: later changes of the tables are migrations of their own.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, and note the messages of which a reply is still likely: those of the last 60 days on record."""
    op.add_column("contacted", sa.Column("counts", sa.Integer(), nullable=False, server_default="1"))
    op.execute(
        "INSERT INTO contacted (message, address, at, campaign, programme, subject, counts)"
        " SELECT a.id, a.address, a.claimed_at, r.campaign, COALESCE(r.programme, ''), COALESCE(r.subject, ''), 0"
        " FROM attempts a JOIN runs r ON r.number = a.run"
        " WHERE COALESCE(r.purpose, '') NOT IN ('marketing', 'otp') AND a.claimed_at IS NOT NULL"
        " AND a.followed_at IS NULL AND a.address IS NOT NULL"
        " AND a.state IN ('submitting', 'accepted', 'unknown')"
        " AND a.claimed_at > (SELECT MAX(claimed_at) FROM attempts) - 5184000000"
        " AND NOT EXISTS (SELECT 1 FROM contacted c WHERE c.message = a.id)"
    )
