"""How many characters each channel takes, of a message's text and of what stands beside it. ``count`` shows them."""

from __future__ import annotations

from a2pcli.channels import channel_of
from a2pcli.content import messenger, mms, rcs, telegram, viber, whatsapp


def lengths_of(channel: str) -> tuple[tuple[str, int], ...]:
    """What a message of the channel may have, and the most characters of it; empty where the channel sets no limit.

    They are the limits that plans go by.
    """
    about = channel_of(channel)
    own = (("text", about.text), ("text below a picture", about.caption))
    return (*(one for one in own if one[1]), *_BESIDE.get(channel, ()))


_BESIDE = {
    "mms": (("subject", mms.LONGEST_SUBJECT),),
    "whatsapp": (
        ("text with buttons, or of a template", whatsapp.LONGEST_BODY),
        ("header of a template", whatsapp.LONGEST_HEADER),
        ("button", whatsapp.LONGEST_BUTTON),
    ),
    "rcs": (
        ("text", rcs.LONGEST_TEXT),
        ("title of a card", rcs.LONGEST_TITLE),
        ("description of a card", rcs.LONGEST_DESCRIPTION),
        ("suggestion", rcs.LONGEST_SUGGESTION),
    ),
    "telegram": (("button", telegram.LONGEST_BUTTON),),
    "messenger": (
        ("text with buttons", messenger.WITH_BUTTONS),
        ("first line beside a picture", messenger.LONGEST_TITLE),
        ("the rest beside a picture", messenger.LONGEST_SUBTITLE),
        ("button", messenger.LONGEST_BUTTON),
    ),
    "viber": (("button", viber.LONGEST_BUTTON),),
    "viber_business": (("button", viber.LONGEST_BUTTON),),
}
