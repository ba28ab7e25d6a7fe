"""Claimed rows as messages for the gateway, with what the plan has beside them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from a2pcli.ledger import clocks
from a2pcli.ledger.attempt_ids import is_later
from a2pcli.ledger.intents import CHANNEL, GATEWAY, ID, SENDER
from a2pcli.ledger.records import Claimed, Run
from a2pcli.ledger.tables import ROWS_PER_RUN
from a2pcli.message_content import media_of
from a2pcli.messages import Message


def _content_of(text: str) -> Mapping[str, Any]:
    """The content as the plan has it, which nobody changes on its way."""
    return MappingProxyType(json.loads(text))


def claimed_messages(
    run: Run,
    rows: Sequence[Any],
    gate: clocks.Gate,
    spellings: Mapping[int, str],
    contents: Mapping[int, str],
) -> Iterator[Claimed]:
    """The messages of these rows as the run says; ``spellings`` and ``contents`` are by the row's id."""
    # Unpacked at once and passed by position: by name it costs 3x as much, at every message.
    channel, sender, media, reference = run.channel, run.sender, run.media, run.reference
    for id, address, body, country, parts, tries, cost, currency, clock, own, *_ in rows:
        row = id % ROWS_PER_RUN
        to = spellings.get(id, address) if spellings else address
        content = _content_of(contents[id]) if id in contents else None
        files = media_of(content) or media if content else media
        message = Message(
            id, reference(row), to, body, channel, own or sender, country, parts, files, content
        )
        until = None if clock is None else gate.open_until(clock)
        yield Claimed(message, tries + 1, cost, currency, until)


def by_its_own_way(run: Run, claimed: Claimed, row: Sequence[Any]) -> Claimed:
    """A later attempt goes by its own channel, gateway and sender; all others as the run says."""
    if not is_later(row[ID]):
        return claimed
    channel = row[CHANNEL] or run.channel
    message = replace(claimed.message, channel=channel, sender=row[SENDER])
    if channel != run.channel:  # what was made for the run's channel is no use there
        message = replace(message, media=(), content=None)
    return replace(claimed, message=message, gateway=row[GATEWAY])
