"""Delivery receipts: each is about a message that is there, and a message's delivery is what its receipts say."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import exists, func, not_, or_, select

from a2pcli.channels import channel_of
from a2pcli.delivery import Delivery, delivery_of
from a2pcli.ledger.answer_deliveries import delivery_values
from a2pcli.ledger.deliveries import PIECE, told_and_billed, told_of
from a2pcli.ledger.integrity import CheckContext, Finding
from a2pcli.ledger.integrity_rows import first
from a2pcli.ledger.records import Run
from a2pcli.ledger.tables import answers, attempts, receipts

_a, _n, _r = attempts.c, answers.c, receipts.c


def look_at(context: CheckContext) -> None:
    """Check all receipts; adds a ``Finding`` for each problem."""
    context.take("the table receipts", lambda: _inbox(context))


def _inbox(context: CheckContext) -> Iterator[Finding]:
    known = [str(one) for one in Delivery]
    query = select(func.count()).select_from(receipts)
    if many := context.connection.execute(query.where(_r.delivery.not_in(known))).scalar_one():
        yield Finding("receipt", f"{_receipts(many)} with an invalid delivery status")
    lost = not_(exists().where(_a.id == _r.attempt))
    if many := context.connection.execute(query.where(_r.attempt.is_not(None), lost)).scalar_one():
        yield Finding("receipt", f"{_receipts(many)} of messages that do not exist")
    lost = not_(exists().where(_n.number == _r.answer))
    if many := context.connection.execute(query.where(_r.answer.is_not(None), lost)).scalar_one():
        yield Finding("receipt", f"{_receipts(many)} of messages outside of runs that do not exist")
    both = query.where(_r.attempt.is_not(None), _r.answer.is_not(None))
    if many := context.connection.execute(both).scalar_one():
        yield Finding("receipt", f"{_receipts(many)} of two messages at once")
    yield from _of_answers(context)
    told = exists().where(_r.attempt == _a.id)
    has_any = or_(_a.delivery.is_not(None), _a.delivered_at.is_not(None), _a.delivery_code.is_not(None))
    # Receipts of erased people are deleted with their address, but the delivery stays counted.
    bare = select(func.count(), func.min(_a.id)).where(has_any, _a.address.is_not(None), not_(told))
    many, least = context.connection.execute(bare).one()
    if many:
        messages = "1 message has" if many == 1 else f"{many:,} messages have"
        yield Finding("receipt", f"{messages} a delivery status without a receipt for it{first(least)}")


def _of_answers(context: CheckContext) -> Iterator[Finding]:
    """Check that the deliveries of messages outside of runs match their receipts."""
    wrong = 0
    query = select(answers).where(_n.delivery.is_not(None) | exists().where(_r.answer == _n.number))
    for rows in context.connection.execute(query.order_by(_n.number)).mappings().partitions(PIECE):
        told, _ = told_and_billed(context.connection, [row["number"] for row in rows], _r.answer)
        for row in rows:
            found = delivery_values(row, told.get(row["number"], []))
            wrong += any(row[name] != value for name, value in found.items())
    if wrong:
        messages = "1 message" if wrong == 1 else f"{wrong:,} messages"
        has = "has" if wrong == 1 else "have"
        text = f"{messages} outside of runs {has} a delivery status that does not match the receipts"
        yield Finding("receipt", text)


def look_at_run(context: CheckContext, run: Run, begin: int, end: int) -> Iterator[Finding]:
    """Check that the deliveries of messages with ids from ``begin`` up to ``end`` (exclusive) match their receipts."""
    names = ("channel", "parts", "delivery", "delivered_at", "delivery_code")
    told = exists().where(_r.attempt == _a.id)
    query = select(_a.id, *(_a[name] for name in names)).where(
        _a.id >= begin, _a.id < end, _a.address.is_not(None), told
    )
    wrong: list[int] = []
    for rows in context.connection.execute(query.order_by(_a.id)).partitions(PIECE):
        reports = told_of(context.connection, [row[0] for row in rows])
        for id, channel, parts, *stored in rows:
            reads = channel_of(channel or run.channel).reads
            found = delivery_of(reports.get(id, []), parts=parts or 1, read_receipts=reads)
            if stored != ([str(found.delivery), found.at, found.code] if found else [None, None, None]):
                wrong.append(id)
    if wrong:
        messages = "1 message has" if len(wrong) == 1 else f"{len(wrong):,} messages have"
        text = f"{messages} a delivery status that does not match the receipts{first(wrong[0])}"
        yield Finding("receipt", text, run.id)


def _receipts(many: int) -> str:
    return "there is 1 receipt" if many == 1 else f"there are {many:,} receipts"
