"""What is tried after a message, as its plan has it: by which channel, to which address, with what, at what cost.

The column ``alternatives`` of a chunk holds them as JSON text, in order, for each row that has any. They are never
changed, so that what a later attempt sends is what was approved.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from a2pcli.dataclass import dataclass
from a2pcli.ledger.records import Run


@dataclass(frozen=True, slots=True)
class Alternative:
    """One later step of a message's plan. ``sender`` is None if the gateway's account chooses; ``spelling`` is what
    the message is sent to if it differs from ``address``; ``content`` is JSON text; ``cost`` is in 1e-9 currency
    units; ``clock`` is the number of one of the run's clocks."""

    channel: str
    gateway: str
    address: str
    body: str
    sender: str | None = None
    spelling: str | None = None
    content: str | None = None
    encoding: str | None = None
    units: int | None = None
    parts: int = 1
    cost: int | None = None
    currency: str | None = None
    country: str | None = None
    clock: int | None = None
    consent_until: int | None = None
    route: str | None = None
    """The gateways by which it may go, where a route chooses (``route_legs``)."""

    def sending_to(self) -> str:
        """Return the address in the spelling it is sent to."""
        return self.spelling or self.address


def alternatives_of(text: str | None) -> list[Alternative]:
    """Return a row's alternatives in order; empty for None. Fields written by a later version are ignored."""
    return [
        Alternative(**{name: value for name, value in one.items() if name in _NAMES})
        for one in (json.loads(text) if text else ())
    ]


_NAMES = frozenset(Alternative.__slots__)


def next_after(text: str | None, channel: str | None) -> Alternative | None:
    """Return what is tried after the attempt by this channel (None: the first attempt's); None if nothing is."""
    found = alternatives_of(text)
    if channel is None:
        return found[0] if found else None
    places = [place for place, one in enumerate(found) if one.channel == channel]
    at = places[0] + 1 if places else 0
    return found[at] if at < len(found) else None


def by_channel(text: str | None, channel: str | None) -> Alternative | None:
    """Return the alternative on this channel, or None."""
    return next((one for one in alternatives_of(text) if one.channel == channel), None)


def channels_of(run: Run) -> Mapping[str, Mapping[str, Any]]:
    """Return the channels of a run with several, in order of preference, each with its ``gateway`` and ``sender``."""
    found: Mapping[str, Mapping[str, Any]] = run.sending.get("channels") or {}
    return found


def gateway_of(run: Run, channel: str | None) -> str:
    """Return the gateway for messages of this channel; the run's own for None."""
    return str(channels_of(run).get(channel or run.channel, {}).get("gateway") or run.gateway)


def gateways_of(run: Run) -> dict[str, str]:
    """Return the gateway name of each of the run's channels."""
    return {channel: gateway_of(run, channel) for channel in channels_of(run) or (run.channel,)}


def names_by_channel(run: Run) -> dict[str, tuple[str, ...]]:
    """Return the names of the gateways that messages of each of the run's channels may go by: all of a route, the
    channel's own first."""
    routes = run.sending.get("routes") or {}
    return {
        channel: tuple(routes[channel]["gateways"]) if channel in routes else (name,)
        for channel, name in gateways_of(run).items()
    }


def names_of(run: Run) -> tuple[str, ...]:
    """Return the names of all gateways that the run may use, each once."""
    return tuple(dict.fromkeys(name for names in names_by_channel(run).values() for name in names))


def channels_by_name(run: Run) -> dict[str, frozenset[str]]:
    """Return, of each gateway that the run may use, the channels whose messages may go by it."""
    by_channel = names_by_channel(run)
    return {
        name: frozenset(channel for channel, names in by_channel.items() if name in names)
        for name in names_of(run)
    }


def by_another_channel(run: Run, channel: str | None) -> Run:
    """Return the run as if it had only this channel, whose gateway and sender opt-outs may name; unchanged for None."""
    if channel is None:
        return run
    given = channels_of(run).get(channel, {})
    if not given:
        return replace(run, channel=channel)
    return replace(run, channel=channel, gateway=given["gateway"], sender=given.get("sender"))
