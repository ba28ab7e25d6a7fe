"""The channels: of each, what addresses it has, what content, what a price is for, and whose rules bind it.

Everything that depends on the channel asks this table; no other file names channels.
"""

from __future__ import annotations

from typing import Final

from a2pcli.addresses.kinds import Kind
from a2pcli.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Channel:
    """One way for a message to travel.

    ``offered``: campaigns may name it. The others can stand in opt-outs, consents and rate cards, and wait for their
    content. ``parts``: a text is cut into SMS parts, counted and billed by part; else a price is per message.
    ``media``: it carries pictures and files. ``reads``: receipts tell that a message was read.
    ``phone_law``: rules of the law that name no channels bind it, since they are about messages to phones.
    ``text`` and ``caption``: characters that a text may have, and one that stands below a picture; 0 where the channel
    sets no limit. ``window``: seconds after the person wrote for which it takes a text of one's own; 0 for always. A
    WhatsApp template and a Messenger message with a tag may leave later.
    """

    name: str
    kind: Kind
    offered: bool = False
    parts: bool = False
    media: bool = False
    reads: bool = False
    phone_law: bool = False
    text: int = 0
    caption: int = 0
    window: int = 0

    @property
    def unit(self) -> str:
        """What a price is for: ``part`` or ``message``."""
        return "part" if self.parts else "message"

    @property
    def column(self) -> str:
        """The name of the column with its addresses, as a campaign maps it: ``phone``, ``email``, ``telegram``."""
        return self.network or str(self.kind)

    @property
    def network(self) -> str | None:
        """The chat network whose ids are its addresses."""
        return self.name if self.kind is Kind.HANDLE else None


CHANNELS: dict[str, Channel] = {
    one.name: one
    for one in (
        Channel("sms", Kind.PHONE, offered=True, parts=True, phone_law=True),
        Channel("mms", Kind.PHONE, offered=True, media=True, phone_law=True, text=1_600),
        Channel("email", Kind.EMAIL, offered=True),
        # developers.facebook.com/docs/whatsapp: customer service windows
        Channel(
            "whatsapp",
            Kind.PHONE,
            offered=True,
            reads=True,
            phone_law=True,
            text=4_096,
            caption=1_024,
            window=24 * 3_600,
        ),
        Channel("rcs", Kind.PHONE, offered=True, reads=True, phone_law=True),
        # core.telegram.org/bots/api: sendMessage, sendPhoto
        Channel("telegram", Kind.HANDLE, offered=True, text=4_096, caption=1_024),
        # developers.facebook.com/docs/messenger-platform: Send API
        Channel("messenger", Kind.HANDLE, offered=True, reads=True, text=2_000, window=24 * 3_600),
        # developers.viber.com/docs/api/rest-bot-api: by the id of a subscriber, which is no phone number
        Channel("viber", Kind.HANDLE, offered=True, reads=True, text=1_000, caption=768),
        # infobip.com/docs/viber/business-messages, developer.vonage.com/en/messages/guides/viber: by phone number
        Channel(
            "viber_business", Kind.PHONE, offered=True, reads=True, phone_law=True, text=1_000, caption=1_000
        ),
    )
}
REJECTED: Final = "rejected"
UNDELIVERED: Final = "undelivered"
"""When a campaign may try its next channel: the gateway refused the message, or a receipt says it did not arrive."""

DEFAULT = "sms"
"""The channel of a campaign that names none."""

NAMES: tuple[str, ...] = tuple(CHANNELS)
OFFERED: tuple[str, ...] = tuple(one.name for one in CHANNELS.values() if one.offered)
PHONE_LAW: tuple[str, ...] = tuple(one.name for one in CHANNELS.values() if one.phone_law)


def channel_of(name: str) -> Channel:
    """The channel of a campaign or a run. One that the table does not know, of another version's ledger, is taken for
    one of phone numbers without parts."""
    return CHANNELS.get(name) or Channel(name, Kind.PHONE, phone_law=True)


def channels_of_kind(kind: Kind) -> list[str]:
    """The channels that use addresses of a kind."""
    return [name for name, channel in CHANNELS.items() if channel.kind is kind]


def kind_of_channel(name: str) -> Kind:
    """The kind of address that a channel uses."""
    return channel_of(name).kind
