"""The campaign file's schema: one pydantic model; the reference in the README is generated from it.

Scalars arrive as strings (the YAML is read untyped, so that ``21:00`` and ``NO`` stay what was typed);
pydantic turns them into what the field says. What concerns several keys at once is in ``cross.py``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    Discriminator,
    Field,
    Tag,
)

from a2pcli import channels
from a2pcli.config import chat, senders, values
from a2pcli.config.copy_rules import CopyRule, SenderChoices
from a2pcli.config.email import Email
from a2pcli.config.fields import (
    Channel,
    Days,
    Delimiter,
    Encoding,
    Hours,
    LocaleName,
    MediaUrl,
    Moment,
    Money,
    Name,
    Pace,
    ProgrammeName,
    Purpose,
    Region,
    ScheduleZone,
    Share,
    Strict,
    Template,
    Text,
    YesNo,
    Zone,
    in_utc,
)
from a2pcli.config.frequency import Frequencies
from a2pcli.config.rcs import Rcs
from a2pcli.config.retention import Age
from a2pcli.config.senders import SenderChoice
from a2pcli.config.several import Channels, Fallback
from a2pcli.config.values import Budget, Rate
from a2pcli.config.whatsapp import WhatsApp

__all__ = [
    "Budget",
    "Campaign",
    "ContactsSource",
    "Exclude",
    "Limits",
    "Rate",
    "Schedule",
    "Strict",
    "Variant",
]


class ContactsSource(Strict):
    """Where the people come from."""

    file: Text = Field(
        description="CSV, .xlsx, .parquet or .jsonl file, relative to the campaign; `-` is stdin"
    )
    columns: dict[str, Text] = Field(
        default_factory=dict,
        description="Names for columns: `phone: Mobile No.` reads the column `Mobile No.` as `phone`",
    )
    ignore: list[Text] = Field(
        default_factory=list,
        description="Columns that look like consent, an opt-out or a place but are not",
    )
    region: Region | None = Field(
        None,
        description="Two-letter region of numbers without +, in rows that name no country. Default: from the settings",
    )
    sheet: Text | None = Field(None, description="Sheet of a workbook. Default: the first")
    encoding: Encoding | None = Field(None, description="Character encoding, if detected wrongly")
    delimiter: Delimiter | None = Field(None, description="CSV delimiter, if detected wrongly")
    header: int | None = Field(None, ge=1, description="Line number of the header, if detected wrongly")
    hidden_rows: Literal["include", "exclude"] | None = Field(
        None,
        description="Rows that are hidden in a workbook (by a filter or by hand): `include` or `exclude`; required if"
        " there are any",
    )
    empty: Literal["ok", "error"] | None = Field(
        None,
        description="Whether a file without rows is an `error` or `ok`. Default: `error` for marketing, `ok` for other"
        " purposes",
    )


class Exclude(Strict):
    """People to exclude, beyond the suppression list."""

    runs: list[Text] = Field(
        default_factory=list, description="Run ids or campaign names whose recipients are excluded"
    )
    file: Text | None = Field(None, description="A contacts file whose people are excluded")


class Variant(Strict):
    """One arm of a split test."""

    message: Template | None = Field(None, description="Message template of this variant")
    subject: Template | None = Field(
        None, description="Email: subject line of this variant, instead of the block's"
    )
    html: Template | None = Field(None, description="Email: HTML of this variant, instead of the block's")
    weight: int = Field(1, ge=1, le=1_000_000, description="Its share, relative to the other variants")


class Schedule(Strict):
    """When messages may be sent."""

    not_before: Moment | None = Field(
        None, description="Nothing is sent before this time, e.g. `2026-03-01 09:00`"
    )
    expires: Moment | None = Field(
        None, description="Nothing is sent after this time, e.g. `2026-03-03 21:00`"
    )
    timezone: ScheduleZone = Field(
        "UTC",
        description="Time zone of the times above, e.g. `Europe/London`; `recipient`: each person's local time",
    )
    window: Hours | None = Field(
        None,
        description="Sending hours in the recipient's local time, e.g. `09:00-20:00`, in addition to the legal hours",
    )
    days: list[Days] | None = Field(
        None, min_length=1, description="Sending days, e.g. `[mon, tue, wed]` or `[mon-fri]`"
    )
    holidays: Literal["allow", "avoid"] = Field(
        "allow", description="`avoid`: nothing is sent on public holidays where the recipient is"
    )
    unknown_zone: Zone | None = Field(
        None,
        description="Time zone assumed for people whose time zone is unknown. Without it, their messages are held",
    )

    def in_recipient_time(self, moment: datetime | None) -> bool:
        """Whether a moment of the schedule comes at another time for each person; one with an offset does not."""
        return moment is not None and moment.tzinfo is None and self.timezone == values.RECIPIENT

    @property
    def starts_at(self) -> datetime | None:
        """``not_before`` in UTC; None where it is in each person's time. An hour that comes twice means the second:
        never too early."""
        if self.in_recipient_time(self.not_before):
            return None
        return in_utc(self.not_before, self.timezone, fold=1)

    @property
    def ends_at(self) -> datetime | None:
        """``expires`` in UTC; None where it is in each person's time. An hour that comes twice means the first: never
        too late."""
        if self.in_recipient_time(self.expires):
            return None
        return in_utc(self.expires, self.timezone, fold=0)


class Limits(Strict):
    """Safety limits, checked before the first message."""

    parts: int | None = Field(
        None, ge=1, le=255, description="Maximum SMS parts per message. Default: from the settings"
    )
    cost: Money | None = Field(
        None, description="Budget with currency, e.g. `50 GBP`; a more expensive plan cannot be sent"
    )
    rate: Pace | None = Field(
        None, description="Sending rate, e.g. `20/s`, `600/min` or `20 parts/s`; never above the gateway's"
    )
    recipients: int | None = Field(None, ge=1, description="Maximum recipients; a larger plan is refused")
    unpriced: Literal["allow", "exclude"] = Field(
        "allow", description="What to do with messages whose price is unknown"
    )
    frequency: Frequencies | None = Field(
        None,
        description="Frequency cap of this campaign per person, e.g. `2 per 7 days`, or a list; `1 per 24 h per"
        " subject` counts those of other campaigns on the same subject",
    )


class Dlt(Strict):
    """A template registered on India's distributed ledger (TRAI, TCCCPR 2018)."""

    template: Text = Field(description="The template's id")
    entity: Text | None = Field(
        None, description="Principal entity id. Default: the sender's `dlt-entity` in the settings"
    )
    text: Template | None = Field(
        None,
        description="Template text, with `{#var#}` for variables. Default: the sender's in the settings",
    )


def _file_or_mapping(value: Any) -> str:
    return "mapping" if isinstance(value, (dict, ContactsSource)) else "file"


Contacts = Annotated[
    Annotated[Text, Tag("file")] | Annotated[ContactsSource, Tag("mapping")], Discriminator(_file_or_mapping)
]


class Campaign(Strict):
    """A campaign file."""

    name: Name = Field(description="Identifies the campaign permanently: nobody gets the same campaign twice")
    objective: Text = Field(description="What the campaign is for, in a sentence")
    purpose: Purpose = Field(description="Decides which rules apply")
    contacts: Contacts = Field(description="The contacts file, or a mapping that says how to read it")
    programme: ProgrammeName | None = Field(
        None,
        description="What people sign up for and opt out of, e.g. `news`; opt-outs and consents can be limited to it."
        " Default: from the settings",
    )
    subject: Text | None = Field(
        None,
        description="Subject of the messages, for caps that count by subject; a message without one counts for"
        " every subject",
    )
    consent: Literal["required", "assumed"] | None = Field(
        None,
        description="`required`: only people with proof of consent, by a record in the ledger or in the contacts file"
        " (when and how). Default: from the settings",
    )
    verified: Age | None = Field(
        None,
        description="Only addresses whose owner entered a one-time code within this period, e.g. `365 days`; `forever`:"
        " at any time (`a2pcli otp`)",
    )
    countries: list[Region] | None = Field(
        None,
        min_length=1,
        description="Only numbers of these countries, e.g. `[GB, IE]`; GB includes Guernsey, Jersey and the Isle of"
        " Man, which share its numbers",
    )
    where: Template | None = Field(
        None,
        description="A Jinja expression; only rows for which it is true are messaged. `country` is the number's"
        " country, if the file has no such column",
    )
    exclude: Exclude = Field(default_factory=Exclude, description="People to exclude")
    channel: Channel = Field(
        channels.DEFAULT,
        description="Channel of the message, which decides the kind of address: phone numbers for sms and mms, email"
        " addresses, chat ids",
    )
    channels: Channels | None = Field(
        None,
        description="Instead of channel: several, in order of preference, e.g. `[whatsapp, sms]`; or a mapping with the"
        " gateway and sender of each. Each person gets the message by the first that may be used for them",
    )
    fallback: Fallback | None = Field(
        None,
        description="When the next of the channels is tried for a person. Without it, one channel is tried for each",
    )
    gateway: Text | None = Field(
        None, description="Gateway or route named in a2pcli.yaml. Default: the settings' default gateway"
    )
    sender: SenderChoice | None = Field(
        None,
        description="Number, short code or name (at most 11 characters) it comes from, or an address for email; a"
        " list of them (each person always gets the same one), or `GB: ACME` lines by country with `default`. Default:"
        " from the gateway",
    )
    message: Template | None = Field(
        None, description="The message, a Jinja template over the contact's columns"
    )
    survey: Text | None = Field(
        None,
        description="Instead of message: a survey (`surveys/NAME.yaml`), whose first question is the message",
    )
    variants: dict[str, Variant] | None = Field(
        None, description="Instead of message: the variants of a split test"
    )
    email: Email | None = Field(None, description="What an email has besides its text")
    sms: chat.Sms | None = Field(None, description="What a text message has of its own")
    mms: chat.Mms | None = Field(None, description="What an MMS has besides its text")
    telegram: chat.Telegram | None = Field(None, description="What a Telegram message has besides its text")
    messenger: chat.Messenger | None = Field(
        None, description="What a Messenger message has besides its text"
    )
    viber: chat.Viber | None = Field(None, description="What a Viber message has besides its text")
    viber_business: chat.Viber | None = Field(
        None, description="What a Viber business message has besides its text"
    )
    whatsapp: WhatsApp | None = Field(None, description="What a WhatsApp message is made of")
    rcs: Rcs | None = Field(None, description="What an RCS message is made of")
    holdout: Share | None = Field(
        None, description="Control group: share of people who get no message, e.g. `5%`"
    )
    media: list[MediaUrl] = Field(default_factory=list, description="URLs of pictures or files, for mms")
    smart: YesNo | None = Field(
        None, description="Replace typographic characters where that avoids UCS-2. Default: from the settings"
    )
    locale: LocaleName | None = Field(
        None, description="Locale of the money and date filters, e.g. `en_GB`. Default: from the settings"
    )
    occurrence: Text = Field(
        "once",
        description="once, daily, weekly, monthly, yearly (days in `schedule.timezone`, or in this machine's zone) or"
        " any text: nobody is messaged twice within one occurrence",
    )
    once_per: Template | None = Field(
        None,
        description="A template, e.g. `{{ appointment_id }}`: one message per person and value",
    )
    schedule: Schedule = Field(default_factory=Schedule, description="When messages may be sent")
    limits: Limits = Field(default_factory=Limits, description="Safety limits")
    waive: dict[CopyRule, Text] = Field(
        default_factory=dict,
        description="Copy rules that this campaign may break, each with a reason, which is recorded: "
        "`shortener: our own domain`",
    )
    dlt: Dlt | None = Field(None, description="India: the registered template of the message")

    @property
    def senders(self) -> SenderChoices:
        """``sender`` in one shape."""
        return senders.choices(self.sender)

    @property
    def sender_names(self) -> dict[str, str]:
        """Display names of email senders, by address."""
        return senders.names(self.sender)

    @property
    def own_sender(self) -> str | None:
        """The run's own sender; None where the gateway, a pool or the country chooses."""
        return self.senders.own

    @property
    def source(self) -> ContactsSource:
        """``contacts`` in its long form."""
        return (
            self.contacts if isinstance(self.contacts, ContactsSource) else ContactsSource(file=self.contacts)
        )
