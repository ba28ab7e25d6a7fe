"""``otp:`` of the settings: one-time passwords, and the limits that keep them from being abused."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema

from a2pcli.config.fields import Channel, Region, Strict, Template, Text
from a2pcli.config.listen import EnvironmentName

TEXT = "{{ code }} is your {{ service }} code. It expires in {{ minutes }} minutes. Do not share it."
"""The default text; it fits one SMS part with the origin-bound line of a usual domain."""

_HOST = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}", re.IGNORECASE)


def _host(typed: str) -> str:
    host = typed.strip().lower()
    if not _HOST.fullmatch(host):
        raise ValueError(
            f"'{typed.strip()[:80]}' is not a domain", "the site where the code is entered: example.com"
        )
    return host


Host = Annotated[str, AfterValidator(_host), WithJsonSchema({"type": "string"})]


class OtpSettings(Strict):
    """One-time passwords: how they are sent, how long they hold, and to whom they may go."""

    secret: EnvironmentName | None = Field(
        None,
        description="The key of the HMAC by which codes are stored, as `${NAME}`: at least 32 characters"
        " (`openssl rand -hex 32`)",
    )
    gateway: Text | None = Field(
        None, description="Gateway that sends codes; default: the settings' `gateway`"
    )
    channel: Channel = Field("sms", description="Channel that codes are sent by")
    sender: Text | None = Field(None, description="Sender of codes; default: the gateway's")
    service: Text | None = Field(None, description="Your company or app, by the name that people know")
    text: Template = Field(
        TEXT, description="Text of the message: a template with `code`, `service` and `minutes`"
    )
    texts: dict[str, Template] = Field(
        default_factory=dict, description="Texts in other languages, by language: `de`, `pt-BR`"
    )
    origin: Host | None = Field(
        None,
        description="Domain of the site where the code is entered: adds the line `@example.com #123456`, so that"
        " phones fill in the code on that site only",
    )
    digits: int = Field(6, ge=4, le=10, description="Digits of a code")
    minutes: int = Field(5, ge=1, le=60, description="Minutes for which a code is valid")
    attempts: int = Field(
        5, ge=1, le=10, description="Wrong entries after which a code is void, counted over resent codes too"
    )
    resend: int = Field(
        30, ge=10, le=3600, description="Seconds until another code can be sent; doubled each time"
    )
    per_hour: int = Field(5, ge=1, le=100, description="Codes that one address gets in an hour")
    per_day: int = Field(10, ge=1, le=500, description="Codes that one address gets in 24 hours")
    countries: list[Region] = Field(
        default_factory=list,
        description="Countries that codes are sent to; default: the settings' `region` alone. Codes to other"
        " countries are refused",
    )
    slack: int = Field(
        1,
        ge=1,
        le=100,
        description="Multiplies the numbers of unverified codes that a range of numbers may have before it is blocked;"
        " raise it for a launch with many new users in a short time",
    )
