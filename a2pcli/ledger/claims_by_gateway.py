"""A claim for a run whose channels use several gateways: as many messages for each as it has room for.

A gateway that is down, slow or paused does not delay the messages of the others, and no message is claimed that its
gateway has no room for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

from a2pcli.ledger.alternatives import gateways_of
from a2pcli.ledger.exchanges import ByGateway, Rooms
from a2pcli.ledger.records import Run

if TYPE_CHECKING:
    from a2pcli.ledger.one_claim import Claim
    from a2pcli.ledger.paces import Slots


def channels_by_gateway(run: Run) -> Mapping[str, frozenset[str]]:
    """Return the run's channels by gateway."""
    found: dict[str, set[str]] = defaultdict(set)
    for channel, gateway in gateways_of(run).items():
        found[gateway].add(channel)
    return {gateway: frozenset(channels) for gateway, channels in found.items()}


def claimed_channels(run: Run, rooms: Rooms | None) -> frozenset[str] | None:
    """Return the channels of the gateways that have room; None if ``rooms`` does not limit them."""
    if rooms is None:
        return None
    known = channels_by_gateway(run)
    if (
        not rooms.by_gateway.keys() <= known.keys()
    ):  # they share the run's channels: a chooser tells them apart
        return None
    return frozenset(
        channel
        for name, channels in known.items()
        if rooms.by_gateway.get(name, 0) > 0
        for channel in channels
    )


def fill(
    claim: Claim, rooms: Rooms | None, slots: Slots | None, *, odd: bool, most: int, chosen: bool = False
) -> ByGateway | None:
    """Claim as many messages as each gateway has room for, ``most`` in all; without ``rooms``, as many as the claim
    wants.

    Afterwards the claim has room only if every gateway that is not stopped had fewer messages than it had room for.
    Nothing is done if gateways are ``chosen`` for each message (``choosing.fill``).
    """
    if chosen:
        return None
    if rooms is None:
        claim.fill(odd=odd)
        return None
    live = {name: of for name, of in channels_by_gateway(claim.run).items() if name not in rooms.stopped}
    dry: set[str] = set()
    paced: dict[str, float] = {}
    for name, channels in live.items():
        room = min(rooms.by_gateway.get(name, 0), most - len(claim.claimed))
        if slots is not None and room > 0:
            before = {one.message.channel: 0 for one in claim.claimed}
            for one in claim.claimed:
                before[one.message.channel] += 1
            room = min(room, slots.room_of(channels, before))
            if room <= 0:
                paced[name] = slots.pause_of(channels)
        if room <= 0:
            continue
        claim.channels, claim.want = channels, len(claim.claimed) + room
        claim.fill(odd=odd)
        if claim.room:
            dry.add(name)
    is_partial = dry != live.keys()
    claim.channels = frozenset(channel for channels in live.values() for channel in channels)
    claim.want = len(claim.claimed) + (0 if is_partial else 1)
    return ByGateway(frozenset(dry), paced, is_partial)
