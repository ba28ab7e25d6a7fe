"""Shapes that several commands print with ``--json``. Each key says what it holds; docs/json.md is made from them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict


def says(text: str) -> Any:
    """A key's meaning, for the documentation and the JSON Schema."""
    return Field(description=text)


Moment = Annotated[str, Field(description="ISO 8601 in UTC", json_schema_extra={"format": "date-time"})]
Money = Annotated[str, Field(description="a decimal number as text")]
Counts = dict[str, int]
CostByCurrency = dict[str, Money]


class Problem(TypedDict):
    """One thing to mend."""

    path: Annotated[str | None, says("the file")]
    line: Annotated[int | None, says("from 1")]
    column: Annotated[int | None, says("from 1")]
    severity: Annotated[str, says("error or warning")]
    code: Annotated[str, says("a stable code for scripts")]
    message: str
    hint: Annotated[str | None, says("what to do")]


class Failure(TypedDict):
    """What any command prints when it ends with an error."""

    status: Annotated[int, says("the exit status")]
    problems: list[Problem]


class RunFacts(TypedDict):
    """A run's own facts."""

    run: Annotated[str, says("the run's id")]
    campaign: str
    state: Annotated[str, says("planned, sending, paused, finished, cancelled, …")]
    state_reason: Annotated[str | None, says("why it is paused or cancelled")]
    purpose: str
    channel: str
    gateway: str
    gateways: Annotated[list[str], says("all that its messages may go by: those of each channel and route")]
    delivers: Annotated[bool | None, says("whether messages are sent to a provider; null if unknown")]
    instead: Annotated[str | None, says("what happens to them instead, like: written to a file")]
    sender: Annotated[str | None, says("null if the account chooses, or each row has its own")]
    digest: Annotated[str | None, says("of recipients and texts")]
    campaign_file: str | None
    contacts_file: str | None
    created_at: Moment | None
    planned_at: Moment | None
    not_before: Moment | None
    expires_at: Moment | None
    started_at: Moment | None
    finished_at: Moment | None


class Sums(TypedDict):
    """Messages of a country, an arm or a sender."""

    states: Annotated[Counts, says("messages by state")]
    parts: Annotated[int, says("SMS parts of accepted messages")]
    cost: Annotated[CostByCurrency, says("of accepted messages")]
    unpriced: Annotated[int, says("accepted messages without a known price")]
    parts_by_state: Counts
    cost_by_state: dict[str, CostByCurrency]
    unpriced_by_state: Counts


class Delivery(TypedDict):
    """What receipts say of accepted messages. ``delivered``, ``undelivered``, ``sent`` and ``no_receipt`` add up to
    ``accepted``."""

    accepted: Annotated[int, says("the denominator: messages that the gateway accepted")]
    delivered: Annotated[int, says("including those that were read")]
    read: int
    undelivered: Annotated[int, says("undelivered, failed, rejected, expired, cancelled or bounced")]
    sent: Annotated[int, says("on their way, no final receipt yet")]
    no_receipt: Annotated[int, says("no receipt yet")]
    unknown: Annotated[
        int,
        says(
            "of `sent` and `no_receipt`: no final receipt within the time that one is waited for (`receipts: wait:`)"
        ),
    ]
    delivered_share: Annotated[
        float | None, says("delivered of accepted, 0 to 1; null where none was accepted")
    ]
    statuses: Annotated[Counts, says("messages by delivery status")]
    codes: Annotated[dict[str, Counts], says("the provider's codes of undelivered messages, by status")]
    causes: Annotated[
        Counts,
        says(
            "undelivered messages by what their codes mean: permanent, temporary, content, opted-out, … or unknown"
        ),
    ]


class Arm(Sums):
    """Messages of an arm of a split test."""

    delivery: Delivery


class Ratio(TypedDict):
    """A share with its denominator."""

    share: Annotated[float | None, says("0 to 1; null where there is nothing to divide by")]
    count: int
    of: int


class Totals(Sums):
    """What became of every row. ``states`` adds up to ``rows``."""

    rows: int
    held: Annotated[Counts, says("held messages by reason")]
    excluded: Annotated[Counts, says("excluded rows by reason")]
    countries: dict[str, Sums]
    codes: Annotated[dict[str, Counts], says("the gateway's codes, by state")]
    code_sentences: Annotated[dict[str, str], says("what the codes mean")]
    variants: Annotated[dict[str, Counts], says("messages by arm of a split test and state")]
    arms: Annotated[dict[str, Arm], says("the same as variants, with parts, cost and delivery")]
    senders: Annotated[dict[str, Sums], says("by sender; an empty name is the run's own")]
    rates: dict[str, Ratio]
    delivery: Annotated[Delivery, says("what delivery receipts say")]


class Opening(TypedDict):
    """Messages that wait for the same moment."""

    reason: str
    messages: int
    until: Annotated[Moment | None, says("null if it needs action by a person")]
    their_time: Annotated[str | None, says("the moment on the recipients' clocks")]
    zones: list[str]
    rules: list[str]


class Waiting(TypedDict):
    """Planned messages that may not leave yet."""

    messages: int
    openings: list[Opening]


class Waiver(TypedDict):
    """A copy rule that a campaign waives."""

    rule: str
    reason: str
    findings: list[Any]


class Suppression(TypedDict):
    """An entry of the suppression list."""

    number: str
    scope: Annotated[str, says("everything, programme, sender or channel")]
    scope_value: str | None
    sender: str | None
    holds: Annotated[bool, says("whether it is in force")]
    source: str
    reason: str | None
    added_at: Moment
    until: Moment | None
    list: str | None
    as_of: str | None
    lifted_at: Moment | None
    lifted_by: str | None


class Consent(TypedDict):
    """A record of consent."""

    number: str
    state: str
    programme: str | None
    channel: str | None
    basis: str
    double_opt_in: Any
    given_at: Moment | None
    confirmed_at: Moment | None
    expires_at: Moment | None
    source: str
    wording: str | None
    recorded_at: Moment
    revoked_at: Moment | None
    revoked_by: str | None


class FallbackBasis(TypedDict):
    """How many need the next channel after this one, for the likely cost of a plan."""

    channel: str
    gateway: str
    share: Annotated[float | None, says("share of messages over all countries; null if not known")]
    basis: Annotated[str | None, says("results, campaign (`fallback: expected`) or null")]
    messages: Annotated[int, says("results of the last 90 days by this channel and gateway")]
    receipts: Annotated[int, says("of these, with a receipt that tells whether it was delivered")]
    oldest: Annotated[int | None, says("UTC milliseconds since 1970")]
    newest: Annotated[int | None, says("UTC milliseconds since 1970")]


class PlannedCost(TypedDict):
    """What a run's plan said it costs."""

    cost: Annotated[CostByCurrency | None, says("of the first attempts")]
    likely: Annotated[CostByCurrency | None, says("with fallbacks; null if not known")]
    most: Annotated[CostByCurrency | None, says("if everybody falls back to everything")]
