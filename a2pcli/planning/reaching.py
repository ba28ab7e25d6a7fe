"""Whom a channel reaches just now, as the ledger knows it: WhatsApp's service window, what providers of RCS said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from a2pcli.config.load import LoadedCampaign, LoadedSettings
from a2pcli.errors import Problem, Severity
from a2pcli.ledger.reachability import DAY
from a2pcli.ledger.store import Ledger
from a2pcli.planning.frames import Keys
from a2pcli.planning.people import keys_of
from a2pcli.planning.spec import no_keys
from a2pcli.planning.whatsapp import CHANNEL as WHATSAPP

RCS = "rcs"
WINDOW_MS = 24 * 3_600_000
"""How long after a person wrote WhatsApp takes a free text."""
ANSWER_MS = 30 * 60_000
"""Of that the time that a plan needs until its messages leave: who wrote earlier counts as outside."""


def in_window(ledger: Ledger, channel: str, gateway: str, now: int) -> Keys | None:
    """Who wrote to this gateway within WhatsApp's service window, and in time for an answer; None on other channels."""
    if channel != WHATSAPP:
        return None
    return _keys(ledger.replies.who_wrote(gateway, now - WINDOW_MS + ANSWER_MS))


def unreachable(ledger: Ledger, channel: str, gateway: str, now: int) -> Keys:
    """Whom RCS does not reach, as the provider said within the last days; nobody on other channels."""
    return _keys(ledger.reachability.unreachable(gateway, now)) if channel == RCS else no_keys()


def reach_notes(
    loaded: LoadedCampaign, settings: LoadedSettings, gateway: str, ledger: Ledger, now: int
) -> Iterator[Problem]:
    """How old the answers are about whom RCS reaches; where nobody was asked, how to ask."""
    if loaded.campaign.channel != RCS:
        return
    asked = ledger.reachability.asked(gateway, now)
    if asked is None:
        block = settings.settings.gateways.get(gateway) or {}
        if (block.get("type") or gateway) in ("outbox", "console"):
            return
        message = f"gateway {gateway} was not asked whom RCS reaches: people without RCS count as recipients"
    else:
        days = (now - asked.oldest) // DAY
        age = "today" if days < 1 else "yesterday" if days == 1 else f"{days} days ago"
        message = f"gateway {gateway} was asked about {asked.numbers:,} numbers whether RCS reaches them, first {age}"
    key = "channel" if loaded.document.has(("channel",)) else "channels"
    hint = f"a2pcli contacts reach {Path(loaded.document.path).name}"
    note = loaded.document.problem(message, (key,), of="key", hint=hint, code="reachability")
    yield replace(note, severity=Severity.NOTE)


def _keys(addresses: Iterable[str]) -> Keys:
    return np.unique(keys_of(pa.array(list(addresses), pa.string())))
