"""What the audit trail knows of a plan: a hash of its digests, noted as the plan was made.

The digests lie with the run, where whoever edits the ledger can remove or replace them. The trail's entry tells: it
cannot be changed without breaking the chain behind it (see ``audit``), and a plan without digests is believed only
where the trail says that it is older than they are.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Connection

from a2pcli.ledger import audit
from a2pcli.ledger.records import Run
from a2pcli.ledger.tables import audit as entries

MADE, CHANGED = "plan.make", "plan.change"
"""A plan was made; a2pcli itself took rows or texts out of it (erasure, retention), or was told a time zone."""

UPGRADED = "ledger.upgrade"
"""The ledger got this record. Written by the migration, with the number of the last run that was there then."""

_c = entries.c


def fingerprint(digests: Any) -> str | None:
    """SHA-256 over a plan's digests; None where it has none."""
    if not isinstance(digests, dict):
        return None
    return sha256(json.dumps(digests, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def note(connection: Connection, run: Run, digests: Any, now: int, *, changed: bool = False) -> None:
    """Add the entry, in the caller's transaction."""
    detail = {"digest": run.digest, "digests": fingerprint(digests)}
    audit.append(connection, CHANGED if changed else MADE, run.id, detail, now)


def agrees(connection: Connection, run: Run, digests: Any) -> bool:
    """Whether these digests (None for none) are the plan's, as far as the trail knows."""
    mine = (_c.subject == run.id) & _c.action.in_([MADE, CHANGED])
    entry = _entry(connection, select(entries).where(mine).order_by(_c.number.desc()))
    if entry is None:
        return _is_older(connection, run)
    return entry.facts.get("digests") == fingerprint(digests) and audit.is_sound_from(
        connection, entry.number
    )


def _is_older(connection: Connection, run: Run) -> bool:
    """Whether the plan was there before plans were recorded: the first entry of either kind says so."""
    first = select(entries).where(_c.action.in_([UPGRADED, MADE])).order_by(_c.number)
    entry = _entry(connection, first)
    if entry is None or entry.action != UPGRADED:
        return False
    last = entry.facts.get("last_run")
    return isinstance(last, int) and run.number <= last and audit.is_sound_from(connection, entry.number)


def _entry(connection: Connection, query: Any) -> audit.Entry | None:
    row = connection.execute(query.limit(1)).mappings().first()
    return None if row is None else audit.Entry(**row)
