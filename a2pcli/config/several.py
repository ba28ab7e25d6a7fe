"""``channels:`` and ``fallback:`` of a campaign: its channels in order of preference, and when the next is tried."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    WithJsonSchema,
)

from a2pcli import channels
from a2pcli.channels import REJECTED, UNDELIVERED
from a2pcli.config.senders import SenderChoice
from a2pcli.config.values import share_of

if TYPE_CHECKING:
    Channel = str
else:  # one list of channels, in their table
    Channel = Literal[channels.OFFERED]

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]

TAGS = frozenset({"channels in order", "channels with settings"})
"""What pydantic puts into the path of an error below ``channels``."""

_SPAN = re.compile(r"(\d{1,5})\s*(min|minutes?|h|hours?)", re.IGNORECASE | re.ASCII)
SHORTEST, LONGEST = 60, 72 * 3600
"""Seconds. No provider tells of a delivery sooner, or keeps a message much longer."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


def parse_span(text: str) -> int:
    """``30 min``, ``2 h`` in seconds. Raises ``ValueError`` (sentence, hint)."""
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"'{text}' is not a duration", "like 30 min or 2 h")
    seconds = int(found[1]) * (3600 if found[2][0].lower() == "h" else 60)
    if not SHORTEST <= seconds <= LONGEST:
        raise ValueError(f"'{text}' is too {'short' if seconds < SHORTEST else 'long'}", "1 min to 72 h")
    return seconds


def _checked(text: str) -> str:
    parse_span(text)
    return text.strip()


Share = Annotated[
    float,
    BeforeValidator(share_of),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": 1},
                {"type": "string", "pattern": r"^\s*\d{1,3}(\.\d{1,3})?\s*%\s*$"},
            ]
        }
    ),
]

Span = Annotated[
    str,
    AfterValidator(_checked),
    WithJsonSchema({"type": "string", "pattern": r"^\s*\d{1,5}\s*([Mm][Ii][Nn]|[Hh])[A-Za-z]*\s*$"}),
]


class ChannelSettings(_Strict):
    """One of the campaign's channels."""

    gateway: Text | None = Field(
        None,
        description="Gateway or route of this channel. Default: the campaign's `gateway`, or the settings'",
    )
    sender: SenderChoice | None = Field(
        None, description="Who messages of this channel come from. Default: from the gateway"
    )


def _shape(value: Any) -> str:
    return "channels with settings" if isinstance(value, dict) else "channels in order"


def _each_once(value: list[str]) -> list[str]:
    twice = next((one for place, one in enumerate(value) if one in value[:place]), None)
    if twice is not None:
        raise ValueError(f"'{twice}' is listed twice")
    return value


Channels = Annotated[
    Annotated[list[Channel], Field(min_length=1), AfterValidator(_each_once), Tag("channels in order")]
    | Annotated[dict[Channel, ChannelSettings], Field(min_length=1), Tag("channels with settings")],
    Discriminator(_shape),
]

Typed: TypeAlias = "list[str] | dict[str, ChannelSettings] | None"


def settings_by_channel(typed: Typed) -> dict[str, ChannelSettings]:
    """``channels:`` in one shape, in order of preference; empty where there is none."""
    if typed is None:
        return {}
    if isinstance(typed, dict):
        return dict(typed)
    return {name: ChannelSettings() for name in typed}


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Ending = Literal["rejected", "undelivered"]
_ENDINGS: tuple[Ending, ...] = (REJECTED, UNDELIVERED)


class Fallback(_Strict):
    """When the next channel is tried for a person."""

    when: Annotated[list[Ending], BeforeValidator(_listed)] = Field(
        default_factory=lambda: [*_ENDINGS],
        description="`rejected`: the gateway refuses the address or the message for good. `undelivered`: a delivery"
        " receipt says that the message did not arrive. Default: both",
    )
    after: Span | None = Field(
        None,
        description="Also if no receipt says within this time that the message was delivered, e.g. `30 min`; only"
        " through gateways that can revoke a message or let it expire",
    )

    expected: Share | None = Field(
        None,
        description="Share of people who will need the next channel, e.g. `20%`, for the likely cost of a plan while"
        " the ledger has no results of the channel and gateway",
    )

    @property
    def seconds(self) -> int | None:
        """``after`` in seconds."""
        return None if self.after is None else parse_span(self.after)
