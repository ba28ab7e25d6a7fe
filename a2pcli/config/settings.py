"""The settings file's schema (``a2pcli.yaml``, found beside the campaign or above it)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from a2pcli.config.copy_rules import CopyRule, Strictness
from a2pcli.config.fields import LocaleName, Pace, ProgrammeName, Region, Strict, Template, Text, YesNo
from a2pcli.config.frequency import Frequencies
from a2pcli.config.law import LawRules, OwnHours
from a2pcli.config.listen import EnvironmentName, ListenSettings
from a2pcli.config.otp import OtpSettings
from a2pcli.config.quotas import parse_quotas
from a2pcli.config.receipts import ReceiptSettings
from a2pcli.config.replies import RepliesSettings
from a2pcli.config.retention import Retention
from a2pcli.config.routes import RouteSettings
from a2pcli.config.senders import Sender


class Numbers(Strict):
    """Which numbers are accepted."""

    allow_fictional: YesNo = Field(
        False, description="Accept fictional numbers (07700 900xxx, 555-01xx), for samples and tests"
    )
    allow_fixed_line: YesNo = Field(False, description="Accept fixed-line numbers for SMS")


class Parts(Strict):
    """Limits for message length."""

    warn: int = Field(3, ge=1, le=255, description="Warn above this many parts")
    refuse: int = Field(6, ge=1, le=255, description="Exclude messages above this many parts")


def _quotas(typed: Any) -> Any:
    parse_quotas(typed)
    return [typed] if isinstance(typed, str) else typed


_QUOTA = {"type": "string", "pattern": r"^\s*\d[\d ,_.]*[kKmM]?\s*([A-Za-z]+\s*)?(/|[Pp][Ee][Rr]|[Aa])\s*.+$"}
Quotas = Annotated[
    list[str],
    BeforeValidator(_quotas),
    WithJsonSchema({"anyOf": [_QUOTA, {"type": "array", "items": _QUOTA, "minItems": 1}]}),
]


class SenderFacts(Strict):
    """A sender's registrations, countries and rate."""

    countries: list[Region] = Field(
        default_factory=list,
        description="Countries where it may be used. Default: everywhere that allows its kind",
    )
    registrations: dict[str, Text] = Field(
        default_factory=dict,
        description="Ids of its registrations by name: `10dlc`, `dlt-entity`, `dlt-header`, `ssir`, …",
    )
    dlt_templates: dict[str, Template] = Field(
        default_factory=dict, description="India: texts of the templates registered for it, by their ids"
    )
    rate: Pace | None = Field(None, description="Sending rate of this sender, e.g. `1/s`")
    quota: Quotas | None = Field(
        None, description="Quota of this sender, e.g. `1,000/day`, or a list of quotas"
    )


Hook = Annotated[list[Text], BeforeValidator(lambda typed: [typed] if isinstance(typed, str) else typed)]


class Hooks(Strict):
    """Commands and URLs that are told how a send ended."""

    paused: Hook = Field(
        default_factory=list, description="When a run is paused: gateway, budget, interruption"
    )
    finished: Hook = Field(default_factory=list, description="When a run is finished, with its totals")
    failed: Hook = Field(default_factory=list, description="When an error ends `send`")
    alarm: Hook = Field(
        default_factory=list,
        description="When one-time passwords to a range of numbers are blocked, at most once an hour for each range",
    )


class Programme(Strict):
    """A programme: what people sign up for and leave."""

    frequency: Frequencies | None = Field(
        None,
        description="Frequency cap for the programme's marketing messages per person, e.g. `1 per day`, or a list",
    )
    title: Text | None = Field(None, description="Its name for people, in confirmations of STOP and for HELP")
    contact: Text | None = Field(None, description="Where its people get help, for HELP")
    how_often: Text | None = Field(None, description="How often you write to its people, for HELP")


class Settings(Strict):
    """A settings file. Every key is optional."""

    ledger: Text = Field(".a2pcli/ledger.db", description="Path of the SQLite ledger, or a postgresql:// URL")
    ledger_key: EnvironmentName | None = Field(
        None,
        description="Where the key of an encrypted ledger is: `${NAME}` of an environment variable or "
        "`${keyring:SERVICE/NAME}`; "
        "`A2PCLI_LEDGER_KEY` is used if this is not set",
    )
    retention: Retention = Field(
        default_factory=Retention, description="How long data is kept before `a2pcli prune` deletes it"
    )
    region: Region | None = Field(
        None, description="Two-letter region of numbers without +, in rows that name no country"
    )
    locale: LocaleName = Field("en", description="Locale of the money and date filters")
    gateway: Text = Field("outbox", description="Default gateway of campaigns, or route")
    gateways: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="Gateways by name: `type` and the keys of that type; `${NAME}` reads the environment, "
        "`${keyring:SERVICE/NAME}` the keyring",
    )
    routes: dict[str, RouteSettings] = Field(
        default_factory=dict,
        description="Routes by name: several gateways that share a campaign's messages and stand in for each other; a"
        " campaign names a route as its `gateway`",
    )
    programme: ProgrammeName | None = Field(
        None, description="Default programme of campaigns: what people subscribe to and opt out of"
    )
    frequency: Frequencies | None = Field(
        None,
        description="Frequency cap for marketing per person across all campaigns, e.g. `3 per 7 days`, or a list",
    )
    programmes: dict[ProgrammeName, Programme] = Field(
        default_factory=dict, description="Settings of a programme"
    )
    consent: Literal["required", "assumed"] = Field(
        "assumed",
        description="Whether marketing campaigns need proof of consent for each person, unless they say otherwise",
    )
    optout_list_days: int = Field(
        31,
        ge=1,
        le=3650,
        description="Plans warn if an imported do-not-contact list is older than this many days",
    )
    replies: RepliesSettings = Field(
        default_factory=RepliesSettings,
        description="What the ledger keeps of people's replies, and how they are answered",
    )
    receipts: ReceiptSettings = Field(
        default_factory=ReceiptSettings,
        description="What follows from delivery receipts, and from none",
    )
    listen: ListenSettings = Field(
        default_factory=ListenSettings,
        description="How `a2pcli listen` receives delivery receipts and replies from providers",
    )
    otp: OtpSettings = Field(
        default_factory=OtpSettings,
        description="One-time passwords: `a2pcli otp` and `/otp` of `a2pcli listen`",
    )
    rates: Text | None = Field(None, description="Rate card CSV, relative to this file")
    smart: YesNo = Field(True, description="Replace typographic characters where that avoids UCS-2")
    numbers: Numbers = Field(default_factory=Numbers, description="Which numbers are accepted")
    parts: Parts = Field(default_factory=Parts, description="Limits for message length")
    rules: dict[CopyRule, Strictness] = Field(
        default_factory=dict,
        description="How strict each copy rule is: `off`, `warning` or `error` (an error stops a plan)",
    )
    senders: dict[Sender, SenderFacts] = Field(
        default_factory=dict, description="Senders: registrations, countries, rate"
    )
    hours: OwnHours | None = Field(
        None,
        description="Your own sending hours for marketing, in addition to the legal hours: `08:00-21:00`, "
        "lines like `mon-fri: 09:00-18:00`, or `GB: 08:00-21:00` by country with `default` for the others",
    )
    hooks: Hooks = Field(
        default_factory=Hooks,
        description="Commands (started without a shell, the event as JSON on standard input) or URLs (a JSON POST), or "
        "lists of them, that are notified how `send` ended",
    )
    law: LawRules = Field(
        default_factory=dict,
        description="Rules of law that this project switches off, changes or adds, by id; or the file that contains"
        " them",
    )
