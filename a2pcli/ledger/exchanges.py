"""What a sender and the ledger hand each other: claimed messages, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from a2pcli.dataclass import dataclass
from a2pcli.messages import Message, Outcome, State

if TYPE_CHECKING:
    from a2pcli.ledger.quota_values import QuotaWait


@dataclass(frozen=True, slots=True)
class Fall:
    """A fallback to be decided at a time (``at``, UTC ms). The provider does not deliver after ``expires_at``; None
    if it was given no validity."""

    attempt: int
    at: int
    expires_at: int | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """A claimed message, its outcome, and the state the sender gives it.

    ``state`` is ``planned`` with a ``due_at`` (UTC ms) for a later try. ``counted`` is False if the try says nothing
    about the message (rate limit, gateway not reached), or was not made, so it is not counted.
    """

    message_id: int
    outcome: Outcome
    state: State
    due_at: int | None = None
    counted: bool = True
    attempts: int | None = None
    """Number of the message's try, which tells this claim from another process's; see ``settle_late``."""
    falls: Fall | None = None
    """When the message's next channel is tried; None if there is none, or not after this outcome."""

    @property
    def is_never_handed_over(self) -> bool:
        """Whether it was rejected because of what the gateway said of others, without being handed over."""
        return self.state is State.REJECTED and not self.counted


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message with a durable claim, to be handed to ``gateway`` (None: the run's).

    ``attempts`` includes this try. From ``until`` (UTC ms) on it may not be sent; None if its clock does not close.
    ``has_next``: the plan has another channel to try after it.
    """

    message: Message
    attempts: int
    cost: int | None
    currency: str | None
    until: int | None = None
    gateway: str | None = None
    has_next: bool = False
    route: str | None = None
    """The gateways that it may be handed to, if a route chooses (``route_legs``)."""


@dataclass(frozen=True, slots=True)
class Rooms:
    """How many more messages each gateway of a run can take now, by its name. Messages for the gateways in
    ``stopped`` stay planned, and the claim does not wait for them."""

    by_gateway: Mapping[str, int]
    stopped: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ByGateway:
    """The result of a claim for several gateways. ``dry`` gateways had fewer messages than they had room for.
    ``paced``: seconds until a gateway may be asked for again, because of a pace that processes share.
    ``is_partial``: for some gateways, the remaining messages were not counted."""

    dry: frozenset[str]
    paced: Mapping[str, float]
    is_partial: bool


@dataclass(frozen=True, slots=True)
class Exchange:
    """The result of ``Attempts.exchange``.

    ``skipped`` messages opted out meanwhile, were reached by another run, capped, or expired; ``left`` are still
    planned. ``next_due`` (UTC ms): when the first waiting one may go, if fewer were claimed than wanted. ``more``: ask
    again at once. ``waits``: seconds until each may be sent, empty for at once. ``pause``: seconds until more may be
    claimed, because of a shared pace, a used-up ``quota`` or budget (``short_of``), or because other senders have the
    rest (``elsewhere``).
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
    by_gateway: ByGateway | None = None
