"""What ``a2pcli explain`` prints with ``--json``."""

from __future__ import annotations

from typing import Annotated, Any, NotRequired

from typing_extensions import TypedDict

from a2pcli.cli.documents.shapes import Moment, Money, says


class Considered(TypedDict):
    """A rule that was looked at for a message."""

    rule: str
    outcome: str
    why: str
    says: str | None
    source: str | None
    confidence: str | None
    checked: str | None
    data: dict[str, Any]


class ExplainedMessage(TypedDict):
    """What became of a message."""

    run: str
    campaign: str
    run_state: str
    number: str | None
    line: int
    cell: str | None
    state: str
    reason: str | None
    detail: str | None
    rule: str | None
    variant: str | None
    body: str | None
    content: dict[str, Any] | None
    encoding: str | None
    units: int | None
    parts: int | None
    currency: str | None
    attempts: int
    code: str | None
    gateway_id: str | None
    sender: str | None
    cost: Money | None
    reference: str | None
    due_at: Moment | None
    held: bool
    claimed_at: Moment | None
    settled_at: Moment | None
    what: str
    next: str | None
    rules: list[Considered]
    channels: NotRequired[
        Annotated[list[str], says("of several: which came first, what comes next, in words")]
    ]
    route: NotRequired[
        Annotated[list[str], says("of a route: which gateway was meant and why, which one took it, in words")]
    ]
    earlier_attempts: NotRequired[list[dict[str, Any]]]
    events: list[dict[str, Any]]


class ExplainedOptOut(TypedDict):
    """An entry of the suppression list, in words."""

    scope: str
    scope_value: str | None
    source: str
    reason: str | None
    added_at: Moment
    lifted_at: Moment | None
    lifted_by: str | None
    what: str


class ExplainedSingleMessage(TypedDict):
    """What became of a message outside of runs."""

    reference: str
    kind: str
    channel: str
    gateway: str
    sender: str | None
    purpose: str
    body: str | None
    state: str
    reason: str | None
    code: str | None
    detail: str | None
    delivery: Annotated[str | None, says("what its receipts say")]
    delivered_at: Moment | None
    delivery_code: str | None
    created_at: Moment
    settled_at: Moment | None


class Explained(TypedDict):
    """``a2pcli explain``."""

    asked: str
    number: str | None
    country: str | None
    type: str | None
    problem: str | None
    suppressed: bool
    suppressions: list[ExplainedOptOut]
    messages: list[ExplainedMessage]
    outside_of_runs: Annotated[
        list[ExplainedSingleMessage], says("confirmations, answers, codes, messages of events")
    ]
    now: NotRequired[Annotated[dict[str, Any], says("what planning the campaign now would do")]]
