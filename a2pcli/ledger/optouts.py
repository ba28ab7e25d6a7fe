"""The suppression list: who is not to be messaged, since when, why, and who said so.

A lifted suppression keeps its row, so the list is its own history.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from itertools import chain
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.engine import Connection

from a2pcli.errors import InvalidInput, Problem
from a2pcli.ledger.bulk import insert_columns, read_rows
from a2pcli.ledger.records import Imported, Suppression
from a2pcli.ledger.tables import suppressions

if TYPE_CHECKING:
    import pyarrow as pa

EVERYTHING = "everything"
SENDER = "sender"
SCOPES = (EVERYTHING, SENDER)

_c = suppressions.c


def binds(purpose: str | None) -> bool:
    """Whether an opt-out binds messages of this purpose: marketing and transactional, yes; otp and emergency, no."""
    return purpose not in ("otp", "emergency")


def check_scope(scope: str, scope_value: str) -> None:
    """Refuse a scope that would silently suppress nobody, or everybody."""
    if scope not in SCOPES:
        raise InvalidInput(Problem(f"unknown scope '{scope}'", hint="everything or sender", code="scope"))
    if (scope == SENDER) != bool(scope_value):
        text = (
            "the scope 'sender' needs the sender" if scope == SENDER else "only the scope 'sender' takes one"
        )
        raise InvalidInput(Problem(text, code="scope"))


def _active(address: str, scope: str, scope_value: str) -> Any:
    return and_(
        _c.address == address,
        _c.scope == scope,
        _c.scope_value == scope_value,
        _c.lifted_at.is_(None),
    )


def add(
    connection: Connection,
    addresses: Sequence[str] | Any,
    *,
    scope: str,
    scope_value: str,
    source: str,
    reason: str | None,
    now: int,
) -> Imported:
    """Add addresses; those already on the list keep their first entry. A million in seconds."""
    check_scope(scope, scope_value)
    columns = {
        "address": addresses,
        "scope": scope,
        "scope_value": scope_value,
        "source": source,
        "reason": reason,
        "added_at": now,
    }
    added = insert_columns(connection, suppressions, columns, ignore_conflicts=True)
    return Imported(added=added, already=len(addresses) - added)


def lift(
    connection: Connection, address: str, *, scope: str | None, scope_value: str, by: str, now: int
) -> int:
    """End the suppressions of an address (in ``scope``, or all); gives how many there were."""
    chosen = and_(_c.address == address, _c.lifted_at.is_(None))
    if scope is not None:
        check_scope(scope, scope_value)
        chosen = _active(address, scope, scope_value)
    return connection.execute(update(suppressions).where(chosen).values(lifted_at=now, lifted_by=by)).rowcount


def of_address(connection: Connection, address: str) -> list[Suppression]:
    """All entries of one address, those lifted too, oldest first."""
    query = _entries().where(_c.address == address).order_by(_c.number)
    return [Suppression(*row) for row in connection.execute(query)]


def page(
    connection: Connection, after: int | None, size: int, *, lifted: bool, newest: bool
) -> tuple[list[Suppression], int | None]:
    """The next entries in the order they were added, or from the newest back, and the number to go on after."""
    query = select(_c.number, *(_c[field.name] for field in fields(Suppression)))
    if after is not None:
        query = query.where(_c.number < after if newest else _c.number > after)
    if not lifted:
        query = query.where(_c.lifted_at.is_(None))
    rows = connection.execute(query.order_by(_c.number.desc() if newest else _c.number).limit(size)).all()
    return [Suppression(*row[1:]) for row in rows], (rows[-1].number if rows else after)


def _entries() -> Any:
    return select(*(_c[field.name] for field in fields(Suppression)))


def count(connection: Connection) -> int:
    """Entries that hold now."""
    query = select(func.count()).select_from(suppressions).where(_c.lifted_at.is_(None))
    return int(connection.execute(query).scalar_one())


def addresses_for(connection: Connection, sender: str | None) -> pa.StringArray:
    """The suppressed addresses for messages from ``sender``, sorted, each once, as a PyArrow array."""
    import pyarrow as pa

    scope = or_(_c.scope == EVERYTHING, and_(_c.scope == SENDER, _c.scope_value == (sender or "")))
    query = select(_c.address).where(_c.lifted_at.is_(None), scope).distinct().order_by(_c.address)
    return pa.array(chain.from_iterable(read_rows(connection, query)), pa.string())
