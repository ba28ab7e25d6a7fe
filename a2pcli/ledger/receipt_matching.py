"""Finds the message that a receipt is about: an attempt of a run, or a message outside of runs."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.engine import Connection

from a2pcli.ledger.attempt_ids import nth_attempt
from a2pcli.ledger.deliveries import pieces
from a2pcli.ledger.plans import run_from_row
from a2pcli.ledger.receipt_ids import FEW, messages_with_ids
from a2pcli.ledger.receipt_rows import REFERENCE, Match, OfAnswer
from a2pcli.ledger.tables import MOST_ROWS, ROWS_PER_RUN, answers, attempts, runs

_a, _n = attempts.c, answers.c

FORGOTTEN = -1
"""Stands for the attempt of a receipt whose person was erased, or removed by retention."""

ANSWER_REFERENCE = re.compile(r"a-[0-9a-f]{16}", re.ASCII)
"""Our reference of a message outside of runs."""


class ReceiptKey(NamedTuple):
    """The identification in a receipt. ``gateway`` is "" if unknown."""

    gateway: str
    gateway_id: str | None
    reference: str | None


def match(connection: Connection, keys: Sequence[ReceiptKey]) -> list[Match]:
    """Return the message of each receipt: by the gateway's id if exactly one message has it, else by our reference."""
    by_reference = _by_reference(connection, {key.reference for key in keys if key.reference is not None})
    matches: list[Match] = []
    open_ids: set[str] = set()
    for key in keys:
        known = by_reference.get(key.reference or "")
        matches.append(None if known is None else known.id)
        if key.gateway_id is not None and (known is None or known.gateway_id not in (None, key.gateway_id)):
            open_ids.add(key.gateway_id)
    if open_ids:
        candidates = messages_with_ids(connection, open_ids)
        for place, key in enumerate(keys):
            ids = [
                id for id, gateway in candidates.get(key.gateway_id or "", ()) if key.gateway in ("", gateway)
            ]
            if len(ids) == 1 and matches[place] != FORGOTTEN:
                matches[place] = ids[0]
    return matches


class _Known(NamedTuple):
    """A message, and the gateway's id for it."""

    id: Match
    gateway_id: str | None


def _by_reference(connection: Connection, references: Collection[str]) -> Mapping[str, _Known]:
    """Return the messages with our references that were handed to a gateway."""
    known = _answers_by_reference(connection, references)
    rows: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for reference in references:
        found = REFERENCE.fullmatch(reference)
        if found and 0 < int(found[2]) <= MOST_ROWS:
            rows[found[1]].append((reference, nth_attempt(int(found[2]), int(found[3] or 1))))
    ids: dict[int, str] = {}
    for some in _texts(rows):
        for row in connection.execute(select(runs).where(runs.c.id.in_(some))).mappings():
            run = run_from_row(row)
            is_pruned = "people" in run.summary.get("pruned", {})
            for reference, number in rows[run.id]:
                if is_pruned:
                    known[reference] = _Known(FORGOTTEN, None)
                elif reference == run.reference(number):
                    ids[run.number * ROWS_PER_RUN + number] = reference
    for many in pieces(sorted(ids)):
        query = select(_a.id, _a.address, _a.gateway_id, _a.tries, _a.claimed_at).where(_a.id.in_(many))
        for id, address, gateway_id, tries, claimed_at in connection.execute(query):
            if address is None:
                known[ids[id]] = _Known(FORGOTTEN, None)
            elif tries or claimed_at is not None:
                known[ids[id]] = _Known(id, gateway_id)
    return known


def _answers_by_reference(connection: Connection, references: Collection[str]) -> dict[str, _Known]:
    known: dict[str, _Known] = {}
    for some in _texts([one for one in references if ANSWER_REFERENCE.fullmatch(one)]):
        query = select(_n.number, _n.reference, _n.gateway_id).where(_n.reference.in_(some), _n.tries > 0)
        for number, reference, gateway_id in connection.execute(query):
            known[reference] = _Known(OfAnswer(number), gateway_id)
    return known


def _texts(found: Collection[str]) -> list[list[str]]:
    ordered = sorted(found)
    return [ordered[start : start + FEW] for start in range(0, len(ordered), FEW)]
