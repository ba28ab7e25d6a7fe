"""Several senders of one run: each has chunks of its plan, and they keep a budget together.

Frozen: later changes of the tables are migrations of their own.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Give each sender a part of its run, and make the tables of what they share."""
    if op.get_bind().dialect.name == "sqlite":
        _senders_of_sqlite()
    else:
        op.add_column("senders", sa.Column("part", sa.Integer(), nullable=False, server_default="0"))
        op.drop_constraint("senders_pkey", "senders", type_="primary")
        op.create_primary_key("senders_pkey", "senders", ["run", "part"])
    op.create_table(
        "leases",
        sa.Column("run", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("chunk", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("first_id", sa.BigInteger(), nullable=False),
        sa.Column("end_id", sa.BigInteger(), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "spending",
        sa.Column("run", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("currency", sa.Text(), primary_key=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
    )


def _senders_of_sqlite() -> None:
    """SQLite changes no primary key: a new table takes the old one's rows."""
    columns = ("token", "pid", "host", "process", "beat", "seen_at")
    op.rename_table("senders", "senders_before")
    op.create_table(
        "senders",
        sa.Column("run", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("part", sa.Integer(), primary_key=True, autoincrement=False, server_default="0"),
        *(
            sa.Column(name, sa.Text() if name in ("host", "process") else sa.BigInteger(), nullable=False)
            for name in columns
        ),
    )
    names = ", ".join(("run", *columns))
    op.execute(f"INSERT INTO senders ({names}) SELECT {names} FROM senders_before")
    op.drop_table("senders_before")
