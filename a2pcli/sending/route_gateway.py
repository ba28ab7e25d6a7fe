"""One gateway of a route while a run is sent: what is known of it, and what an answer says about it."""

from __future__ import annotations

from a2pcli.messages import STOPS_THE_RUN, Cause, Outcome, Verdict
from a2pcli.sending.lane import Lane
from a2pcli.sending.route_share import Share
from a2pcli.sending.route_speed import Speed
from a2pcli.sending.timing import HORIZON


class RouteGateway:
    """What is known of one gateway. Moments are seconds of the loop's clock."""

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.share, self.speed = Share(), Speed()
        self.out_until = float("-inf")
        """Until when it takes nothing, whatever its breaker says."""
        self.why: str | None = None
        self.is_down = False
        self.is_less = False
        """Whether it was noted that it lost a part of its share, or all of it."""
        self.rejected = 0
        """Messages that it has rejected in a row."""
        self.asked_until = float("-inf")
        """Until when messages that wait for it will keep it busy."""

    def is_stopped(self, now: float) -> bool:
        """Whether it takes nothing, and comes back slowly."""
        return now < self.out_until or self.lane.stopped is not None or self.lane.breaker.open

    def is_usable(self, now: float) -> bool:
        """Whether it takes messages now, or will in a moment."""
        return not self.is_stopped(now) and self.lane.pace.held(now) <= HORIZON

    def is_tried(self) -> bool:
        """Whether it is given one message, to see if it is back."""
        return self.lane.stopped is None and self.lane.breaker.half_open


def was_not_taken(outcome: Outcome) -> bool:
    """Whether the gateway clearly has not taken a message, and says nothing that holds for every gateway."""
    if outcome.verdict is Verdict.NOT_SENT:
        return True
    return outcome.verdict is Verdict.REJECTED and outcome.cause in (Cause.COUNTRY, *STOPS_THE_RUN)


def is_failing(outcome: Outcome) -> bool:
    """Whether an answer speaks against the gateway that gave it."""
    is_not_taken = outcome.verdict is Verdict.NOT_SENT and outcome.cause is not Cause.BATCH
    return outcome.verdict is Verdict.UNKNOWN or is_not_taken


def words_of(outcome: Outcome) -> str:
    """An answer in words."""
    if outcome.detail:
        return outcome.detail
    if outcome.verdict is Verdict.UNKNOWN:
        return "it gives no clear answers"
    return f"it answers {outcome.code or outcome.cause}"
