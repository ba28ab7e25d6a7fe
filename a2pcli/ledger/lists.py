"""Imported do-not-contact lists: the name of each, and the moment up to which it records opt-outs.

Entries are only added: a person who is missing from a newer file of the same list stays suppressed, because the file
may be incomplete.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, MetaData, Table, Text, and_, func, insert, select, update
from sqlalchemy.engine import Connection

from a2pcli.addresses.phone.same_phone import all_forms
from a2pcli.dataclass import dataclass
from a2pcli.errors import Problem, UsageError
from a2pcli.ledger.bulk import as_list, insert_columns
from a2pcli.ledger.tables import about, suppressions

_PREFIX = "optout-list "
_DAY = 86_400_000

_c = suppressions.c
_listed = Table("a2p_listed", MetaData(), Column("address", Text))


@dataclass(frozen=True, slots=True)
class ImportedList:
    """An imported list: its newest as-of time, and when that was imported (UTC milliseconds)."""

    name: str
    as_of: int
    imported_at: int

    def days_old(self, now: int) -> int:
        """Return the age of the list in whole days."""
        return max(0, (now - self.as_of) // _DAY)


def known(connection: Connection) -> list[ImportedList]:
    """Return every list that was imported under a name, by name."""
    query = select(about.c.name, about.c.value).where(about.c.name.startswith(_PREFIX)).order_by(about.c.name)
    return [_list(name, value) for name, value in connection.execute(query)]


def _list(name: str, value: str) -> ImportedList:
    kept = json.loads(value)
    return ImportedList(name.removeprefix(_PREFIX), kept["as_of"], kept["imported_at"])


def check_newer(connection: Connection, name: str, as_of: int) -> None:
    """Raise ``UsageError`` if a newer version of the list was imported before."""
    from datetime import UTC, datetime

    value = connection.execute(select(about.c.value).where(about.c.name == _PREFIX + name)).scalar()
    if value is None:
        return
    before = _list(_PREFIX + name, value)
    if as_of >= before.as_of:
        return
    then, now = (f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d}" for ms in (before.as_of, as_of))
    text = f"the list '{name}' was already imported as of {then}; this file is older ({now})"
    hint = "import the newest file, or give this one another name with --list"
    raise UsageError(Problem(text, hint=hint, code="older-list"))


def note(connection: Connection, name: str, as_of: int, now: int) -> None:
    """Record that the list was imported completely, as of this time (UTC ms)."""
    value = json.dumps({"as_of": as_of, "imported_at": now})
    changed = connection.execute(update(about).where(about.c.name == _PREFIX + name).values(value=value))
    if not changed.rowcount:
        connection.execute(insert(about).values(name=_PREFIX + name, value=value))


def refresh(
    connection: Connection,
    addresses: Sequence[str] | Any,
    scope: str,
    scope_value: str,
    name: str,
    as_of: int,
) -> None:
    """Update ``as_of`` of the list's entries whose phones it still names, in any form of the number."""
    connection.exec_driver_sql(
        "CREATE TEMPORARY TABLE a2p_listed AS SELECT address FROM suppressions WHERE 1 = 0"
    )
    insert_columns(connection, _listed, {"address": all_forms(as_list(addresses))})
    # Aliased, because the updated table itself would be scanned once for every address.
    same = suppressions.alias("same").c
    mine = select(same.number).where(
        same.address == _listed.c.address,
        same.scope == scope,
        same.scope_value == scope_value,
        same.lifted_at.is_(None),
    )
    connection.execute(
        update(suppressions).where(_c.number.in_(mine), _c.list_name == name).values(as_of=as_of)
    )
    connection.exec_driver_sql("DROP TABLE a2p_listed")


def missing(connection: Connection, name: str, as_of: int) -> int:
    """Return how many entries of the list are missing from its newest file; they still apply."""
    gone = and_(_c.list_name == name, _c.lifted_at.is_(None), _c.as_of < as_of)
    return int(connection.execute(select(func.count()).select_from(suppressions).where(gone)).scalar_one())
