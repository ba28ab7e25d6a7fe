"""Bots: no count of what they used is below zero, and no more was answered than asked."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import func, or_, select

from a2pcli.ledger.integrity import CheckContext, Finding
from a2pcli.ledger.schema_bots import bot_usage

_u = bot_usage.c


def look_at(context: CheckContext) -> None:
    """Check the table; adds a ``Finding`` for each problem."""
    context.take("the use of bots", lambda: _usage(context))


def _usage(context: CheckContext) -> Iterator[Finding]:
    counts = (_u.asked, _u.answered, _u.handed_over, _u.tokens_in, _u.tokens_out, _u.cost)
    rules = (
        ("days of bots have counts below zero", or_(*(count < 0 for count in counts))),
        ("days of bots have more answers than requests", _u.answered > _u.asked),
    )
    for words, wrong in rules:
        many = context.connection.execute(
            select(func.count()).select_from(bot_usage).where(wrong)
        ).scalar_one()
        if many:
            yield Finding("bots", f"{words}: {many:,}")
