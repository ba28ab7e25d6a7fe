"""The rules: clocks, caps, consents, wider suppressions, the audit trail.

Frozen: later changes of the tables are migrations of their own.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_NEW_COLUMNS: dict[str, tuple[tuple[str, type[sa.types.TypeEngine[Any]]], ...]] = {
    "runs": (("programme", sa.Text), ("subject", sa.Text)),
    "messages": (
        ("clock", sa.Integer),
        ("sender", sa.Text),
        ("rule", sa.Text),
        ("consent_until", sa.BigInteger),
        ("consent", sa.Text),
    ),
    "suppressions": (("until_at", sa.BigInteger), ("list_name", sa.Text), ("as_of", sa.BigInteger)),
}


def upgrade() -> None:
    """Add columns and tables; nothing that is there changes."""
    for table, columns in _NEW_COLUMNS.items():
        for name, kind in columns:
            op.add_column(table, sa.Column(name, kind()))
    ending = sa.text("until_at IS NOT NULL")
    op.create_index(
        "suppressions_ending", "suppressions", ["until_at"], sqlite_where=ending, postgresql_where=ending
    )
    _consents()
    _clocks()
    _contacted()
    _audit()


def _consents() -> None:
    op.create_table(
        "consents",
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("programme", sa.Text(), nullable=False, server_default=""),
        sa.Column("channel", sa.Text(), nullable=False, server_default=""),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("double_opt_in", sa.Text()),
        sa.Column("given_at", sa.BigInteger(), nullable=False),
        sa.Column("confirmed_at", sa.BigInteger()),
        sa.Column("expires_at", sa.BigInteger()),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("wording", sa.Text()),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger()),
        sa.Column("revoked_by", sa.Text()),
    )
    op.create_index("consents_address", "consents", ["address"])


def _clocks() -> None:
    op.create_table(
        "clocks",
        sa.Column("run", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("spec", sa.Text(), nullable=False),
    )


def _contacted() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "contacted",
        sa.Column("message", key, primary_key=True, autoincrement=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("programme", sa.Text(), nullable=False, server_default=""),
        sa.Column("subject", sa.Text(), nullable=False, server_default=""),
    )
    op.create_index("contacted_address", "contacted", ["address", "at"])


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text()),
        sa.Column("detail", sa.Text()),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
    )
    for statement in _APPEND_ONLY.get(op.get_context().dialect.name, ()):
        op.execute(statement)


_APPEND_ONLY: dict[str, tuple[str, ...]] = {
    "sqlite": tuple(
        f"CREATE TRIGGER audit_no_{verb.lower()} BEFORE {verb} ON audit"
        " BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
        for verb in ("UPDATE", "DELETE")
    ),
    "postgresql": (
        "CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$",
        "CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit"
        " FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only()",
    ),
}
