"""The campaign file's schema: one pydantic model; the reference in the README is generated from it.

Scalars arrive as strings (the YAML is read untyped, so that ``21:00`` and ``NO`` stay what was typed);
pydantic turns them into what the field says.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Purpose = Literal["marketing", "transactional", "otp", "emergency"]
Channel = Literal["sms", "mms"]


class Strict(BaseModel):
    """Unknown keys are errors; values are frozen once read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ContactsSource(Strict):
    """Where the people come from."""

    file: str = Field(
        description="CSV, .xlsx, .parquet or .jsonl file, relative to the campaign; `-` is stdin"
    )
    columns: dict[str, str] = Field(
        default_factory=dict,
        description="Names for columns: `phone: Mobile No.` reads the column `Mobile No.` as `phone`",
    )
    region: str | None = Field(
        None, description="Two-letter region of numbers written without +; else the settings'"
    )
    sheet: str | None = Field(None, description="The sheet of a workbook; else its first")
    encoding: str | None = Field(None, description="Character encoding, where the detected one is wrong")
    delimiter: str | None = Field(None, description="CSV delimiter, where the detected one is wrong")


class Exclude(Strict):
    """People to leave out, beyond the suppression list."""

    runs: list[str] = Field(
        default_factory=list, description="Run ids, or names of campaigns, whose recipients stay out"
    )
    file: str | None = Field(None, description="A contacts file whose numbers stay out")


class Variant(Strict):
    """One arm of a split test."""

    message: str = Field(description="This arm's message template")
    weight: int = Field(1, ge=1, description="Its share, relative to the other arms")


class Schedule(Strict):
    """When messages may leave."""

    not_before: datetime | None = Field(None, description="Nothing leaves before this moment")
    expires: datetime | None = Field(None, description="What has not left by this moment never leaves")
    timezone: str = Field("UTC", description="IANA zone of the moments above, e.g. Europe/London")


class Limits(Strict):
    """Bounds that stop a mistake before the first message."""

    parts: int | None = Field(
        None, ge=1, le=255, description="Most SMS parts a message may have; else the settings'"
    )
    cost: str | None = Field(None, description="Budget with currency, e.g. `50 GBP`; the plan stops above it")
    rate: str | None = Field(
        None, description="Pace, e.g. `20/s` or `600/min`, `20 parts/s`; never above the gateway's"
    )
    recipients: int | None = Field(None, ge=1, description="The plan is refused above this many recipients")
    unpriced: Literal["allow", "exclude"] = Field(
        "allow", description="What to do with destinations without a price"
    )


class Campaign(Strict):
    """A campaign file."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")] = Field(
        description="Identifies the campaign for ever: nobody gets the same campaign twice"
    )
    objective: str = Field(description="What the campaign is for, in a sentence")
    purpose: Purpose = Field(description="Decides which rules bind")
    contacts: str | ContactsSource = Field(
        description="The contacts file, or a mapping that says how to read it"
    )
    where: str | None = Field(
        None, description="A Jinja expression; only rows for which it is true are messaged"
    )
    exclude: Exclude = Field(default_factory=Exclude, description="People to leave out")
    channel: Channel = Field("sms", description="How the message travels")
    gateway: str | None = Field(
        None, description="A gateway named in a2pcli.yaml; else the settings' default"
    )
    sender: str | None = Field(None, description="Number or name the message comes from; else the gateway's")
    message: str | None = Field(None, description="The message, a Jinja template over the contact's columns")
    variants: dict[str, Variant] | None = Field(
        None, description="Instead of message: the arms of a split test"
    )
    holdout: str | None = Field(None, description="Share never messaged, for comparison, e.g. `5%`")
    media: list[str] = Field(default_factory=list, description="URLs of pictures or files, for mms")
    smart: bool | None = Field(
        None, description="Replace typographic characters where that saves UCS-2; else the settings'"
    )
    locale: str | None = Field(
        None, description="Locale of the money and date filters, e.g. en_GB; else the settings'"
    )
    occurrence: str = Field(
        "once",
        description="once, daily, weekly, monthly, yearly or any text: nobody is messaged twice within one",
    )
    once_per: str | None = Field(
        None,
        description="A template, e.g. `{{ appointment_id }}`: one message per person and value",
    )
    schedule: Schedule = Field(default_factory=Schedule, description="When messages may leave")
    limits: Limits = Field(default_factory=Limits, description="Bounds that stop a mistake")


class Budget(Strict):
    """``limits.cost`` once read."""

    amount: Decimal
    currency: str
