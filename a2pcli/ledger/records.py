"""The values that go into the ledger and come out of it. Plain data: no connection, no SQL."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import field
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeAlias

from a2pcli.dataclass import dataclass
from a2pcli.delivery import DeliveryCount
from a2pcli.ledger.about_runs import About as About
from a2pcli.ledger.attempt_ids import MOST_ROWS, later_reference
from a2pcli.ledger.exchanges import Claimed as Claimed
from a2pcli.ledger.exchanges import Exchange as Exchange
from a2pcli.ledger.exchanges import Settled as Settled
from a2pcli.messages import State

MONEY_UNITS = 10**9
"""Money in the ledger counts 1e-9 of a currency unit."""

FAR = 253_402_300_799_000
"""The last second of the year 9999: held until somebody does something about it."""

EVERYTHING = "everything"
"""The scope of an opt-out that is for no programme, sender or channel alone."""

NEVER = 2**63 - 1
"""Stands for the end of a consent that has none, where ends are compared."""


def money_text(amount: Decimal) -> str:
    """Plain decimal text, at least two places: ``2.50``, ``0.0075``."""
    text = format(amount.normalize(), "f")
    return text if len(text.partition(".")[2]) >= 2 else format(amount, ".2f")


def now_ms() -> int:
    """This moment as UTC milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class RunState(StrEnum):
    """Where a run is. ``planned`` waits for approval; ``sending`` and ``paused`` can be resumed."""

    PLANNING = "planning"
    PLANNED = "planned"
    SENDING = "sending"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    DISCARDED = "discarded"  # the person said no, or planning failed; its rows are gone
    SUPERSEDED = "superseded"  # newer plans of the occasion took its place; its rows are gone


RESUMABLE: frozenset[str] = frozenset({RunState.SENDING, RunState.PAUSED})
SENDABLE: frozenset[str] = RESUMABLE | {RunState.PLANNED, RunState.FINISHED}
"""``finished`` is among them because ``reconcile --as not-sent`` gives a finished run messages again."""


@dataclass(frozen=True, slots=True)
class NewRun:
    """What is known when planning starts. ``occasion`` comes from ``Plans.occasion``.

    Moments are UTC milliseconds. ``sending`` is kept as JSON and says how the run is to be sent (pace,
    limits, and ``media``: the list of URLs that every message carries).
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
    sending: Mapping[str, Any] = field(default_factory=dict)
    created_at: int = field(default_factory=now_ms)


@dataclass(frozen=True, slots=True)
class Run:
    """A row of the runs table. ``summary`` and ``sending`` are read from their JSON."""

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

    @property
    def media(self) -> tuple[str, ...]:
        """The URLs every message of the run carries."""
        return tuple(self.sending.get("media") or ())

    def reference(self, row: int) -> str:
        """The reference of a row's message, or of a later attempt by the lower half of its id: always the same."""
        return f"{self.id}-{row:06d}" if row <= MOST_ROWS else later_reference(self.id, row)


ColumnOf: TypeAlias = Sequence[Any] | Any
"""A column of planned rows: a list, a NumPy array or a PyArrow array, as long as the chunk; or one
string or integer that is the same in every row; or None where every row has none. PyArrow is the fastest."""


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
    """The rows of a chunk that get nothing, with why. ``cell`` only where there is no ``address``.

    ``rule`` is the id of the named rule that left the row out, where one did.
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
    """Planned messages that wait for the same moment (UTC milliseconds) for the same reason.

    ``zones`` are the time zones in which they are read, ``rules`` what holds them. ``until`` is ``FAR``
    where only a person can help (an unknown time zone).
    """

    until: int
    reason: str
    messages: int
    zones: tuple[str, ...]
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Suppression:
    """A row of the suppression list. It holds until it is lifted, or until ``until_at`` (UTC milliseconds)."""

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
        """Whether it keeps messages away at this moment."""
        return self.lifted_at is None and (self.until_at is None or self.until_at > now)


@dataclass(frozen=True, slots=True)
class Imported:
    """What a bulk import did: every address is one of the two."""

    added: int
    already: int


@dataclass(frozen=True, slots=True)
class StateTotals:
    """What the messages of one state add up to. ``cost`` by currency, in 1e-9 units.

    ``unpriced`` are messages without a known price: never counted as 0.
    """

    messages: int
    parts: int
    cost: Mapping[str, int]
    unpriced: int

    def money(self, currency: str) -> Decimal:
        """The exact cost in this currency, as ``Decimal``."""
        return Decimal(self.cost.get(currency, 0)) / MONEY_UNITS


@dataclass(frozen=True, slots=True)
class Totals:
    """A run counted. ``rows`` is the sum of ``by_state``; every other table is a cut through the same rows.

    ``states`` holds parts and cost by state. ``reasons`` is state -> reason code -> rows that got nothing.
    ``by_code`` is state -> provider's code -> messages, ``code_sentences`` what the provider said with it.
    ``countries`` is country -> state -> sums, without excluded rows; so is ``senders``, in which ``""`` stands for
    the run's own sender. ``variants`` is variant -> state -> sums, with rows excluded after the variant was drawn.
    ``untouched`` are the planned messages that nothing happened to yet, by the number of the clock that binds them.
    ``deliveries`` are accepted messages of which receipts tell; of the other accepted ones there is none yet.
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
        """Rows that got nothing, by reason code, whatever their state."""
        together: dict[str, int] = {}
        for state, counts in self.reasons.items():
            if state == State.PLANNED:
                continue
            for reason, count in counts.items():
                together[reason] = together.get(reason, 0) + count
        return together

    @property
    def held(self) -> dict[str, int]:
        """Planned messages that wait for their hours, by reason code; they are among the planned."""
        return dict(self.reasons.get(State.PLANNED, {}))

    @property
    def by_country(self) -> dict[str, dict[str, int]]:
        """Country -> state -> messages, without excluded rows."""
        return {
            country: {state: one.messages for state, one in states.items()}
            for country, states in self.countries.items()
        }

    def count(self, *states: str) -> int:
        """How many messages are in these states."""
        return sum(self.by_state.get(state, 0) for state in states)
