"""The ledger: runs, occasions, messages, events, suppressions.

Frozen: later changes of the tables are migrations of their own.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _big_key() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make every table."""
    _runs()
    _messages()
    _events()
    _suppressions()
    op.create_table(
        "about",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("value", sa.Text(), nullable=False),
    )


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text(), nullable=False, unique=True),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("occasion", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_reason", sa.Text()),
        sa.Column("campaign_file", sa.Text()),
        sa.Column("contacts_file", sa.Text()),
        sa.Column("contacts_fingerprint", sa.Text()),
        sa.Column("gateway", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text()),
        sa.Column("purpose", sa.Text()),
        sa.Column("digest", sa.Text()),
        sa.Column("rows_read", sa.BigInteger()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("planned_at", sa.BigInteger()),
        sa.Column("started_at", sa.BigInteger()),
        sa.Column("finished_at", sa.BigInteger()),
        sa.Column("not_before", sa.BigInteger()),
        sa.Column("expires_at", sa.BigInteger()),
        sa.Column("summary", sa.Text()),
        sa.Column("sending", sa.Text()),
        sa.Column("totals", sa.Text()),
        sa.Column("changes", sa.Integer(), nullable=False, server_default="0"),
    )
    op.create_table(
        "occasions",
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("occurrence", sa.Text(), nullable=False),
    )
    op.create_index("occasions_name", "occasions", ["campaign", "occurrence"], unique=True)


def _messages() -> None:
    op.create_table(
        "messages",
        sa.Column("id", _big_key(), primary_key=True, autoincrement=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("occasion", sa.Integer(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("cell", sa.Text()),
        sa.Column("address", sa.Text()),
        sa.Column("person", sa.BigInteger()),
        sa.Column("country", sa.Text()),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("detail", sa.Text()),
        sa.Column("body", sa.Text()),
        sa.Column("encoding", sa.Text()),
        sa.Column("units", sa.Integer()),
        sa.Column("parts", sa.SmallInteger()),
        sa.Column("cost", sa.BigInteger()),
        sa.Column("currency", sa.Text()),
        sa.Column("variant", sa.Text()),
        sa.Column("attempts", sa.SmallInteger(), nullable=False, server_default="0"),
        sa.Column("due_at", sa.BigInteger()),
        sa.Column("claimed_at", sa.BigInteger()),
        sa.Column("settled_at", sa.BigInteger()),
        sa.Column("gateway_id", sa.Text()),
        sa.Column("code", sa.Text()),
        sa.CheckConstraint(
            "CASE WHEN claimed_at IS NULL THEN state = 'planned' OR state = 'skipped' OR state = 'expired'"
            " OR state = 'cancelled' ELSE state = 'submitting' OR state = 'accepted' OR state = 'rejected'"
            " OR state = 'unknown' END",
            name="messages_claimed",
        ),
    )
    claimed, waiting = sa.text("claimed_at IS NOT NULL"), sa.text("due_at IS NOT NULL")
    op.create_index(
        "messages_once",
        "messages",
        ["occasion", "person"],
        unique=True,
        sqlite_where=claimed,
        postgresql_where=claimed,
    )
    op.create_index(
        "messages_waiting", "messages", ["run", "due_at"], sqlite_where=waiting, postgresql_where=waiting
    )


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("number", _big_key(), primary_key=True, autoincrement=True),
        sa.Column("message", sa.BigInteger()),
        sa.Column("run", sa.Integer()),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("code", sa.Text()),
        sa.Column("detail", sa.Text()),
        sa.Column("gateway_id", sa.Text()),
    )
    op.create_index("events_message", "events", ["message"])


def _suppressions() -> None:
    op.create_table(
        "suppressions",
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("scope_value", sa.Text(), nullable=False, server_default=""),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("lifted_at", sa.BigInteger()),
        sa.Column("lifted_by", sa.Text()),
    )
    active = sa.text("lifted_at IS NULL")
    op.create_index(
        "suppressions_active",
        "suppressions",
        ["address", "scope", "scope_value"],
        unique=True,
        sqlite_where=active,
        postgresql_where=active,
    )
