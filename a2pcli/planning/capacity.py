"""The capacity plan: what quotas leave to a plan, beside what is used already and what other runs have to send."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from types import MappingProxyType
from typing import Any

from a2pcli.dataclass import dataclass
from a2pcli.errors import Problem, Severity
from a2pcli.ledger.quota_values import Usage
from a2pcli.moments import moment_text
from a2pcli.planning.estimate import Estimate
from a2pcli.planning.quota_flow import Flow, QuotaFlow, TogetherFlow

NONE: Mapping[str, int] = MappingProxyType({})

TOLD_FROM = 3600
"""Quotas over at least this many seconds are worth a warning; shorter ones only slow a run down."""


@dataclass(frozen=True, slots=True)
class Load:
    """What limits a plan besides its paces: quotas with their usage, and the messages of other unfinished runs that
    use the same quotas, by run id."""

    usages: Sequence[Usage] = ()
    others: Mapping[str, int] = field(default_factory=dict)
    routed: Sequence[str] = ()
    """The gateways of the campaign's route, which stand in for each other."""

    def flows(
        self,
        senders: Mapping[str, int],
        messages: int,
        parts: int,
        start: int,
        by_channel: Mapping[str, int] = NONE,
        by_gateway: Mapping[str, int] = NONE,
    ) -> list[Flow]:
        """Return the quotas as the estimate of a plan needs them. ``senders`` gives the messages of each sender,
        ``by_channel`` those that go by each channel first, ``by_gateway`` those that are meant for each gateway."""
        found: list[Flow] = []
        waits = messages + sum(self.others.values())
        of_route: dict[str, list[QuotaFlow]] = {name: [] for name in self.routed}
        for usage in self.usages:
            part = parts / messages if usage.shared.quota.unit == "parts" and messages else 1.0
            if usage.shared.via is not None:
                for name in usage.shared.via & of_route.keys():
                    of_route[name].append(QuotaFlow(usage, part, waits, start))
                # The account may have a gateway outside of the route, too.
                own = sum(by_gateway.get(name, 0) for name in usage.shared.via - of_route.keys())
                if own:
                    found.append(QuotaFlow(usage, part * own / messages, waits, start))
                continue
            # A sender's quota slows the plan down like a proportionally larger quota of all messages.
            own = share(usage, senders, messages, by_channel)
            if own:
                found.append(QuotaFlow(usage, part * own / messages, waits, start))
        if messages and of_route and all(of_route.values()):  # else one of them can take all
            found.append(TogetherFlow(list(of_route.values())))
        return found

    def document(self, start: int, finishes_at: int | None) -> dict[str, Any] | None:
        """Return what the plan's summary stores; None without quotas."""
        if not self.usages:
            return None
        return {
            "starts_at": start,
            "finishes_at": finishes_at,
            "quotas": [
                {
                    "quota": str(usage.shared.quota),
                    "of": usage.shared.of,
                    "used": usage.used(start),
                    "left": usage.left(start),
                    "resets_at": usage.reset(start),
                }
                for usage in self.usages
            ],
            "others": dict(self.others),
        }


def share(
    usage: Usage,
    senders: Mapping[str, int],
    messages: int,
    by_channel: Mapping[str, int],
    by_gateway: Mapping[str, int] = NONE,
) -> int:
    """Return how many of the plan's messages count against a quota. Fallbacks to other channels are not included, nor
    are gateways of a route that stand in."""
    shared = usage.shared
    if shared.via is not None:
        return sum(by_gateway.get(name, 0) for name in shared.via)
    if shared.channels is not None:
        return sum(by_channel.get(channel, 0) for channel in shared.channels)
    return messages if shared.sender is None else senders.get(shared.sender, 0)


def short_quotas(
    load: Load,
    senders: Mapping[str, int],
    messages: int,
    parts: int,
    start: int,
    leaving: Estimate,
    zone: str | None,
    by_channel: Mapping[str, int] = NONE,
    by_gateway: Mapping[str, int] = NONE,
) -> list[Problem]:
    """Return a warning for each quota that is too small for the whole plan at once."""
    found = []
    for usage in load.usages:
        quota, own = usage.shared.quota, share(usage, senders, messages, by_channel, by_gateway)
        if not messages or quota.seconds < TOLD_FROM:
            continue
        need = own * parts // messages if quota.unit == "parts" else own
        left = usage.left(start)
        others = sum(load.others.values()) if usage.shared.gateways and quota.unit != "parts" else 0
        if need + others <= left:
            continue
        unit = "parts" if quota.unit == "parts" else "messages"
        used = f" ({usage.used(start):,} used)" if usage.used(start) else ""
        rest = (
            "the others wait"
            if usage.shared.via is None
            else "the others go by other gateways of the route that may take them, or wait"
        )
        text = f"the {usage.shared} has room for {left:,} of {need:,} {unit} at the start{used}; {rest}"
        if need <= left:
            text = (
                f"the {usage.shared} has room for {left:,} messages at the start{used}; {need:,} of this plan and up to"
                f" {others:,} of other runs need it"
            )
        if leaving.finishes_at is not None:
            text += f", the last until about {moment_text(leaving.finishes_at, quota.zone or zone)}"
        if leaving.late:
            text += f"; {leaving.late:,} would expire before their turn"
        hint = "send again when there is room (or --wait); nobody gets the message twice"
        found.append(Problem(text, hint=hint, code="quota", severity=Severity.WARNING))
    return found


def too_many_parts(load: Load, most_parts: int) -> list[Problem]:
    """Return a warning for each quota that the longest messages exceed by themselves."""
    return [
        Problem(
            f"messages of {most_parts} parts never fit into the {usage.shared}: they would not be sent",
            hint="raise the quota, or shorten the message",
            code="quota-parts",
            severity=Severity.WARNING,
        )
        for usage in load.usages
        if usage.shared.quota.unit == "parts" and most_parts > usage.shared.quota.limit
    ]
