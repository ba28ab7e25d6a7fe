"""``events.yaml``: events that other systems report, and the campaign that each of them sends to one person."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema

from a2pcli.config.document import Document, read_document
from a2pcli.config.examine import Examined, examine
from a2pcli.config.fields import Money, Strict, Text, YesNo
from a2pcli.config.frequency import Cap, parse_frequency
from a2pcli.config.listen import EnvironmentName
from a2pcli.dataclass import dataclass
from a2pcli.errors import Problem

FILE = "events.yaml"
EVENTS = "events"
"""The column of a digest that holds all events."""

SOURCES = ("shopify", "woocommerce", "stripe", "calendly", "hubspot", "webhook")
_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_SPAN = re.compile(r"(\d{1,4})\s*(s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)", re.IGNORECASE)


def parse_span(text: str) -> int:
    """``10 min``, ``1 h``, ``2 days`` in milliseconds. Raises ``ValueError`` (sentence, hint)."""
    found = _SPAN.fullmatch(text.strip())
    span = int(found[1]) * _UNITS[found[2][0].lower()] if found else 0
    if not 0 < span <= 31 * _UNITS["d"]:
        raise ValueError(f"'{text}' is not a time from 1 s to 31 days", "like 30 s, 10 min, 1 h or 2 days")
    return span


def _span(typed: object) -> object:
    if isinstance(typed, str):
        parse_span(typed)
    return typed


def _topic(typed: str) -> str:
    levels = typed.strip().split("/")
    wrong = any(("#" in one or "+" in one) and len(one) > 1 for one in levels)
    if wrong or "#" in levels[:-1] or "\0" in typed or len(typed) > 500:
        raise ValueError(f"'{typed[:80]}' is not a topic", "like devices/+/alarm")
    return typed.strip()


Span = Annotated[
    str, BeforeValidator(_span), WithJsonSchema({"type": "string", "pattern": r"^\s*\d{1,4}\s*[A-Za-z]+\s*$"})
]
Expression = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)]
EventName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
Topic = Annotated[str, AfterValidator(_topic)]
Secrets = Annotated[
    list[EnvironmentName],
    BeforeValidator(
        lambda typed: [typed] if isinstance(typed, str) else typed, json_schema_input_type=str | list[str]
    ),
]


class Digest(Strict):
    """How events are gathered into one message."""

    every: Span = Field(description="How long to gather, from a person's first event on: `10 min`")
    key: Expression | None = Field(
        None, description="An expression, each value of which has a digest of its own: `order_id`"
    )
    join: str = Field(", ", max_length=20, description="Separator between two events in `{{ events }}`")


class EventCap(Strict):
    """How many messages leave at most, by device or whatever else sends the events."""

    most: Cap = Field(description="Like `5 per 1 h`")
    per: Expression = Field(description="What to count by: an expression, like `device`")


def _digest(typed: object) -> object:
    return {"every": typed} if isinstance(typed, str) else typed


class Event(Strict):
    """One kind of event: who reports it, and what is sent."""

    campaign: Text = Field(description="The campaign, relative to this file; its purpose is transactional")
    source: Literal["shopify", "woocommerce", "stripe", "calendly", "hubspot", "webhook"] | None = Field(
        None,
        description="The provider that calls: its signature is checked, and what it sends is mapped. `webhook`: any"
        " that signs as Standard Webhooks says. Default: programs with a token of the settings",
    )
    secret: Secrets = Field(
        default_factory=list,
        description="The provider's secret, as `${NAME}`; or a list of two while you change it",
    )
    only: Expression | None = Field(
        None, description="Events for which this is empty or false are ignored: `type == 'invoice.paid'`"
    )
    map: dict[Text, Expression] = Field(
        default_factory=dict,
        description="Columns of the campaign's contacts, each a JMESPath expression (`customer.phone`) or a Jinja text"
        " (`{{ customer.first_name }}`)",
    )
    key: Expression | None = Field(
        None, description="The idempotency key: events with the same key cause one message"
    )
    time: Expression | None = Field(
        None, description="When it happened: ISO 8601, or Unix time. Default: when it came"
    )
    expires: Span = Field("1 day", description="An event that is older causes no message")
    digest: Annotated[Digest, BeforeValidator(_digest, json_schema_input_type=str | Digest)] | None = Field(
        None, description="Gather the events of a person: `10 min`, or a mapping"
    )
    cap: EventCap | None = Field(None, description="How many messages leave at most, by device")
    max_cost: Money | None = Field(
        None,
        description="What its messages may cost within 24 hours, like `20 EUR`; further events are `excluded`",
    )
    topic: Topic | None = Field(
        None, description="The MQTT topic of devices that report it: `devices/+/alarm`"
    )


class Broker(Strict):
    """The MQTT broker that devices report to."""

    host: Text = Field(description="Its host name")
    port: int | None = Field(
        None, ge=1, le=65_535, description="Its port. Default: 8883 with TLS, 1883 without"
    )
    tls: YesNo = Field(True, description="Whether the connection is encrypted")
    ca: Text | None = Field(
        None,
        description="Certificates (PEM) of your own authority instead of the system's, relative to this file",
    )
    username: Text | None = Field(None, description="The user name")
    password: EnvironmentName | None = Field(None, description="The password, as `${NAME}`")
    client_id: Text = Field(
        "a2pcli", description="The broker keeps messages for this name while `a2pcli listen` is down"
    )


class EventFile(Strict):
    """``events.yaml``."""

    events: dict[EventName, Event] = Field(min_length=1, description="Events by name")
    mqtt: Broker | None = Field(None, description="The broker, if events have a `topic`")


@dataclass(frozen=True, slots=True)
class LoadedEvents:
    """The file, and where it stands."""

    file: EventFile
    document: Document
    path: Path


def load_events(path: Path) -> LoadedEvents:
    """The file. Raises ``InvalidInput`` with every problem, each at its place."""
    document = read_document(path)
    return LoadedEvents(examine_events(document).sound, document, path)


def examine_events(document: Document) -> Examined[EventFile]:
    """What is wrong with the file, and what is usable nevertheless."""
    return examine(document, EventFile, _problems)


def cap_of(typed: EventCap) -> tuple[int, int, str]:
    """The cap of an event: so many, in milliseconds, and in words."""
    found = parse_frequency(typed.most)
    return found.count, found.seconds * 1_000, typed.most


def _problems(document: Document) -> Iterator[Problem]:
    """What no single key can tell."""
    events = document.data.get("events")
    events = events if isinstance(events, dict) else {}
    has_topic = False
    for name, one in events.items():
        if not isinstance(one, dict):
            continue
        loc = ("events", name)
        source, mapped = one.get("source"), one.get("map") or {}
        has_topic |= "topic" in one
        if source in SOURCES and "secret" not in one:
            hint = "like `secret: ${SHOPIFY_SECRET}`"
            message = f"'{source}' signs what it sends: `secret` must say where its secret is"
            yield document.problem(message, (*loc, "source"), hint=hint, code="event")
        if "secret" in one and source is None:
            hint = "programs use a token of the settings (`listen: tokens:`)"
            yield document.problem(
                "`secret` without `source`", (*loc, "secret"), of="key", hint=hint, code="event"
            )
        if source in (None, "webhook") and not mapped:
            hint = "like `map: {phone: customer.phone}`"
            yield document.problem(f"event '{name}' has no `map`", loc, of="key", hint=hint, code="event")
        if "digest" in one and isinstance(mapped, dict) and EVENTS not in mapped:
            hint = 'like `events: "{{ product }}"`: the values of all events, joined, are `{{ events }}`'
            message = "a digest needs a column `events` in `map`, with what is said of one event"
            yield document.problem(message, (*loc, "digest"), of="key", hint=hint, code="event")
        if "topic" in one and "key" not in one:
            hint = "like `key: id`: a broker may deliver a message twice"
            yield document.problem(
                "a topic needs a `key`", (*loc, "topic"), of="key", hint=hint, code="event"
            )
        if "topic" in one and source is not None:
            yield document.problem("either `topic` or `source`", (*loc, "topic"), of="key", code="event")
    broker = document.data.get("mqtt")
    if (
        isinstance(broker, dict)
        and "ca" in broker
        and str(broker.get("tls")).lower() in ("no", "false", "off")
    ):
        yield document.problem("`ca` without `tls`", ("mqtt", "ca"), of="key", code="event")
    if has_topic and "mqtt" not in document.data:
        hint = "like `mqtt: {host: broker.example.com}`"
        yield document.problem(
            "a `topic`, but no `mqtt` with the broker", ("events",), of="key", hint=hint, code="event"
        )
