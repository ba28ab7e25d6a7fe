"""An entry of the audit trail about people, whom it names by keyed hashes, in the transaction of what was done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.engine import Connection

from a2pcli.ledger import audit, erased

NAMED = 20
"""So many people an entry names by their hashes; of more it says only how many."""


def record(
    connection: Connection,
    action: str,
    subject: str | None,
    detail: Mapping[str, Any] | None,
    people: Sequence[str],
    now: int,
) -> audit.Entry:
    """Add an entry in the caller's transaction, as its last statement: whoever else adds one waits until it ends.

    ``people`` (addresses) are counted, and a few of them named by their keyed hash. ``now`` is UTC milliseconds.
    """
    facts = dict(detail or {})
    if people:
        facts["people"] = len(people)
        hashes = [erased.hash_for_audit(connection, one) for one in people[:NAMED]]
        if len(hashes) == 1 and subject is None:
            subject = hashes[0]
        elif None not in hashes and len(people) <= NAMED:
            facts["hashes"] = hashes
    return audit.append(connection, action, subject, facts, now)
