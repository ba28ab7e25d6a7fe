"""The options of a sender, its progress and its result, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from enum import StrEnum

from a2pcli.config.values import Rate
from a2pcli.dataclass import dataclass
from a2pcli.errors import Problem
from a2pcli.ledger.paces import SharedPace
from a2pcli.ledger.quotas import SharedQuota

__all__ = ["BreakerOptions", "Ended", "Progress", "Rate", "SendOptions", "SendResult"]


@dataclass(frozen=True, slots=True)
class BreakerOptions:
    """When a gateway counts as down, and how long it is given to come back. Times in seconds."""

    unreachable: int = 5
    """So many messages in a row that did not reach it."""
    failing: int = 10
    """So many in a row without a clear answer: unknown, unreachable or temporary."""
    window: int = 50
    """Or half of the last so many without a clear answer."""
    share: float = 0.5
    waits: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 15.0)
    """The wait before each single message that tries whether it is back; after the last the run pauses."""


@dataclass(frozen=True, slots=True)
class SendOptions:
    """How a run is sent. Times in seconds, money in 1e-9 currency units."""

    rate: Rate | None = None
    shared: Sequence[SharedPace] = ()
    """Paces that belong to the account: kept together with every process that sends with the same ledger."""
    quotas: Sequence[SharedQuota] = ()
    """Quotas of the account and of senders, counted over every process and run of the same ledger."""
    concurrency: int = 100
    """Submits in flight at most; never above what the gateway says it can do."""
    max_attempts: int = 6
    """Tries of one message for which a run waits. After these it is tried again only while others are sent."""
    backoff_base: float = 1.0
    backoff_max: float = 300.0
    breaker: BreakerOptions = BreakerOptions()
    max_cost: Mapping[str, int] = field(default_factory=dict)
    """By currency. What is spent, with what is in flight, stays at or under it."""
    longest_hold: float = 300.0
    """A gateway that asks for a longer wait than this pauses the run."""
    longest_silence: float = 120.0
    """A gateway that takes nothing for so long, and says only that we are too fast, pauses the run."""
    submit_deadline: float = 120.0
    """A submit that takes longer is abandoned; its messages are unknown."""
    wait: bool = False
    """Stay while messages wait for their hours or a quota, and send as these come; else say what waits, and end."""
    drain_deadline: float = 35.0
    """How long a stop waits for what is in flight."""


class Ended(StrEnum):
    """How ``send_run`` ended."""

    FINISHED = "finished"
    WAITING = "waiting"  # not_before has not come, or what is left waits for its hours or a quota
    PAUSED = "paused"  # the gateway cannot be used now
    OVER_BUDGET = "over-budget"
    INTERRUPTED = "interrupted"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the run is, over all its sessions. ``rate`` is messages a second, ``eta`` seconds or None.

    ``state`` is sending, holding (the gateway asked to wait), gateway-down (waiting for it to come back), waiting
    (for people's hours or a quota, at ``waits_until``, UTC milliseconds), standing-by (other senders have the rest),
    stopping, or in the end a word of ``Ended``. ``skipped`` were opted out or capped since the plan, refused by
    country or have expired, seen by this sender. ``errors_by_code`` counts tries, not messages: of this sender, by the
    provider's code.
    """

    state: str
    done: int
    accepted: int
    rejected: int
    unknown: int
    skipped: int
    retrying: int
    left: int
    in_flight: int
    rate: float
    eta: float | None
    spend: Mapping[str, int]
    errors_by_code: Mapping[str, int]
    waits_until: int | None = None

    @property
    def total(self) -> int:
        """Everybody the plan has for this run."""
        return self.done + self.left


@dataclass(frozen=True, slots=True)
class SendResult:
    """How it ended, why where that needs saying, and the last progress."""

    ended: Ended
    reason: Problem | None
    progress: Progress
    seconds: float
    is_last: bool = True
    """Whether this sender said how the run ended: of several senders only one does, once all of them have ended."""
