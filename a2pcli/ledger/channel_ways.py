"""How claimed messages go in a run of several channels: each by its own channel, gateway and sender."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.engine import Connection

from a2pcli.ledger import approved
from a2pcli.ledger.alternatives import Alternative, by_channel, channels_of, next_after
from a2pcli.ledger.attempt_ids import is_later
from a2pcli.ledger.claimed_messages import Way
from a2pcli.ledger.intents import ADDRESS, BODY, CHANNEL, GATEWAY, ID, SENDER
from a2pcli.ledger.plan_cursor import Beside, Fresh
from a2pcli.ledger.records import Run


def ways_of_fresh(run: Run, rows: Sequence[Fresh]) -> dict[int, Way]:
    """Return the ways of messages without attempts yet, by id, if they differ from the run or have a next channel."""
    if not channels_of(run):
        return {}
    return {
        row.id: Way(row.channel, None, row.sender, next_after(row.alternatives, None) is not None)
        for row in rows
        if row.channel is not None or row.alternatives is not None
    }


def ways_of_waiting(
    connection: Connection, run: Run, rows: Sequence[Any], beside: Mapping[int, Beside]
) -> tuple[dict[int, Way], dict[int, Alternative]]:
    """Return the same for rows that waited, and the planned alternative of each that is a later attempt.

    Raises ``LedgerError`` if a later attempt differs from the plan for its channel.
    """
    ways: dict[int, Way] = {}
    planned: dict[int, Alternative] = {}
    for row in rows:
        id, channel = row[ID], row[CHANNEL]
        text = beside[id].alternatives if id in beside else None
        later = is_later(id)
        if later and text is not None:
            one = by_channel(text, channel, row[BODY])
            if one is None or (one.address, one.body, one.sender) != (row[ADDRESS], row[BODY], row[SENDER]):
                raise approved.changed_plan(connection, run, [approved.CHANNELS])
            planned[id] = one
        has_next = next_after(text, channel if later else None, row[BODY]) is not None
        if channel is not None or later or has_next or row[GATEWAY] is not None:
            ways[id] = Way(channel, row[GATEWAY], row[SENDER], has_next)
    return ways, planned


def needs_of_waiting(
    rows: Sequence[Any], beside: Mapping[int, Beside]
) -> dict[int, tuple[str | None, str | None]]:
    """Return the content as JSON text, and the route, of waiting rows, by id."""
    found = {}
    for row in rows:
        id = row[ID]
        if id not in beside:
            continue
        if not is_later(id):
            found[id] = beside[id].content, beside[id].route
        elif (way := by_channel(beside[id].alternatives, row[CHANNEL], row[BODY])) is not None:
            found[id] = way.content, way.route
    return found
