"""Opt-outs that a gateway tells of, in its answer or in a receipt: kept for the sender, with their audit entry."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.engine import Connection

from a2pcli.ledger import audit, optouts
from a2pcli.ledger.sender_names import sender_scope

ACTION = "optout.gateway"


def keep(
    connection: Connection,
    told: Iterable[tuple[str, str | None]],
    *,
    gateway: str,
    run: str,
    now: int,
    by: str | None = None,
) -> int:
    """Suppress each person (an address, and the sender they opted out from, None for the gateway's own), and write an
    entry a sender in the same transaction; gives how many were not on the list. ``by`` says how it was told."""
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
