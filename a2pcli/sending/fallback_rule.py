"""When the message's next channel is tried: what a campaign says of it, and what its gateways can do."""

from __future__ import annotations

from dataclasses import replace

from a2pcli.channels import REJECTED
from a2pcli.gateways.base import Capabilities, Gateway
from a2pcli.gateways.by_channel import parts_of
from a2pcli.ledger.alternatives import gateways_of
from a2pcli.ledger.exchanges import Fall
from a2pcli.ledger.falling import rule_of
from a2pcli.ledger.records import Claimed, Run
from a2pcli.messages import Cause, Message, Outcome, State

OF_THE_CHANNEL = frozenset({Cause.PERMANENT, Cause.CONTENT, Cause.COUNTRY})
"""Causes of a rejection that say nothing about other channels. A recipient who opted out with the provider is not tried
on another channel."""

MARGIN = 60
"""Seconds added to a message's validity: providers count in minutes, and from when they received it."""


class FallbackRule:
    """The fallback rule of one run."""

    def __init__(self, run: Run, gateway: Gateway) -> None:
        rule = rule_of(run)
        self.is_on = rule is not None
        self._when = frozenset(rule["when"]) if rule else frozenset()
        self._after: int | None = rule["after"] if rule else None
        able: dict[str, Capabilities] = {one.name: one.capabilities for one in parts_of(gateway)}
        of_channel = {channel: able.get(name) for channel, name in gateways_of(run).items()}
        self._expiring = {
            channel: can.longest_validity for channel, can in of_channel.items() if can and can.expires
        }
        self._revoking = frozenset(channel for channel, can in of_channel.items() if can and can.revokes)

    def validity(self, message: Message) -> int | None:
        """Return the validity in seconds to give the provider, at most what it can take; None if its channel's gateway
        cannot expire messages."""
        if self._after is None or message.channel not in self._expiring:
            return None
        longest = self._expiring[message.channel]
        return self._after if longest is None else min(self._after, longest)

    def with_validity(self, claimed: Claimed) -> Claimed:
        """Return the message with its validity set, if another channel comes after it."""
        seconds = self.validity(claimed.message) if claimed.has_next else None
        if seconds is None:
            return claimed
        return replace(claimed, message=replace(claimed.message, validity=seconds))

    def fall(self, claimed: Claimed, outcome: Outcome, state: State, now: int) -> Fall | None:
        """Return when the next channel is to be tried after this outcome; None if it is not."""
        if not (self.is_on and claimed.has_next):
            return None
        id, channel = claimed.message.id, claimed.message.channel
        if state is State.REJECTED and REJECTED in self._when and outcome.cause in OF_THE_CHANNEL:
            return Fall(id, now)
        if state is not State.ACCEPTED or self._after is None:
            return None
        if claimed.message.validity is not None:
            # Where the provider gives up earlier than `after`, the next channel still waits for `after`.
            over = now + max(claimed.message.validity + MARGIN, self._after) * 1000
            moment = now + self._after * 1000 if channel in self._revoking else over
            return Fall(id, moment, over)
        return Fall(id, now + self._after * 1000) if channel in self._revoking else None
