"""What is tried after a message, as its plan has it: by which channel, to which address, with what, at what cost.

The column ``alternatives`` of a chunk holds them as JSON text, in order, for each row that has any. They are never
changed, so that what a later attempt sends is what was approved.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
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
    instead: bool = False
    """Whether it stands in for the message before it, on the same channel, if that one's service window has closed; it
    never follows an attempt that was made."""
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


def next_after(text: str | None, channel: str | None, body: str | None = None) -> Alternative | None:
    """Return what is tried after an attempt by this channel that came to nothing (None: the first attempt); None if
    nothing is. ``body`` is the attempt's text: see ``place_of``."""
    found = alternatives_of(text)
    at = 0 if channel is None else place_of(found, channel, body) + 1
    return next((one for one in found[at:] if not one.instead), None)


def by_channel(text: str | None, channel: str | None, body: str | None = None) -> Alternative | None:
    """Return the alternative that a later attempt on this channel has, or None."""
    found = alternatives_of(text)
    at = place_of(found, channel, body)
    return found[at] if at >= 0 else None


def place_of(every: Sequence[Alternative], channel: str | None, body: str | None) -> int:
    """Return the position of the alternative on this channel, -1 for none. Of two, a message and the one that stands in
    for it, it is the one with this text; the first if the text is not known any more."""
    places = [place for place, one in enumerate(every) if one.channel == channel]
    same = [place for place in places if every[place].body == body]
    return (same or places or [-1])[0]


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
