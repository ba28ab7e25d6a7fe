"""An attempt may cost something else than its plan said: what the plan said stays beside it.

Frozen: later changes of the tables are migrations of their own.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("attempts", sa.Column("planned_parts", sa.SmallInteger()))
    op.add_column("attempts", sa.Column("planned_cost", sa.BigInteger()))
    op.add_column("attempts", sa.Column("planned_currency", sa.Text()))
