"""The options of a sender, its progress and its result, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from enum import StrEnum

from a2pcli.config.values import Rate
from a2pcli.dataclass import dataclass
from a2pcli.errors import Problem
from a2pcli.ledger.paces import SharedPace
from a2pcli.ledger.quota_values import SharedQuota
from a2pcli.ledger.route_values import Switch

__all__ = ["BreakerOptions", "Ended", "Progress", "Rate", "SendOptions", "SendResult"]


@dataclass(frozen=True, slots=True)
class BreakerOptions:
    """When a gateway counts as down, and how long it gets to recover. Times in seconds."""

    unreachable: int = 5
    """Open after this many messages in a row that could not reach the gateway."""
    failing: int = 10
    """Open after this many in a row without a clear answer: unknown, unreachable or temporary."""
    window: int = 50
    """Open when ``share`` of the last ``window`` outcomes had no clear answer."""
    share: float = 0.5
    waits: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 15.0)
    """Waits before each single test message; after the last one fails, the run pauses."""


@dataclass(frozen=True, slots=True)
class SendOptions:
    """How a run is sent. Times in seconds, money in 1e-9 currency units."""

    rate: Rate | None = None
    shared: Sequence[SharedPace] = ()
    """Rate limits of the account, shared by all processes that send with the same ledger."""
    quotas: Sequence[SharedQuota] = ()
    """Quotas of the account and of senders, counted over all processes and runs of the same ledger."""
    concurrency: int = 100
    """Maximum number of submits in flight for each gateway; never above the gateway's own limit."""
    own_concurrency: Mapping[str, int] = field(default_factory=dict)
    """The same for some gateways, by name, instead of ``concurrency``."""
    max_attempts: int = 6
    """Tries of one message that a run waits for. After these it is retried only while other messages are sent."""
    backoff_base: float = 1.0
    backoff_max: float = 300.0
    breaker: BreakerOptions = BreakerOptions()
    max_cost: Mapping[str, int] = field(default_factory=dict)
    """By currency: what is spent, including messages in flight, never exceeds it."""
    longest_hold: float = 300.0
    """A gateway that asks for a longer wait pauses the run."""
    longest_silence: float = 120.0
    """A gateway that gives only rate-limit answers for this long pauses the run."""
    submit_deadline: float = 120.0
    """A submit that takes longer is abandoned; its messages are unknown."""
    wait: bool = False
    """Keep running while messages wait for permitted hours or a quota; otherwise report what waits and end."""
    drain_deadline: float = 35.0
    """How long a stop waits for messages in flight."""


class Ended(StrEnum):
    """How ``send_run`` ended."""

    FINISHED = "finished"
    WAITING = "waiting"  # not_before is in the future, or the rest waits for permitted hours or a quota
    PAUSED = "paused"  # the gateway cannot be used now
    OVER_BUDGET = "over-budget"
    INTERRUPTED = "interrupted"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of a run over all its sessions. ``rate`` is in messages per second, ``eta`` in seconds or None.

    ``state`` is sending, holding (the gateway asked to wait), gateway-down, waiting (for permitted hours or a quota,
    until ``waits_until``, UTC ms), standing-by (other senders have the rest), stopping, or finally a value of
    ``Ended``. ``skipped`` counts messages excluded since the plan (opted out, capped, country refused, expired), as
    seen by this sender. ``errors_by_code`` counts tries of this sender, not messages, by the provider's code.
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
    switches: Sequence[Switch] = ()
    """Gateways of a route that lost their share, or have it back, in this session, oldest first."""
    down: Sequence[str] = ()
    """Those that are without their share now."""

    @property
    def total(self) -> int:
        """Number of messages planned for this run."""
        return self.done + self.left


@dataclass(frozen=True, slots=True)
class SendResult:
    """How a run ended, the reason if there is one to show, and the final progress."""

    ended: Ended
    reason: Problem | None
    progress: Progress
    seconds: float
    is_last: bool = True
    """Whether this sender set the run's final state; of several senders only the last one to end does."""
