"""The values that go into the ledger and come out of it. Plain data: no connection, no SQL."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import field
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple, Protocol, TypeAlias

from a2pcli.dataclass import dataclass
from a2pcli.delivery import DeliveryCount
from a2pcli.ledger.attempt_ids import MOST_ROWS, later_reference
from a2pcli.ledger.exchanges import Claimed as Claimed
from a2pcli.ledger.exchanges import Exchange as Exchange
from a2pcli.ledger.exchanges import Rooms as Rooms
from a2pcli.ledger.exchanges import Settled as Settled
from a2pcli.ledger.route_values import GatewayCount as GatewayCount
from a2pcli.ledger.route_values import Switch as Switch
from a2pcli.messages import State

MONEY_UNITS = 10**9
"""Money in the ledger is counted in 1e-9 of a currency unit."""

FAR = 253_402_300_799_000
"""The last second of the year 9999 (UTC ms): held until a user intervenes."""

EVERYTHING = "everything"
"""The scope of an opt-out that is not limited to a programme, sender or channel."""

NEVER = 2**63 - 1
"""Stands for the end of a consent that has none, for comparisons."""


def money_text(amount: Decimal) -> str:
    """Return plain decimal text with at least two decimal places: ``2.50``, ``0.0075``."""
    text = format(amount.normalize(), "f")
    return text if len(text.partition(".")[2]) >= 2 else format(amount, ".2f")


def now_ms() -> int:
    """Return the current time in UTC milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class RunState(StrEnum):
    """The state of a run. ``planned`` waits for approval; ``sending`` and ``paused`` can be resumed."""

    PLANNING = "planning"
    PLANNED = "planned"
    SENDING = "sending"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    DISCARDED = "discarded"  # not approved, or planning failed; its rows are deleted
    SUPERSEDED = "superseded"  # replaced by newer plans of the occurrence; its rows are deleted


RESUMABLE: frozenset[str] = frozenset({RunState.SENDING, RunState.PAUSED})
SENDABLE: frozenset[str] = RESUMABLE | {RunState.PLANNED, RunState.FINISHED}
"""``finished`` is included because ``reconcile --as not-sent`` can add messages to a finished run."""


class About(Protocol):
    """The properties of a run, real or planned, that decide which rules apply to a message."""

    @property
    def campaign(self) -> str:
        """The campaign's name."""
        ...

    @property
    def gateway(self) -> str:
        """The gateway's name in the settings."""
        ...

    @property
    def channel(self) -> str:
        """The channel: sms, email, …"""
        ...

    @property
    def sender(self) -> str | None:
        """The run's sender; None if rows have their own, or the gateway chooses."""
        ...

    @property
    def purpose(self) -> str | None:
        """The purpose: marketing, transactional, otp or emergency."""
        ...

    @property
    def programme(self) -> str | None:
        """The programme people subscribe to."""
        ...

    @property
    def subject(self) -> str | None:
        """The subject, for caps that count by subject."""
        ...


@dataclass(frozen=True, slots=True)
class NewRun:
    """What is known when planning starts. ``occasion`` comes from ``Plans.occasion``.

    Times are UTC milliseconds. ``sending`` is stored as JSON and describes how to send the run (pace, limits, and
    ``media``: URLs that every message carries).
    """

    campaign: str
    occasion: int
    gateway: str
    channel: str = "sms"
    sender: str | None = None
    purpose: str | None = None
    campaign_file: str | None = None
    contacts_file: str | None = None
    contacts_fingerprint: str | None = None
    not_before: int | None = None
    expires_at: int | None = None
    programme: str | None = None
    subject: str | None = None
    survey: str | None = None
    sending: Mapping[str, Any] = field(default_factory=dict)
    created_at: int = field(default_factory=now_ms)


@dataclass(frozen=True, slots=True)
class Run:
    """A row of the runs table. ``summary`` and ``sending`` are parsed from JSON."""

    number: int
    id: str
    campaign: str
    occasion: int
    state: str
    state_reason: str | None
    campaign_file: str | None
    contacts_file: str | None
    contacts_fingerprint: str | None
    gateway: str
    channel: str
    sender: str | None
    purpose: str | None
    digest: str | None
    rows_read: int | None
    created_at: int
    planned_at: int | None
    started_at: int | None
    finished_at: int | None
    not_before: int | None
    expires_at: int | None
    summary: Mapping[str, Any]
    sending: Mapping[str, Any]
    programme: str | None = None
    subject: str | None = None
    survey: str | None = None

    @property
    def media(self) -> tuple[str, ...]:
        """URLs that every message of the run carries."""
        return tuple(self.sending.get("media") or ())

    def reference(self, row: int) -> str:
        """Return the reference of a row's message, or of a later attempt, given the lower half of its id. It never
        changes."""
        return f"{self.id}-{row:06d}" if row <= MOST_ROWS else later_reference(self.id, row)


ColumnOf: TypeAlias = Sequence[Any] | Any
"""A column of planned rows: a list, a NumPy array or a PyArrow array, as long as the chunk; or one string or integer
for every row; or None if no row has a value. PyArrow is the fastest."""


@dataclass(frozen=True, slots=True)
class AcceptedRows:
    """The rows of a chunk that are to be sent, as parallel columns, in the order of ``row``.

    ``row`` counts all rows of the run, accepted and excluded alike, from 1, in the file's order, without repeats.
    ``person`` is the person within the occasion: the number's digits, or a 63-bit hash with ``once_per``. ``cost`` is
    in 1e-9 currency units. ``clock`` is the number of the clock that binds the row, None where none does.
    ``consent_until`` is when the consent that allows the row ends; None where it has no end, or none was asked for.
    ``consent`` is what the contacts file says of it, where the file allows the row and no record of the ledger.
    ``spelling`` is what the message is sent to, if not ``address``; ``others`` are the person's other addresses, one
    a line (``other_forms.others_of``). ``content`` is ``Message.content`` as JSON text. ``channel`` is the row's where
    it is not the run's. ``alternatives`` is what is tried after it, in order, as JSON text (``alternatives``).
    ``route`` are the gateways by which it may go, where a route chooses, as JSON text (``route_legs``).
    """

    row: ColumnOf
    line: ColumnOf
    address: ColumnOf
    person: ColumnOf
    body: ColumnOf
    country: ColumnOf = None
    encoding: ColumnOf = None
    units: ColumnOf = None
    parts: ColumnOf = 1
    cost: ColumnOf = None
    currency: ColumnOf = None
    variant: ColumnOf = None
    sender: ColumnOf = None
    clock: ColumnOf = None
    consent_until: ColumnOf = None
    consent: ColumnOf = None
    spelling: ColumnOf = None
    others: ColumnOf = None
    content: ColumnOf = None
    channel: ColumnOf = None
    alternatives: ColumnOf = None
    route: ColumnOf = None


@dataclass(frozen=True, slots=True)
class ExcludedRows:
    """The excluded rows of a chunk, with reasons. ``cell`` is set only without ``address``.

    ``rule`` is the id of the rule that excluded the row, if there is one.
    """

    row: ColumnOf
    line: ColumnOf
    reason: ColumnOf
    detail: ColumnOf = None
    rule: ColumnOf = None
    cell: ColumnOf = None
    address: ColumnOf = None
    person: ColumnOf = None
    country: ColumnOf = None
    variant: ColumnOf = None
    others: ColumnOf = None


@dataclass(frozen=True, slots=True)
class PlannedRows:
    """One chunk of a plan; either half may be absent."""

    accepted: AcceptedRows | None = None
    excluded: ExcludedRows | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """Planned messages that wait for the same time (UTC milliseconds) for the same reason.

    ``zones`` are their time zones, ``rules`` the rules that hold them. ``until`` is ``FAR`` if only a user can help
    (an unknown time zone).
    """

    until: int
    reason: str
    messages: int
    zones: tuple[str, ...]
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Suppression:
    """A row of the suppression list. It applies until it is lifted, or until ``until_at`` (UTC milliseconds)."""

    address: str
    scope: str
    scope_value: str
    source: str
    reason: str | None
    added_at: int
    lifted_at: int | None
    lifted_by: str | None
    until_at: int | None = None
    list_name: str | None = None
    as_of: int | None = None

    def holds(self, now: int) -> bool:
        """Return whether it suppresses messages at ``now``."""
        return self.lifted_at is None and (self.until_at is None or self.until_at > now)


@dataclass(frozen=True, slots=True)
class Imported:
    """The result of a bulk import: every address is one of the two."""

    added: int
    already: int


@dataclass(frozen=True, slots=True)
class StateTotals:
    """Sums over the messages of one state. ``cost`` by currency, in 1e-9 units.

    ``unpriced`` messages have no known price, and are never counted as 0.
    """

    messages: int
    parts: int
    cost: Mapping[str, int]
    unpriced: int

    def money(self, currency: str) -> Decimal:
        """Return the exact cost in this currency."""
        return Decimal(self.cost.get(currency, 0)) / MONEY_UNITS


@dataclass(frozen=True, slots=True)
class Totals:
    """The counts of a run. ``rows`` is the sum of ``by_state``; every other table covers the same rows.

    ``states`` has parts and cost by state. ``reasons`` is state -> reason code -> rows. ``by_code`` is state ->
    provider's code -> messages, ``code_sentences`` the provider's text for a code. ``countries`` is country -> state
    -> sums, without excluded rows; so is ``senders``, where ``""`` stands for the run's own sender. ``variants`` is
    variant -> state -> sums, including rows excluded after the variant was drawn. ``untouched`` are planned messages
    without attempts, by clock number. ``deliveries`` are accepted messages with receipts; the other accepted ones have
    none yet.
    """

    rows: int
    by_state: Mapping[str, int]
    states: Mapping[str, StateTotals]
    reasons: Mapping[str, Mapping[str, int]]
    by_code: Mapping[str, Mapping[str, int]]
    code_sentences: Mapping[str, str]
    countries: Mapping[str, Mapping[str, StateTotals]]
    variants: Mapping[str, Mapping[str, StateTotals]]
    senders: Mapping[str, Mapping[str, StateTotals]]
    untouched: Mapping[int | None, int] = field(default_factory=dict)
    deliveries: Sequence[DeliveryCount] = ()

    @property
    def by_variant(self) -> dict[str, dict[str, int]]:
        """Variant -> state -> messages."""
        return {
            variant: {state: one.messages for state, one in states.items()}
            for variant, states in self.variants.items()
        }

    @property
    def by_reason(self) -> dict[str, int]:
        """Excluded and ended rows by reason code, whatever their state."""
        together: dict[str, int] = {}
        for state, counts in self.reasons.items():
            if state == State.PLANNED:
                continue
            for reason, count in counts.items():
                together[reason] = together.get(reason, 0) + count
        return together

    @property
    def held(self) -> dict[str, int]:
        """Planned messages that wait for permitted hours, by reason code; they are included in the planned ones."""
        return dict(self.reasons.get(State.PLANNED, {}))

    @property
    def by_country(self) -> dict[str, dict[str, int]]:
        """Country -> state -> messages, without excluded rows."""
        return {
            country: {state: one.messages for state, one in states.items()}
            for country, states in self.countries.items()
        }

    def count(self, *states: str) -> int:
        """Return the number of messages in these states."""
        return sum(self.by_state.get(state, 0) for state in states)


class Billed(NamedTuple):
    """The messages of a run in one currency for which a bill came, their bill, and the estimate of the same messages
    as far as it is in that currency (1e-9 units)."""

    currency: str
    messages: int
    billed: int
    estimated: int


class Unheard(NamedTuple):
    """Messages without a final receipt: of all, and by arm of a split test."""

    messages: int
    by_variant: Mapping[str, int]
