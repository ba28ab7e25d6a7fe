"""What a sender and the ledger hand each other: claimed messages, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from a2pcli.dataclass import dataclass
from a2pcli.messages import Message, Outcome, State

if TYPE_CHECKING:
    from a2pcli.ledger.quotas import QuotaWait


@dataclass(frozen=True, slots=True)
class Fall:
    """An attempt that is to be followed at a moment (UTC milliseconds). From ``expires_at`` on the provider does not
    deliver it any more; None where it was not told when."""

    attempt: int
    at: int
    expires_at: int | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """A claimed message, what the gateway said, and the state the sender gives it.

    ``state`` is ``planned`` with a ``due_at`` (UTC milliseconds) for a later try. ``counted`` is False where
    the try says nothing about the message (rate limit, gateway not reached): it is not one of its attempts.
    """

    message_id: int
    outcome: Outcome
    state: State
    due_at: int | None = None
    counted: bool = True
    attempts: int | None = None
    """Which of the message's tries it was: tells this claim of the row from another process's; see ``settle_late``."""
    falls: Fall | None = None
    """When the message's next channel is tried; None where nothing comes after it, or not for this outcome."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message whose intent is durable: hand it over, by ``gateway`` where it is not the run's. ``attempts`` counts
    this one too. From ``until`` (UTC ms) on it may not leave any more; None where its clock does not close.
    ``has_next``: whether the plan has another channel to try after it."""

    message: Message
    attempts: int
    cost: int | None
    currency: str | None
    until: int | None = None
    gateway: str | None = None
    has_next: bool = False


@dataclass(frozen=True, slots=True)
class Exchange:
    """What ``Attempts.exchange`` gives back.

    ``skipped`` were opted out meanwhile, reached by another run, capped, or expired; ``left`` are planned still.
    ``next_due``: when the first that waits may go, where fewer were claimed than wanted. ``more``: ask again at once.
    ``waits``: seconds until each may leave, empty for at once. ``pause``: seconds until more may be claimed, by a
    shared pace, a used-up ``quota`` or budget (``short_of``), or because others send the rest (``elsewhere``).
    """

    claimed: list[Claimed]
    skipped: int
    left: int | None
    next_due: int | None
    more: bool = False
    waits: Sequence[float] = ()
    pause: float = 0.0
    short_of: str | None = None
    elsewhere: bool = False
    quota: QuotaWait | None = None
