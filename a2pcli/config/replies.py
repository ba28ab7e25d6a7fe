"""``replies:`` of the settings: what is kept of what people write back, and how they are answered."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema

from a2pcli.config.fields import Region, Strict, Template, Text, YesNo

Language = Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, pattern=r"^[A-Za-z]{2,3}$")]


def _texts(value: object) -> object:
    """One text for every language, or a text by language."""
    return {"*": value} if isinstance(value, str) else value


LanguageOrAll = Annotated[
    str, StringConstraints(strip_whitespace=True, to_lower=True, pattern=r"^(\*|[A-Za-z]{2,3})$")
]
Texts = Annotated[
    dict[LanguageOrAll, Template],
    BeforeValidator(_texts),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {"type": "object", "additionalProperties": {"type": "string", "minLength": 1}},
            ]
        }
    ),
]


class Confirmations(Strict):
    """What is answered to STOP, START and HELP."""

    send: Literal["auto", "always", "never"] = Field(
        "auto",
        description="Whether a2pcli confirms STOP and START and answers HELP: `auto`: for gateways whose provider"
        " does not do it by itself",
    )
    gateways: dict[str, YesNo] = Field(
        default_factory=dict,
        description="By gateway: `yes` if a2pcli confirms (switch it off at the provider), `no` if not",
    )
    name: Text | None = Field(None, description="Your name or brand, at the beginning of each text")
    contact: Text | None = Field(
        None, description="Where people get help: a phone number, an address or a page"
    )
    how_often: Text | None = Field(
        None, description="How often you write, for HELP: `Up to 4 messages a month`"
    )
    language: Language | None = Field(
        None, description="Language of people whose country does not tell. Default: that of `locale`"
    )
    languages: dict[Region, Language] = Field(
        default_factory=dict, description="Language by country, where it differs from the usual one"
    )
    stop: Texts = Field(default_factory=dict, description="Your own confirmation of STOP, or one by language")
    start: Texts = Field(
        default_factory=dict, description="Your own confirmation of START, or one by language"
    )
    help: Texts = Field(default_factory=dict, description="Your own answer to HELP, or one by language")


class RepliesSettings(Strict):
    """What the ledger keeps of what people write back, and how they are answered."""

    texts: Literal["keep", "drop"] = Field(
        "drop",
        description="Whether the ledger keeps the texts of replies and of answers, or only how they were understood",
    )
    scope: Literal["everything", "programme", "sender"] = Field(
        "everything",
        description="What a STOP is for: every message, the programme of the newest message to the person, or the "
        "sender that they wrote to. In doubt, everything",
    )
    confirmations: Confirmations = Field(
        default_factory=Confirmations, description="What is answered to STOP, START and HELP"
    )
