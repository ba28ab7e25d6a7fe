"""Claimed rows as messages for the gateway, with what the plan has beside them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from a2pcli.channels import channel_of
from a2pcli.dataclass import dataclass
from a2pcli.ledger import clocks
from a2pcli.ledger.alternatives import gateway_of
from a2pcli.ledger.attempt_ids import MOST_ROWS, later_reference
from a2pcli.ledger.records import Claimed, Run
from a2pcli.ledger.tables import ROWS_PER_RUN
from a2pcli.message_content import media_of
from a2pcli.messages import Message


def _content_of(text: str) -> Mapping[str, Any]:
    """Return the planned content as a read-only mapping."""
    return MappingProxyType(json.loads(text))


def media_for(run: Run, channel: str) -> tuple[str, ...]:
    """Return the files of ``media:`` if the channel supports media."""
    return run.media if run.media and channel_of(channel).media else ()


def claimed_messages(
    run: Run,
    rows: Sequence[Any],
    gate: clocks.Gate,
    spellings: Mapping[int, str],
    contents: Mapping[int, str],
) -> Iterator[Claimed]:
    """Yield the rows as messages of the run; ``spellings`` and ``contents`` are by row id."""
    # Unpacked at once and passed by position: by name it takes 3x as long, for every message.
    channel, sender, run_id = run.channel, run.sender, run.id
    media = media_for(run, channel)
    purpose = run.purpose
    for id, address, body, country, parts, tries, cost, currency, clock, own, *_ in rows:
        row = id % ROWS_PER_RUN
        to = spellings.get(id, address) if spellings else address
        content = _content_of(contents[id]) if id in contents else None
        files = media_of(content) or media if content else media
        message = Message(
            id,
            f"{run_id}-{row:06d}" if row <= MOST_ROWS else later_reference(run_id, row),  # ``Run.reference``
            to,
            body,
            channel,
            own or sender,
            country,
            parts,
            files,
            content,
            None,
            purpose,
        )
        until = None if clock is None else gate.open_until(clock)
        yield Claimed(message, tries + 1, cost, currency, until)


@dataclass(frozen=True, slots=True)
class Way:
    """How one message is sent if it differs from the run: channel, gateway and sender; None for the run's.
    ``has_next``: whether another channel can be tried after it."""

    channel: str | None = None
    gateway: str | None = None
    sender: str | None = None
    has_next: bool = False


def by_their_own_ways(run: Run, claimed: Iterable[Claimed], ways: Mapping[int, Way]) -> Iterator[Claimed]:
    """Yield the messages, with the channel, gateway and sender of those that have their own way (by row id)."""
    for one in claimed:
        way = ways.get(one.message.id)
        yield one if way is None else _by_way(run, one, way)


def _by_way(run: Run, claimed: Claimed, way: Way) -> Claimed:
    if way.channel is None and way.gateway is None:
        return replace(claimed, has_next=way.has_next)
    channel = way.channel or run.channel
    message = claimed.message
    if way.channel is not None:
        message = replace(message, channel=channel, sender=way.sender)
    if channel != run.channel:  # the run's media may not fit this channel
        message = replace(message, media=media_of(message.content) or media_for(run, channel))
    gateway = way.gateway or gateway_of(run, way.channel)
    return replace(claimed, message=message, gateway=gateway, has_next=way.has_next)
