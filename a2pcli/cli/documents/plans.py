"""What ``check``, ``plan`` and ``preview`` print with ``--json``."""

from __future__ import annotations

from typing import Annotated, Any, NotRequired

from typing_extensions import TypedDict

from a2pcli.cli.documents.shapes import (
    CostByCurrency,
    Counts,
    FallbackBasis,
    Money,
    Problem,
    Waiver,
    says,
)

ReadAs = Annotated[dict[str, list[str]], says("facts about a person, and the columns they were read from")]


class CheckedCampaign(TypedDict):
    """A campaign file that ``check`` looked at."""

    path: str
    name: str | None
    errors: int
    warnings: int
    waivers: list[Waiver]
    read_as: ReadAs


class Check(TypedDict):
    """``a2pcli check``."""

    problems: list[Problem]
    campaigns: list[CheckedCampaign]


class Sample(TypedDict):
    """A message as somebody gets it."""

    line: Annotated[int, says("of the contacts file")]
    number: str
    country: str | None
    body: str
    encoding: Annotated[str, says("GSM-7 or UCS-2")]
    units: int
    parts: int
    cost: Money | None
    currency: str | None
    variant: str | None
    sender: str | None
    channel: NotRequired[Annotated[str, says("if it is not the plan's")]]
    content: NotRequired[
        Annotated[dict[str, Any], says("what the channel sends beside the text, but for HTML")]
    ]


class ContactsFile(TypedDict):
    """How the contacts file was read."""

    file: str
    format: str
    encoding: str | None
    encoding_guessed: bool
    delimiter: str | None
    blank_rows: int
    read_as: ReadAs


class ClockOpening(TypedDict):
    """Messages that may leave at the same moment."""

    until: Annotated[int, says("UTC milliseconds since 1970")]
    messages: int
    zones: list[str]
    rules: list[str]


class Clock(TypedDict):
    """When the messages may leave, by the recipients' hours."""

    at: Annotated[int, says("the earliest moment, UTC milliseconds since 1970")]
    open: Annotated[int, says("messages that can be sent then")]
    held: int
    unknown_zone: int
    expires_first: Annotated[int, says("messages that expire before their permitted hours")]
    openings: list[ClockOpening]
    place_problems: Annotated[int, says("rows whose time zone, state or postcode could not be read")]


class Leaving(TypedDict):
    """How many of the recipients' messages can leave in time."""

    going: int
    expired: int
    late: Annotated[int, says("messages that would be sent after schedule.expires at this rate")]
    never: int
    unknown_zone: int
    finishes_at: Any


class PlanChannel(TypedDict):
    """One of several channels of a plan."""

    channel: str
    gateway: str
    sender: str | None
    recipients: Annotated[int, says("people who are messaged by it first")]
    fallbacks: Annotated[int, says("people for whom it is tried after another")]


class PlanRouteGateway(TypedDict):
    """One gateway of a plan's route."""

    recipients: Annotated[int, says("people whose messages are meant for it")]
    cost: CostByCurrency
    unpriced: Annotated[int, says("of these, messages without a known price")]
    places: Annotated[Counts, says("by the rule that says so: a country, a prefix, other")]
    stands_in_for: Annotated[int, says("people whose message it may take if another gateway cannot")]


class PlanRoute(TypedDict):
    """The gateways that share a plan's messages and stand in for each other."""

    name: str
    gateways: dict[str, PlanRouteGateway]
    rules: Annotated[dict[str, Any], says("by place: how gateways are put in order, and which")]
    most: Annotated[CostByCurrency, says("cost by the dearest gateway that each message may go by")]
    unpriced_stand_ins: Annotated[int, says("messages of known cost that a gateway without a price may take")]
    without_stand_in: Annotated[int, says("people whose message only one gateway may take")]


class Fallback(TypedDict):
    """When the next channel is tried."""

    when: Annotated[list[str], says("rejected, undelivered")]
    after: Annotated[int | None, says("seconds without a receipt that it was delivered; null if not at all")]


class QuotaLeft(TypedDict):
    """What is used and left of one quota."""

    quota: Annotated[str, says("like 10,000/day")]
    of: Annotated[str, says("whose it is: a gateway's account or a sender")]
    used: int
    left: int
    resets_at: Annotated[Any, says("when what would be sent at the start counts no more")]


class Capacity(TypedDict):
    """When a plan is done under paces, quotas and people's hours."""

    starts_at: Any
    finishes_at: Annotated[Any, says("when the last message is sent; null if it cannot be told")]
    quotas: list[QuotaLeft]
    others: Annotated[
        Counts, says("messages that other runs still have to send within the same quotas, by run")
    ]


class Plan(TypedDict):
    """``a2pcli plan``, and ``send --dry-run``."""

    plan: Annotated[str, says("the plan's id, for send --plan")]
    digest: Annotated[str, says("of recipients and texts")]
    state: str
    campaign: str
    purpose: str
    channel: str
    gateway: str
    delivers: Annotated[bool | None, says("whether messages are sent to a provider; null if unknown")]
    instead: Annotated[str | None, says("what happens to them instead, like: written to a file")]
    sender: str | None
    objective: str
    occurrence: str
    zone: Annotated[str | None, says("time zone of the campaign's moments")]
    contacts: ContactsFile
    where: Annotated[str | None, says("the campaign's filter")]
    limit: int | None
    programme: str | None
    unsubscribe: Annotated[
        str | None, says("beginning of the recipients' unsubscribe links; null if no message has one")
    ]
    consent: str | None
    waivers: list[Waiver]
    senders: Annotated[Counts, says("recipients by sender")]
    rated: Annotated[bool, says("whether there is a rate card")]
    seconds: Annotated[float | None, says("how long sending takes at this rate")]
    leaving: Leaving
    capacity: Annotated[Capacity | None, says("null if no quota binds the plan")]
    rows: Annotated[int, says("rows read; equals recipients plus the sum of excluded")]
    recipients: int
    excluded: Annotated[Counts, says("rows by reason")]
    countries: Counts
    encodings: Counts
    messages_by_parts: Annotated[Counts, says("messages by their number of SMS parts")]
    parts: Annotated[int, says("SMS parts of all messages")]
    total_parts: Annotated[int, says("the same as parts, under its name of version 1")]
    repairs: Counts
    variants: Counts
    replaced: Annotated[int, says("messages with replaced typographic characters")]
    cost: CostByCurrency
    unpriced: Annotated[int, says("messages without a known price")]
    unpriced_countries: Counts
    samples: list[Sample]
    clock: Clock | None
    no_hours: Annotated[list[str], says("countries without permitted hours")]
    time_zone_data: str
    channels: NotRequired[
        Annotated[list[PlanChannel], says("campaigns of several channels, in order of preference")]
    ]
    fallback: NotRequired[Annotated[Fallback | None, says("when the next channel is tried; null for never")]]
    routes: NotRequired[Annotated[dict[str, PlanRoute], says("campaigns that go by a route, by channel")]]
    most: NotRequired[
        Annotated[
            CostByCurrency,
            says("cost if everybody falls back to everything, and by the dearest gateway of a route"),
        ]
    ]
    likely: NotRequired[
        Annotated[CostByCurrency | None, says("likely cost with fallbacks; null if not known")]
    ]
    likely_from: NotRequired[Annotated[list[FallbackBasis], says("what the likely cost is based on")]]
    unpriced_fallbacks: NotRequired[Annotated[int, says("people with a fallback without a known price")]]
    stand_ins: NotRequired[
        Annotated[StandIns, says("free texts that a template replaces if their service window closes")]
    ]
    over_budget: Annotated[str | None, says("why the plan cannot be sent")]
    warnings: list[Problem]


class StandIns(TypedDict):
    """Free texts that an approved template replaces if their service window closes before their turn."""

    messages: int
    templates: Annotated[Counts, says("messages by template")]
    more: Annotated[CostByCurrency, says("how much more they may cost")]
    unpriced: Annotated[int, says("messages whose template has no known price")]


class PreviewVersion(TypedDict):
    """A row and its message by one channel."""

    line: int
    channel: str
    cell: str | None
    number: str | None
    country: str | None
    type: str | None
    repairs: list[str]
    sent: bool
    instead: NotRequired[
        Annotated[bool, says("replaces the version before if its service window has closed")]
    ]
    reason: str | None
    detail: str | None
    variant: str | None
    sender: str | None
    rule: str | None
    body: str | None
    content: dict[str, Any] | None
    encoding: str | None
    units: int | None
    parts: int | None
    cost: Money | None
    currency: str | None
    replacements: list[Any]


class PreviewRow(PreviewVersion):
    """A row and its message, by the channel that is chosen for it."""

    versions: NotRequired[
        Annotated[
            list[PreviewVersion],
            says("campaigns of several channels: by the others, in order"),
        ]
    ]


class Preview(TypedDict):
    """``a2pcli preview``."""

    campaign: str
    rows: list[PreviewRow]
