"""The blocks of the channels that are not email: what a message has there besides the common text."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from a2pcli.config import values
from a2pcli.config.blocks import Block, Template

_TEXT = "Template of the text on this channel, instead of `message`"


def _rows(value: Any) -> Any:
    """A button that stands alone is a row of its own."""
    return [[one] if isinstance(one, dict) else one for one in value] if isinstance(value, list) else value


def _or_alone(schema: dict[str, Any]) -> None:
    """For editors: an item is a row or a single button."""
    row = schema["items"]
    schema["items"] = {"anyOf": [row["items"], row]}


def _yes(value: Any) -> Any:
    return values.parse_yes_no(value) if isinstance(value, str) else value


YesNo = Annotated[bool, BeforeValidator(_yes)]
Size = Annotated[
    int,
    BeforeValidator(lambda value: values.parse_size(value) if isinstance(value, str) else value),
    WithJsonSchema({"type": ["string", "integer"], "pattern": r"^\s*\d+(\.\d+)?\s*([kKmMgG]?[bB])?\s*$"}),
]


class Button(Block):
    """A button that opens a page."""

    text: Template = Field(description="Template of what the button says")
    url: Template = Field(description="Template of the URL that it opens, https:// or http://")


class Sms(Block):
    """What a text message has of its own."""

    text: Template | None = Field(None, description=_TEXT)


class MmsFile(Block):
    """A picture, sound or video."""

    url: Template = Field(description="Template of its URL, which the gateway fetches")
    type: Annotated[str, Field(pattern=r"^[a-z]+/[a-z0-9.+-]+$")] | None = Field(
        None, description="Its media type, e.g. `image/jpeg`. Default: by the end of the URL"
    )
    size: Size | None = Field(None, description="Its size, e.g. `340 kB`")


class Mms(Block):
    """What a multimedia message has besides its text."""

    text: Template | None = Field(None, description=_TEXT)
    subject: Template | None = Field(None, description="Template of the subject line")
    media: list[MmsFile] = Field(default_factory=list, description="Pictures, sounds or videos, at most 10")


class Telegram(Block):
    """What a Telegram message has besides its text."""

    text: Template | None = Field(None, description=_TEXT)
    parse_mode: Literal["HTML", "MarkdownV2"] | None = Field(
        None, description="What `text` is written in; values of columns are escaped. Default: plain text"
    )
    photo: Template | None = Field(
        None, description="Template of the URL of a picture; the text stands below it"
    )
    buttons: Annotated[list[list[Button]], BeforeValidator(_rows)] = Field(
        default_factory=list,
        description="Buttons below the message, each a row of its own or in a list with others beside it",
        json_schema_extra=_or_alone,
    )
    silent: YesNo = Field(False, description="Whether it arrives without a sound")
    link_preview: YesNo = Field(True, description="Whether the first link of the text is shown as a card")


Tag = Literal["CONFIRMED_EVENT_UPDATE", "POST_PURCHASE_UPDATE", "ACCOUNT_UPDATE", "HUMAN_AGENT"]


class Messenger(Block):
    """What a Messenger message has besides its text."""

    text: Template | None = Field(None, description=_TEXT)
    image: Template | None = Field(None, description="Template of the URL of a picture")
    buttons: list[Button] = Field(default_factory=list, description="Buttons below the text, at most 3")
    tag: Tag | None = Field(
        None, description="Meta's message tag, for a message more than 24 hours after the person wrote last"
    )


class Viber(Block):
    """What a Viber message has besides its text."""

    text: Template | None = Field(None, description=_TEXT)
    image: Template | None = Field(None, description="Template of the URL of a picture (JPEG)")
    button: Button | None = Field(None, description="A button below the text")
