"""Whom a channel reaches just now, as the ledger knows it: WhatsApp's service window, what providers of RCS said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from a2pcli.channels import channel_of
from a2pcli.config.load import LoadedCampaign, LoadedSettings
from a2pcli.config.retention import parse_age
from a2pcli.errors import Problem, Severity
from a2pcli.ledger.reachability import DAY
from a2pcli.ledger.store import Ledger
from a2pcli.planning.frames import Keys
from a2pcli.planning.people import keys_of

RCS, MESSENGER = "rcs", "messenger"
ANSWER_MS = 30 * 60_000
"""Part of the window reserved for sending the plan: people who wrote earlier count as outside."""


def verified_people(ledger: Ledger, period: str | None, now: int) -> Keys | None:
    """Return the people who verified their address within a campaign's period; None if it does not ask for it."""
    if period is None:
        return None
    age = parse_age(period)
    found = ledger.codes.verified_at()
    return _keys([one for one, at in found.items() if age is None or at >= now - age])


def in_window(ledger: Ledger, channel: str, gateways: Iterable[str], now: int) -> dict[str, Keys] | None:
    """Return by gateway who wrote to it within the channel's service window, in time for an answer; None on channels
    without one."""
    window = channel_of(channel).window * 1000
    if not window:
        return None
    since = now - window + ANSWER_MS
    return {name: _keys(ledger.replies.who_wrote(name, since)) for name in gateways}


def unreachable(ledger: Ledger, channel: str, gateways: Iterable[str], now: int) -> dict[str, Keys]:
    """Return by gateway whom RCS cannot reach, according to its provider within the last days; empty on other
    channels."""
    if channel != RCS:
        return {}
    return {name: _keys(ledger.reachability.unreachable(name, now)) for name in gateways}


def reach_notes(
    loaded: LoadedCampaign, settings: LoadedSettings, gateway: str, ledger: Ledger, now: int
) -> Iterator[Problem]:
    """Report the age of the RCS reachability data, or how to get it if there is none; and who gets a Messenger message
    without a tag."""
    if loaded.campaign.channel == MESSENGER:
        yield from _tag_note(loaded)
    if loaded.campaign.channel != RCS:
        return
    asked = ledger.reachability.asked(gateway, now)
    if asked is None:
        block = settings.settings.gateways.get(gateway) or {}
        if (block.get("type") or gateway) in ("outbox", "console"):
            return
        message = (
            f"RCS reachability was not checked with gateway {gateway}: people without RCS count as recipients"
        )
    else:
        days = (now - asked.oldest) // DAY
        age = "today" if days < 1 else "yesterday" if days == 1 else f"{days} days ago"
        message = f"gateway {gateway} checked RCS reachability of {asked.numbers:,} numbers, the oldest check was {age}"
    key = "channel" if loaded.document.has(("channel",)) else "channels"
    hint = f"a2pcli contacts reach {Path(loaded.document.path).name}"
    note = loaded.document.problem(message, (key,), of="key", hint=hint, code="reachability")
    yield replace(note, severity=Severity.NOTE)


def _tag_note(loaded: LoadedCampaign) -> Iterator[Problem]:
    """Report a Messenger campaign without a tag, which reaches only people in the service window."""
    block = loaded.campaign.messenger
    if block is not None and block.tag is not None:
        return
    key = "channel" if loaded.document.has(("channel",)) else "channels"
    message = "only people who wrote within the last 24 hours get this by messenger: it has no tag"
    hint = "replies are known from `a2pcli listen` and `a2pcli optout replies`; 'messenger: tag:' reaches others, for"
    hint += " the purposes that Meta allows"
    note = loaded.document.problem(message, (key,), of="key", hint=hint, code="no-tag")
    yield replace(note, severity=Severity.WARNING)


def _keys(addresses: Iterable[str]) -> Keys:
    return np.unique(keys_of(pa.array(list(addresses), pa.string())))
