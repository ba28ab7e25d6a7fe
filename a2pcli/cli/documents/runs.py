"""What the commands about runs print with ``--json``."""

from __future__ import annotations

from typing import Annotated, Any, NotRequired

from typing_extensions import TypedDict

from a2pcli.cli.documents.shapes import (
    CostByCurrency,
    Counts,
    Moment,
    PlannedCost,
    RunFacts,
    Totals,
    Waiting,
    says,
)


class Edited(TypedDict):
    """A key that was edited since the plan."""

    what: str
    was: Any
    now: Any
    in_force: Annotated[bool, says("whether the edit applies to messages still to be sent")]


class Sent(RunFacts, Totals):
    """``a2pcli send``: how a run ended."""

    ended: Annotated[str, says("finished, waiting, paused, over-budget, interrupted or expired")]
    reason: str | None
    seconds: float
    waiting: Waiting
    edited_since_plan: list[Edited]
    attempts_by_gateway: NotRequired[
        Annotated[list[GatewayAttempts], says("runs that go by a route: by gateway")]
    ]


class NothingToSend(TypedDict):
    """``a2pcli send`` where nobody gets a message."""

    run: str | None
    ended: Annotated[str, says("nothing-to-do")]
    accepted: int
    rejected: int
    unknown: int
    already_sent: int
    excluded: Counts
    cannot_be_messaged: Annotated[int, says("rows that cannot be messaged until they are fixed")]


class TestMessage(TypedDict):
    """``a2pcli send --test-to``."""

    test: bool
    to: str
    verdict: str
    code: str | None
    detail: str | None
    gateway_id: str | None
    delivers: Annotated[bool | None, says("whether messages are sent to a provider; null if unknown")]
    instead: Annotated[str | None, says("what happens to them instead, like: written to a file")]


class RunLine(RunFacts):
    """A run in the list."""

    recipients: int
    accepted: int
    rejected: int
    unknown: int
    left: int
    in_flight: Annotated[int, says("messages in flight")]
    held: int
    cost: CostByCurrency
    unpriced: int


class Runs(TypedDict):
    """``a2pcli runs``."""

    runs: list[RunLine]


class RunEvent(TypedDict):
    """Something that happened to a run."""

    at: Moment
    kind: str
    code: str | None
    detail: str | None


class ChannelAttempts(TypedDict):
    """The attempts by one channel, of one place in the order of attempts."""

    channel: str
    attempt: Annotated[int, says("1 for the first attempts of messages, 2 for those after them")]
    states: Counts
    delivered: Annotated[int, says("by their receipts")]
    followed: Annotated[int, says("that went on by the next channel")]
    cost: CostByCurrency
    unpriced: Annotated[int, says("accepted ones without a known price, which are not in `cost`")]


class GatewayAttempts(TypedDict):
    """What one gateway of a route was given."""

    gateway: str
    attempts: Annotated[int, says("messages that it has, had, or refused for good")]
    states: Counts
    cost: CostByCurrency
    unpriced: Annotated[int, says("accepted or unknown ones without a known price, which are not in `cost`")]


class Billed(TypedDict):
    """Messages of a run whose receipts have a price, in one currency."""

    currency: str
    messages: int
    billed: Annotated[str, says("decimal text")]
    estimated: Annotated[str, says("of the same messages, as far as their estimate is in this currency")]


class Report(RunFacts, Totals):
    """``a2pcli report``. With ``--rows`` it has every row."""

    objective: str | None
    pruned: Annotated[dict[str, str] | None, says("what retention removed, and when")]
    tests: Annotated[int, says("test messages, not included in totals")]
    events: list[RunEvent]
    billed: Annotated[list[Billed], says("what providers billed, as receipts say; empty if none says")]
    waiting: Waiting
    arrived_earlier: Annotated[
        int, says("messages delivered by an earlier attempt, not counted as delivered in `delivery`")
    ]
    attempts_by_channel: NotRequired[
        Annotated[list[ChannelAttempts], says("runs of several channels: their attempts")]
    ]
    planned_cost: NotRequired[Annotated[PlannedCost, says("runs of several channels: what the plan said")]]
    attempts_by_gateway: NotRequired[
        Annotated[list[GatewayAttempts], says("runs that go by a route: by gateway")]
    ]
    got_both: NotRequired[
        Annotated[int, says("people who got, or may have got, the message by two attempts")]
    ]
    may_have_got_both: NotRequired[Annotated[int, says("of these, those whose later attempt has no receipt")]]
    row_list: NotRequired[Annotated[list[dict[str, Any]], says("every row, with --rows")]]


class NoRun(TypedDict):
    """``a2pcli report`` of an empty ledger."""

    run: None
    rows: int


class Cancelled(RunFacts):
    """``a2pcli cancel``."""

    cancelled: int
    cancelled_at: Moment | None
    by: str | None
    states: Counts


class Reconciled(TypedDict):
    """``a2pcli reconcile``."""

    run: str
    campaign: str
    state: str
    gateway: str
    decision: Annotated[str | None, says("sent or not-sent, if a person decided")]
    by: str | None
    found: int
    accepted: int
    rejected: int
    not_sent: int
    too_early: int
    unknown: Annotated[int, says("messages that are still unknown")]
    can_tell: Annotated[bool, says("whether the gateway can be asked")]
    never_left: Annotated[int, says("claimed by a killed process and certainly not sent: planned again")]
    why: Annotated[
        Counts,
        says("why messages are still unknown, where the gateway is asked by its own ids: count by reason"),
    ]
    receipts: Annotated[int, says("new receipts of what gateways said when they were asked by id")]
    deliveries: Annotated[
        dict[str, Any] | None,
        says("with --deliveries: asked, arrived, failed, pending, and why (count by reason) for the others"),
    ]


class Rejection(TypedDict):
    """Messages that the gateway rejected for the same reason."""

    code: str
    sentence: str
    messages: int
    may_go: Annotated[int, says("those that can be planned again")]
    gateways: Annotated[dict[str, int], says("how many of them each gateway rejected")]
    chosen: Annotated[bool, says("whether they are among those that --code names")]


class Retried(TypedDict):
    """``a2pcli retry``."""

    run: str
    campaign: str
    state: str
    gateway: str
    rejections: list[Rejection]
    planned_again: int
    by: str | None
