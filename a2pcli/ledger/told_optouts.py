"""Opt-outs that a gateway tells of, in its answer or in a receipt: kept for the sender, with their audit entry."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.engine import Connection
from sqlalchemy.sql.expression import ColumnElement

from a2pcli.delivery import ARRIVED
from a2pcli.ledger import audit, optouts
from a2pcli.ledger.attempt_senders import attempt_sender
from a2pcli.ledger.sender_names import sender_scope
from a2pcli.ledger.tables import attempts, receipts, runs

ACTION = "optout.gateway"


def _keep(
    connection: Connection,
    told: Iterable[tuple[str, str | None]],
    *,
    gateway: str,
    run: str,
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


TellsOptOut: TypeAlias = Callable[[str, str | None, str], bool]
"""Called with a gateway's name, a receipt's code and the provider's status; returns whether it is an opt-out."""

_a, _r = attempts.c, receipts.c

_PIECE = 500

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


def keep_from_receipts(
    connection: Connection, chosen: Sequence[ColumnElement[bool]], tells: TellsOptOut, now: int
) -> int:
    """Suppress the people whose receipts (selected by conditions) are opt-outs according to ``tells``; return how many
    are new.

    Select only receipts not processed before, so that people who opted in again stay. Audit: ``optout.gateway``.
    """
    told: dict[tuple[str, str], list[tuple[str, str | None]]] = defaultdict(list)
    for some in chosen:
        for run, gateway, code, status, address, sender in connection.execute(_query(some)):
            if tells(gateway, code, status):
                told[run, gateway].append((address, sender))
    return sum(
        _keep(connection, people, gateway=gateway, run=run, now=now, by="receipt")
        for (run, gateway), people in told.items()
    )


def _query(chosen: ColumnElement[bool]) -> Select[Any]:
    arrived = [str(one) for one in ARRIVED]
    told = and_(_a.address.is_not(None), or_(_r.delivery.is_(None), _r.delivery.not_in(arrived)))
    joined = receipts.join(attempts, _a.id == _r.attempt).join(runs, runs.c.number == _a.run)
    query = select(runs.c.id, _gateway, _r.code, _r.status, _a.address, _sender).select_from(joined)
    return query.where(chosen, told).order_by(_r.number)


def of_numbers(numbers: Iterable[int]) -> list[ColumnElement[bool]]:
    """Return conditions for the receipts with these numbers."""
    every = list(numbers)
    return [_r.number.in_(every[start : start + _PIECE]) for start in range(0, len(every), _PIECE)]


def of_import(ids: Sequence[int], now: int) -> list[ColumnElement[bool]]:
    """Return conditions for receipts of these attempts received at ``now``."""
    return [
        and_(_r.attempt.in_(ids[start : start + _PIECE]), _r.received_at == now)
        for start in range(0, len(ids), _PIECE)
    ]
