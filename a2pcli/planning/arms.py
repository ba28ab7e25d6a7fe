"""The messages of a campaign on one channel: the campaign's only one, or one for each variant, each with its content.

A channel's block can have a ``text`` of its own, which stands in place of ``message``.
"""

from __future__ import annotations

from dataclasses import replace

from a2pcli.config.blocks import Loc
from a2pcli.config.load import LoadedCampaign
from a2pcli.errors import Problem
from a2pcli.planning.blocks import block_texts, own_text
from a2pcli.planning.contents import ContentTexts
from a2pcli.planning.email_files import shared_email, source_at, variant_email
from a2pcli.planning.spec import Arm
from a2pcli.planning.whatsapp import CHANNEL as WHATSAPP
from a2pcli.planning.whatsapp import whatsapp_texts

EMAIL = "email"


def arms_of(loaded: LoadedCampaign, problems: list[Problem], channel: str | None = None) -> tuple[Arm, ...]:
    """Return the message templates of a campaign on one channel (None: its own): one, or one for each variant.
    Problems with files they name are added to ``problems``."""
    campaign = loaded.campaign
    channel = channel or campaign.channel
    if channel == EMAIL:
        return _emails(loaded, problems)
    content: ContentTexts | None = (
        whatsapp_texts(loaded, problems) if channel == WHATSAPP else block_texts(loaded, channel, problems)
    )
    arms = []
    for place, (loc, text) in enumerate(texts_of(loaded, channel)):
        name = list(campaign.variants)[place] if campaign.variants else None
        weight = campaign.variants[name].weight if campaign.variants and name else 1
        is_of_content = content is not None and content.words is not None
        source = None if is_of_content or loc is None else source_at(loaded, loc, text)
        arms.append(Arm(name, weight, source, content))
    return tuple(arms)


def _emails(loaded: LoadedCampaign, problems: list[Problem]) -> tuple[Arm, ...]:
    campaign = loaded.campaign
    shared = shared_email(loaded, problems)
    if campaign.variants:
        return tuple(
            Arm(
                name,
                variant.weight,
                source_at(loaded, ("variants", name, "message"), variant.message)
                if variant.message
                else None,
                variant_email(loaded, shared, name, problems),
            )
            for name, variant in campaign.variants.items()
        )
    loc, text = texts_of(loaded, EMAIL)[0]
    source = None if loc is None else source_at(loaded, loc, text)
    return (Arm(None, 1, source, shared and replace(shared, makes_text=source is None)),)


def texts_of(loaded: LoadedCampaign, channel: str | None = None) -> list[tuple[Loc | None, str]]:
    """Return each arm's text and its place in the campaign file; the place is None if the text is made from an
    email's HTML."""
    campaign = loaded.campaign
    channel = channel or campaign.channel
    own = own_text(loaded, channel)
    written: list[tuple[Loc, str | None]]
    if campaign.variants:
        written = [(("variants", name, "message"), arm.message) for name, arm in campaign.variants.items()]
    else:
        written = [(("message",), campaign.message)]
    return [own or ((loc, text) if text else (None, "")) for loc, text in written]
