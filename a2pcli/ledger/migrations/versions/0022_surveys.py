"""Surveys: which run asks one, who was asked what, and what they answered.

Frozen: later changes of the tables are migrations of their own.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, make the tables and their indexes."""
    op.add_column("runs", sa.Column("survey", sa.Text()))
    op.create_table(
        "survey_sessions",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("survey", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("gateway", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False, server_default=""),
        sa.Column("programme", sa.Text()),
        sa.Column("run", sa.Integer()),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("until_at", sa.BigInteger(), nullable=False),
        sa.Column("retried", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger()),
    )
    op.create_index("survey_sessions_address", "survey_sessions", ["address"])
    op.create_index("survey_sessions_survey", "survey_sessions", ["survey"])
    condition = sa.text("state = 'open'")
    op.create_index(
        "survey_sessions_open",
        "survey_sessions",
        ["address", "gateway", "sender"],
        unique=True,
        sqlite_where=condition,
        postgresql_where=condition,
    )
    op.create_table(
        "survey_answers",
        sa.Column("session", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("question", sa.Text(), primary_key=True),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("late", sa.Integer(), nullable=False, server_default="0"),
    )
    op.create_index("survey_answers_address", "survey_answers", ["address"])
