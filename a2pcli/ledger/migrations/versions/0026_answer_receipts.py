"""Receipts of messages outside of runs, and what became of these messages.

Frozen: later changes of the tables are migrations of their own.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and indexes. The index over unmatched receipts leaves out those of messages outside of runs."""
    op.add_column("receipts", sa.Column("answer", sa.BigInteger()))
    for name, kind in (
        ("parts", sa.Integer()),
        ("delivery", sa.Text()),
        ("delivered_at", sa.BigInteger()),
        ("delivery_code", sa.Text()),
        ("billed_cost", sa.BigInteger()),
        ("billed_currency", sa.Text()),
    ):
        op.add_column("answers", sa.Column(name, kind))
    op.drop_index("receipts_unmatched", "receipts")
    for name, table, column, where in (
        ("receipts_unmatched", "receipts", "gateway_id", "attempt IS NULL AND answer IS NULL"),
        ("receipts_answer", "receipts", "answer", "answer IS NOT NULL"),
        ("answers_gateway_id", "answers", "gateway_id", "gateway_id IS NOT NULL"),
    ):
        condition = sa.text(where)
        op.create_index(name, table, [column], sqlite_where=condition, postgresql_where=condition)
