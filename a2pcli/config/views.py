"""A campaign of several channels, split into one campaign for each channel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from a2pcli import channels
from a2pcli.config.campaign import Campaign
from a2pcli.config.several import ChannelSettings, settings_by_channel


def with_first_channel(campaign: Campaign) -> Campaign:
    """The campaign with the first of its ``channels`` as its ``channel``; of a list of one, that is all.

    Its ``gateway`` is that of each channel which names none.
    """
    found = settings_by_channel(campaign.channels)
    if not found:
        return campaign
    if campaign.gateway is not None:
        found = {
            name: one if one.gateway else one.model_copy(update={"gateway": campaign.gateway})
            for name, one in found.items()
        }
    name, given = next(iter(found.items()))
    first: dict[str, Any] = {"channel": name, "gateway": given.gateway, "channels": found}
    if len(found) == 1:
        first |= {"channels": None, "sender": campaign.sender if given.sender is None else given.sender}
    return campaign.model_copy(update=first)


def campaigns_by_channel(campaign: Campaign) -> Iterator[Campaign]:
    """The campaign as each of its channels has it, in order of preference: as if it had no other."""
    for name, given in settings_by_channel(campaign.channels).items():
        yield campaign.model_copy(update=_of_channel(name, given, campaign))


def _of_channel(name: str, given: ChannelSettings, campaign: Campaign) -> dict[str, Any]:
    """What is different in a campaign that has this channel alone."""
    blocks = {other: None for other in channels.NAMES if other != name and other in Campaign.model_fields}
    return {
        **blocks,
        "channel": name,
        "channels": None,
        "gateway": given.gateway,
        "sender": given.sender,
        "media": campaign.media if channels.CHANNELS[name].media else [],
    }
