"""Which messages have a gateway's ids, as the ledger knows them.

The first id of a message is in its attempt. Where the gateway gives every part of a message an id of its own, each is
kept as a row of ``receipts`` whose status says of how many parts the message is (``part_status``): such a message was
delivered only when each part was. The rows are written in the transaction that records the gateway's answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.engine import Connection

from a2pcli.delivery import PART_OF
from a2pcli.ledger.bulk import read_rows
from a2pcli.ledger.receipt_rows import Match, OfAnswer, insert_receipts
from a2pcli.ledger.records import Run, Settled
from a2pcli.ledger.schema import unmatched as is_unmatched
from a2pcli.ledger.tables import ROWS_PER_RUN, answers, attempts, receipts, runs

_a, _n, _r = attempts.c, answers.c, receipts.c

FEW = 500
"""Ids in one statement."""

_is_of_part = and_(or_(_r.attempt.is_not(None), _r.answer.is_not(None)), _r.status.like(f"{PART_OF}%"))


def note_parts(connection: Connection, run: Run, settled: Sequence[Settled], now: int) -> None:
    """Store the ids of the parts of messages whose gateway gives each part an id of its own."""
    with_parts = {one.message_id: one.outcome.part_ids for one in settled if one.outcome.part_ids}
    if not with_parts:
        return
    from a2pcli.contacts.receipt_file import part_receipt  # reads tables, which reports need not import

    ids = sorted(with_parts)
    for start in range(0, len(ids), FEW):
        some = ids[start : start + FEW]
        query = select(_a.id, _a.gateway).where(_a.id.in_(some))
        of_gateway: dict[str, list[int]] = defaultdict(list)
        for id, gateway in connection.execute(query):
            of_gateway[gateway or run.gateway].append(id)
        for gateway, theirs in of_gateway.items():
            rows = [
                (part_receipt(part, run.reference(id % ROWS_PER_RUN), _total(with_parts[id])), id)
                for id in theirs
                for part in dict.fromkeys(with_parts[id])
                if part is not None
            ]
            insert_receipts(connection, rows, gateway, f"gateway {gateway} answered", now)


def note_parts_of_answer(
    connection: Connection,
    number: int,
    reference: str,
    gateway: str,
    part_ids: Sequence[str | None],
    now: int,
) -> None:
    """Store the ids of the parts of a message outside of runs."""
    if not part_ids:
        return
    from a2pcli.contacts.receipt_file import part_receipt

    parts = [part for part in dict.fromkeys(part_ids) if part is not None]
    rows = [(part_receipt(part, reference, _total(part_ids)), OfAnswer(number)) for part in parts]
    insert_receipts(connection, rows, gateway, f"gateway {gateway} answered", now)


def _total(part_ids: Sequence[str | None]) -> int:
    """Return how many ids the message has when all is known: one, if all parts were given the same."""
    return 1 if len(set(part_ids)) == 1 else len(part_ids)


def messages_with_ids(
    connection: Connection, wanted: Collection[str]
) -> Mapping[str, list[tuple[Match, str]]]:
    """Return the messages with these gateway ids, or with a part that has one, each with its gateway; one pass over all
    attempts."""
    of_runs = {row.number: row.gateway for row in connection.execute(select(runs.c.number, runs.c.gateway))}
    found: dict[str, set[tuple[Match, str]]] = defaultdict(set)
    for id, gateway_id, gateway in _among(connection, (_a.id, _a.gateway_id, _a.gateway), wanted):
        found[gateway_id].add((id, gateway or of_runs.get(id // ROWS_PER_RUN, "")))
    for number, gateway_id, gateway in _among(connection, (_n.number, _n.gateway_id, _n.gateway), wanted):
        found[gateway_id].add((OfAnswer(number), gateway))
    parts = select(_r.attempt, _r.answer, _r.gateway_id, _r.gateway).where(_is_of_part)
    if len(wanted) <= FEW:
        parts = parts.where(_r.gateway_id.in_(sorted(wanted)))
    for attempt, answer, gateway_id, gateway in connection.execute(parts):
        if gateway_id in wanted:
            found[gateway_id].add((attempt if answer is None else OfAnswer(answer), gateway))
    return {gateway_id: sorted(theirs, key=str) for gateway_id, theirs in found.items()}


def _among(connection: Connection, columns: tuple[Any, Any, Any], wanted: Collection[str]) -> Iterable[Any]:
    """Return these columns of the rows whose gateway id, the second of them, is wanted."""
    query, gateway_id = select(*columns), columns[1]
    if len(wanted) <= FEW:
        return connection.execute(query.where(gateway_id.in_(sorted(wanted))))
    return (row for row in read_rows(connection, query.where(gateway_id.is_not(None))) if row[1] in wanted)


def ids_in_common(connection: Connection) -> set[str]:
    """Return the ids that several messages have, of whichever gateways; one pass over all attempts."""
    own = select(_a.id.label("message"), _a.gateway_id).where(_a.gateway_id.is_not(None))
    outside = select((-_n.number).label("message"), _n.gateway_id).where(_n.gateway_id.is_not(None))
    parts = select(func.coalesce(_r.attempt, -_r.answer), _r.gateway_id).where(_is_of_part)
    each = own.union(outside, parts).subquery()
    query = select(each.c.gateway_id).group_by(each.c.gateway_id).having(func.count() > 1)
    return set(connection.execute(query).scalars())


def unmatched_by_id(connection: Connection, upto: int) -> list[tuple[int, Match]]:
    """Return unmatched receipts with the only message that has their id; one pass over all attempts."""
    of_runs = {row.number: row.gateway for row in connection.execute(select(runs.c.number, runs.c.gateway))}
    mine = and_(is_unmatched, _r.number <= upto)
    found: dict[int, set[Match]] = defaultdict(set)
    query = (
        select(_r.number, _r.gateway, _a.id, _a.gateway)
        .select_from(attempts.join(receipts, _r.gateway_id == _a.gateway_id))
        .where(mine, _a.gateway_id.is_not(None))
    )
    for number, said, id, gateway in read_rows(connection, query):
        if said in ("", gateway or of_runs.get(id // ROWS_PER_RUN, "")):
            found[number].add(id)
    outside = (
        select(_r.number, _n.number)
        .select_from(receipts.join(answers, _r.gateway_id == _n.gateway_id))
        .where(mine, _r.gateway.in_(("", _n.gateway)))
    )
    for number, answer in connection.execute(outside):
        found[number].add(OfAnswer(answer))
    part = receipts.alias()
    of_parts = (
        select(_r.number, part.c.attempt, part.c.answer)
        .select_from(receipts.join(part, _r.gateway_id == part.c.gateway_id))
        .where(mine, or_(part.c.attempt.is_not(None), part.c.answer.is_not(None)))
        .where(part.c.status.like(f"{PART_OF}%"), _r.gateway.in_(("", part.c.gateway)))
    )
    for number, id, answer in connection.execute(of_parts):
        found[number].add(id if answer is None else OfAnswer(answer))
    return [(number, next(iter(ids))) for number, ids in sorted(found.items()) if len(ids) == 1]
