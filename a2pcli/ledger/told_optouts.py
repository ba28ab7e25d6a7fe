"""Opt-outs that a gateway tells of, in its answer or in a receipt: kept for the sender, with their audit entry. And
addresses of which a receipt says that they do not exist: kept for the channel."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import Select, and_, func, literal, or_, select
from sqlalchemy.engine import Connection
from sqlalchemy.sql.expression import ColumnElement

from a2pcli.delivery import ARRIVED
from a2pcli.ledger import audit, optouts
from a2pcli.ledger.attempt_senders import attempt_sender
from a2pcli.ledger.receipt_rows import Match, OfAnswer
from a2pcli.ledger.sender_names import sender_scope
from a2pcli.ledger.tables import answers, attempts, receipts, runs

ACTION = "optout.gateway"


def _keep(
    connection: Connection,
    told: Iterable[tuple[str, str | None]],
    *,
    gateway: str,
    run: str | None,
    now: int,
    by: str | None = None,
) -> int:
    """Suppress people (address, and the sender they opted out of; None for the gateway's own), with an audit entry
    per sender in the same transaction. Return how many were not on the list. ``by`` says how it was reported."""
    added: dict[str, list[str]] = {}
    origin = optouts.Origin(f"gateway {gateway}", None, None, None)
    for address, sender in dict.fromkeys(told):
        scope = sender_scope(sender, gateway)
        done = optouts.add_addresses(
            connection, [address], scope="sender", scope_value=scope, origin=origin, until_at=None, now=now
        )
        if done.added:
            added.setdefault(scope, []).append(address)
    for scope, people in added.items():
        detail = {"gateway": gateway, "scope": f"messages from {scope}", **({"by": by} if by else {})}
        audit.record(connection, ACTION, run, detail, people, now)
    return sum(map(len, added.values()))


TellsOptOut: TypeAlias = Callable[[str, str | None, str], bool | str]
"""Called with a gateway's name, a receipt's code and the provider's status; returns whether it is an opt-out, or
``INVALID``."""

INVALID = "invalid"
"""The address does not exist."""

INVALID_ACTION = "optout.invalid"
INVALID_REASON = "a receipt says that this address does not exist"


class Suppressed(NamedTuple):
    """How many people were not on the list before: opted out, and those whose address does not exist."""

    opted_out: int = 0
    invalid: int = 0


_a, _n, _r = attempts.c, answers.c, receipts.c

_PIECE = 500
_ARRIVED = frozenset(str(one) for one in ARRIVED)

_gateway = func.coalesce(_a.gateway, runs.c.gateway)
_sender = attempt_sender(runs.c.sender)


def no_opt_out(gateway: str, code: str | None, status: str) -> bool:
    """Treat no receipt as an opt-out."""
    return False


def keep_from_answers(connection: Connection, ids: Sequence[int], now: int) -> int:
    """Suppress the people of these attempts, of which the gateway answered that they opted out; return how many are
    new. Audit: ``optout.gateway``.

    The address, the gateway and the sender are those of the attempt: the message itself may have another spelling of
    the address.
    """
    told: dict[tuple[str, str], list[tuple[str, str | None]]] = defaultdict(list)
    for start in range(0, len(ids), _PIECE):
        mine = (_a.id.in_(ids[start : start + _PIECE]), _a.address.is_not(None))
        query = select(runs.c.id, _gateway, _a.address, _sender).join(runs, runs.c.number == _a.run)
        for run, gateway, address, sender in connection.execute(query.where(*mine).order_by(_a.id)):
            told[run, gateway].append((address, sender))
    return sum(
        _keep(connection, people, gateway=gateway, run=run, now=now)
        for (run, gateway), people in told.items()
    )


class Chosen(NamedTuple):
    """Conditions for receipts: of messages of runs, and of messages outside of runs."""

    of_runs: Sequence[ColumnElement[bool]] = ()
    of_answers: Sequence[ColumnElement[bool]] = ()


def keep_from_answer(connection: Connection, gateway: str, address: str, sender: str | None, now: int) -> int:
    """Suppress the person of a message outside of runs, of which the gateway answered that they opted out; return how
    many are new. Audit: ``optout.gateway``."""
    return _keep(connection, [(address, sender)], gateway=gateway, run=None, now=now)


def keep_from_receipts(connection: Connection, chosen: Chosen, tells: TellsOptOut, now: int) -> Suppressed:
    """Suppress the people whose receipts (selected by conditions) are opt-outs according to ``tells``, or say that
    their address does not exist; return how many are new.

    Select only receipts not processed before, so that people who opted in again stay. Audit: ``optout.gateway``,
    ``optout.invalid``.
    """
    queries = [*map(_query, chosen.of_runs), *map(_query_of_answers, chosen.of_answers)]
    told: dict[tuple[str | None, str], list[tuple[str, str | None]]] = defaultdict(list)
    invalid: dict[tuple[str | None, str, str], list[str]] = defaultdict(list)
    for query in queries:
        for row in connection.execute(query):
            says = tells(row.gateway, row.code, row.status)
            if says == INVALID:
                if row.delivery not in _ARRIVED:  # it was there after all
                    invalid[row.run, row.gateway, row.channel].append(row.address)
            elif says:
                told[row.run, row.gateway].append((row.address, row.sender))
    opted_out = sum(
        _keep(connection, people, gateway=gateway, run=run, now=now, by="receipt")
        for (run, gateway), people in told.items()
    )
    return Suppressed(opted_out, sum(_keep_invalid(connection, *of, invalid[of], now) for of in invalid))


def _keep_invalid(
    connection: Connection, run: str | None, gateway: str, channel: str, addresses: Sequence[str], now: int
) -> int:
    """Suppress addresses for a channel; return how many were not on the list."""
    origin = optouts.Origin(f"gateway {gateway} (receipt)", INVALID_REASON)
    added = []
    for address in dict.fromkeys(addresses):
        done = optouts.add_addresses(
            connection, [address], scope="channel", scope_value=channel, origin=origin, until_at=None, now=now
        )
        added += [address] if done.added else []
    if added:
        detail = {"gateway": gateway, "scope": f"messages by {channel}"}
        audit.record(connection, INVALID_ACTION, run, detail, added, now)
    return len(added)


_tells_of_no_arrival = or_(_r.delivery.is_(None), _r.delivery.not_in(_ARRIVED))


def _query(chosen: ColumnElement[bool]) -> Select[Any]:
    told = and_(_a.address.is_not(None), _tells_of_no_arrival)
    joined = receipts.join(attempts, _a.id == _r.attempt).join(runs, runs.c.number == _a.run)
    query = select(
        runs.c.id.label("run"), _gateway.label("gateway"), _r.code, _r.status, _a.address, _sender.label("sender"),
        func.coalesce(_a.channel, runs.c.channel).label("channel"), _a.delivery,
    ).select_from(joined)  # fmt: skip
    return query.where(chosen, told).order_by(_r.number)


def _query_of_answers(chosen: ColumnElement[bool]) -> Select[Any]:
    query = select(
        literal(None).label("run"), _n.gateway, _r.code, _r.status, _n.address, _n.sender, _n.channel, _n.delivery,
    ).select_from(receipts.join(answers, _n.number == _r.answer))  # fmt: skip
    return query.where(chosen, _tells_of_no_arrival).order_by(_r.number)


def of_numbers(numbers: Iterable[int]) -> list[ColumnElement[bool]]:
    """Return conditions for the receipts with these numbers."""
    every = list(numbers)
    return [_r.number.in_(every[start : start + _PIECE]) for start in range(0, len(every), _PIECE)]


def of_import(of: Iterable[Match], now: int) -> Chosen:
    """Return conditions for receipts of these messages received at ``now``."""
    messages = list(of)
    ids = sorted(at for at in messages if isinstance(at, int))
    numbers = sorted(at.number for at in messages if isinstance(at, OfAnswer))
    return Chosen(_received(_r.attempt, ids, now), _received(_r.answer, numbers, now))


def _received(column: Any, numbers: Sequence[int], now: int) -> list[ColumnElement[bool]]:
    return [
        and_(column.in_(numbers[start : start + _PIECE]), _r.received_at == now)
        for start in range(0, len(numbers), _PIECE)
    ]
