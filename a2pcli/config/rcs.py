"""The ``rcs:`` block of a campaign: a text, a card or several side by side, and suggestions to tap."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from a2pcli.config import values
from a2pcli.config.blocks import Block, Template


def _yes(value: object) -> object:
    return values.parse_yes_no(value) if isinstance(value, str) else value


YesNo = Annotated[bool, BeforeValidator(_yes)]


class Place(Block):
    """A place on the map."""

    latitude: Template = Field(description="Degrees, -90 to 90")
    longitude: Template = Field(description="Degrees, -180 to 180")
    label: Template | None = Field(None, description="Template of what stands beside it")


class Event(Block):
    """An entry for the person's calendar."""

    title: Template = Field(description="Template of its title")
    start: Template = Field(description="When it begins, e.g. `2026-12-01T10:00:00Z`")
    end: Template = Field(description="When it ends")
    description: Template | None = Field(None, description="Template of more about it")


class Suggestion(Block):
    """Something to tap: a reply, or an action."""

    reply: Template | None = Field(None, description="Template of a reply, at most 25 characters")
    text: Template | None = Field(None, description="Template of what an action says, at most 25 characters")
    open_url: Template | None = Field(None, description="Template of a URL that it opens")
    dial: Template | None = Field(None, description="Template of a phone number that it dials (+…)")
    location: Place | None = Field(None, description="A place that it shows on the map")
    share_location: YesNo = Field(False, description="Whether it asks for the person's location")
    calendar: Event | None = Field(None, description="An entry for the calendar")
    data: Template | None = Field(None, description="Template of what a tap sends back. Default: its text")


class CardMedia(Block):
    """A picture or video of a card."""

    url: Template = Field(description="Template of its URL, which the provider fetches")
    height: Literal["short", "medium", "tall"] | None = Field(None, description="How high it is shown")
    thumbnail: Template | None = Field(None, description="Template of the URL of a smaller picture")


class Card(Block):
    """A card: a picture, a title, a text, up to 4 suggestions."""

    title: Template | None = Field(None, description="Template of the title, at most 200 characters")
    description: Template | None = Field(None, description="Template of the text, at most 2,000 characters")
    media: CardMedia | None = Field(None, description="Picture or video")
    suggestions: list[Suggestion] = Field(default_factory=list, description="Below the card, at most 4")


class SingleCard(Card):
    """A card that stands alone."""

    orientation: Literal["vertical", "horizontal"] = Field("vertical", description="How it is laid out")
    image_side: Literal["left", "right"] = Field(
        "left", description="Side of the picture where it is horizontal"
    )


class Rcs(Block):
    """What an RCS message is made of: a text, a card, or a carousel."""

    text: Template | None = Field(
        None, description="Template of the text on this channel, instead of `message`"
    )
    card: SingleCard | None = Field(None, description="A card, instead of a text")
    carousel: list[Card] = Field(
        default_factory=list, description="2 to 10 cards side by side, instead of a text"
    )
    width: Literal["small", "medium"] = Field("medium", description="Width of the cards of a carousel")
    suggestions: list[Suggestion] = Field(
        default_factory=list, description="To tap below the message, at most 11"
    )
